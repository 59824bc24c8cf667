"""Commands about the log: `mqm example`, `mqm import`, `mqm check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mqm import console


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    example = console.command(
        commands, "example", _example, "write an example engagement log", "mqm example demo --contacts 10000"
    )
    example.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="the folder to write into")
    example.add_argument(
        "--contacts",
        type=console.whole_number(1, 1_000_000),
        default=10_000,
        metavar="N",
        help="known contacts; default: 10000",
    )
    example.add_argument(
        "--seed",
        type=console.whole_number(0, 2**31 - 1),
        default=0,
        metavar="S",
        help="another seed, another log; default: 0",
    )
    console.json_option(example)

    imported = console.command(
        commands,
        "import",
        _import,
        "turn tables into a log",
        "mqm import leads.csv deals.csv --map map.toml --log log",
    )
    imported.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="CSV, Parquet or JSON lines")
    imported.add_argument("--map", required=True, type=Path, metavar="MAP.toml", help="how rows become events")
    console.log_option(imported)
    console.json_option(imported)

    check = console.command(commands, "check", _check, "validate a log and say what is in it", "mqm check demo")
    check.add_argument("log", metavar="LOG", help="a log's folder, sqlite:///path.db or postgresql://…")
    console.json_option(check)


def _example(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from engagement.example import write_example

    with console.progress("example") as tell:
        summary = write_example(options.out_dir, options.contacts, options.seed, tell)
    if options.json:
        console.print_json(asdict(summary))
        return
    for name, number in asdict(summary).items():
        text = f"{number:,}" if isinstance(number, int) else str(number)
        print(f"{name.replace('_', ' '):24} {text}")
    print(f"\nwritten to {options.out_dir}; next: mqm check {options.out_dir}")


def _import(options: argparse.Namespace) -> None:
    from engagement.importing import import_sources
    from engagement.mapping import read_mapping

    mapping = read_mapping(options.map)
    with console.progress("import") as tell:
        report = import_sources(
            options.sources,
            mapping,
            options.log,
            progress=lambda what, done, whole: tell(f"{what} {done:,}", done / max(whole, 1)),
        )
    if options.json:
        console.print_json(report.to_dict())
        return
    for line in report.lines():
        print(line)


def _check(options: argparse.Namespace) -> None:
    from engagement.checking import check_log
    from engagement.log import open_log

    with console.progress("check") as tell:
        tell("reading", 0.1)
        report = check_log(open_log(options.log), console.settings(options.log))
    if options.json:
        console.print_json(report.to_dict())
        return
    for line in report.lines():
        print(line)

"""`mqm retrain`: recalibrate, train, gate, promote or keep: one command for a scheduler."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mqm import console, ledger_commands


def add(commands: Any) -> None:
    """Adds the command."""
    made = console.command(
        commands,
        "retrain",
        _retrain,
        "recalibrate, train, put to the gate, promote or keep: for a scheduler",
        "mqm retrain mql_to_meeting --log demo",
    )
    made.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(made)
    made.add_argument(
        "--as-of",
        type=console.time_argument,
        metavar="TIME",
        help="use nothing known later; default: the log's last moment",
    )
    made.add_argument(
        "--only-recalibrate",
        action="store_true",
        help="move the champion's level if that surely helps; train nothing",
    )
    made.add_argument("--trials", type=console.whole_number(0, 10_000), default=0, metavar="N", help="as mqm train")
    made.add_argument("--minutes", type=console.whole_number(1, 10_000), metavar="M", help="as mqm train")
    made.add_argument("--seed", type=console.whole_number(0, 2**31 - 1), default=0, metavar="S", help="default: 0")
    made.add_argument("--report", type=Path, metavar="FILE", help="also write what was done and found, as JSON")
    console.json_option(made)


def _retrain(options: argparse.Namespace) -> None:
    from features.table import whole_file
    from models.registry import Registry
    from mqm.model_commands import asked_of, read_arrays
    from training.retrain import retrain
    from training.tune import Budget

    settings = console.settings(options.log)
    conversion = settings.funnel.conversion(options.conversion)
    registry = Registry(console.writable_store(), console.home())
    with console.progress(f"retrain {conversion.name}") as tell:
        tell("reading the log", 0.01)
        arrays, last_known = read_arrays(options.log)
        as_of = options.as_of if options.as_of is not None else last_known
        asked = asked_of(settings, arrays, conversion, as_of)
        budget = Budget(options.trials, options.minutes and 60.0 * options.minutes)
        done = retrain(registry, asked, console.now, options.seed, budget, options.only_recalibrate, tell)
    for step in done.steps:
        if step.promoted and step.verdict:
            ledger_commands.note("promote", done.conversion, f"version {step.version} {step.verdict.digest}")
    body = console.finite(done.to_json())
    if options.report:
        with whole_file(options.report) as path:
            path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.json:
        console.print_json(body)
        return
    for step in done.steps:
        version = f" version {step.version}" if step.version else ""
        print(f"{step.what}{version}: {step.text}")
        if step.verdict:
            print(f"  evidence: {registry.artifacts(registry.find(done.conversion, step.version).run_id)}/gate.html")
    kept = "stays" if done.after == done.before else "is champion now"
    print(f"{done.conversion}: version {done.after} {kept}" if done.after else f"{done.conversion}: no champion yet")

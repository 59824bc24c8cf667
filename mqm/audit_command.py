"""`mqm audit`: which attributes and event types know the outcome already, before a model is trained on them."""

from __future__ import annotations

import argparse
from typing import Any

from mqm import console


def add(commands: Any) -> None:
    """Adds the command."""
    audit = console.command(
        commands,
        "audit",
        _audit,
        "find what knows the outcome already, before training",
        "mqm audit mql_to_meeting --log demo",
    )
    audit.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(audit)
    audit.add_argument(
        "--as-of",
        type=console.time_argument,
        metavar="TIME",
        help="use nothing known later; default: the log's last moment",
    )
    audit.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME",
        help="an attribute or event type that is known in time, whatever speaks against it; may be given again",
    )
    audit.add_argument("--all", action="store_true", help="list what is clear, too")
    console.json_option(audit)


def _audit(options: argparse.Namespace) -> None:
    from mqm.model_commands import read_arrays
    from training.audit import audit

    settings = console.settings(options.log)
    conversion = settings.funnel.conversion(options.conversion)
    with console.progress(f"audit {conversion.name}") as tell:
        tell("reading the log", 0.1)
        arrays, last_known = read_arrays(options.log)
        tell("looking at every field", 0.5)
        as_of = options.as_of if options.as_of is not None else last_known
        found = audit(arrays, conversion, settings.features, as_of, (*settings.keep, *options.keep))
    if options.json:
        console.print_json(found.to_dict())
        return
    for line in found.lines(everything=options.all):
        print(line)

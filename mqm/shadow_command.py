"""`mqm shadow`: a challenger scores beside the champion; only the metrics hear of it."""

from __future__ import annotations

import argparse
from typing import Any

from mqm import console, ledger_commands


def add(commands: Any) -> None:
    """Adds the command."""
    shadow = console.command(
        commands,
        "shadow",
        _shadow,
        "let a challenger score beside the champion, unseen",
        "mqm shadow mql_to_meeting",
    )
    shadow.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    shadow.add_argument("version", metavar="VERSION", nargs="?", help="a number; default: the challenger")
    shadow.add_argument("--stop", action="store_true", help="no more")
    console.json_option(shadow)


def _shadow(options: argparse.Namespace) -> None:
    from models.champions import SHADOWS, forget
    from models.registry import Registry

    registry, name = Registry(console.store(), console.home()), options.conversion
    if options.stop:
        forget(registry.store, name, SHADOWS)
        shown = None
    else:
        version = registry.find(name, options.version) if options.version else registry.challenger(name)
        registry.shadow(version)
        shown = version.version
    ledger_commands.note("shadow", name, f"version {shown}")
    if options.json:
        console.print_json({"conversion": name, "shadow": shown})
    else:
        print(f"in the shadow of {name}'s champion: " + (f"version {shown}" if shown else "nobody"))

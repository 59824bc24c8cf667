"""`mqm demo`: the main job from end to end, on an example log; stops by itself."""

from __future__ import annotations

import argparse
from typing import Any

from mqm import console


def add(commands: Any) -> None:
    """Adds the command."""
    demo = console.command(commands, "demo", _demo, "show the whole of mqm on an example log", "mqm demo")
    demo.add_argument("--contacts", type=console.whole_number(500, 1_000_000), default=20_000, metavar="N")
    demo.add_argument("--seed", type=console.whole_number(0, 2**31 - 1), default=0, metavar="S")


def _demo(options: argparse.Namespace) -> None:
    pass

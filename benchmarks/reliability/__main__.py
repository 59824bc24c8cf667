"""`python -m benchmarks.reliability [NAME …] [--long]`: runs the named scenarios, or all, and prints a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale, Skipped

ALL = ["ingest", "kills", "torn_wal", "replays", "fsyncs", "wal_bounded"]
ALL += ["disk_full", "read_only", "locked", "clock_jumps", "postgres_gone"]
ALL += ["bundles", "swaps", "agreement", "hostile", "overload", "fuzz"]


def main(arguments: list[str]) -> int:
    """Runs them one after the other; 1 where a promise did not hold."""
    known = f"There are: {', '.join(ALL)}."
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=known)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--long", action="store_true", help="as many tries as the promise says: hours, not minutes")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in ALL]
    if unknown:
        parser.error(f"unknown scenario {unknown[0]!r}. {known}")
    print(f"{'scenario':16} {'held':8} {'seconds':>8}  what was seen", flush=True)
    broken = 0
    for name in asked.names or ALL:
        module = import_module(f"benchmarks.reliability.{name}")
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"mqm-{name}-") as folder:
            try:
                outcome = module.run(Scale(asked.long), Path(folder))
            except Skipped as reason:
                outcome = Outcome(None, str(reason))
        word = {True: "yes", False: "NO", None: "skipped"}[outcome.held]
        promise = (module.__doc__ or "").splitlines()[0]
        print(f"{name:16} {word:8} {time.perf_counter() - began:8.1f}  {outcome.told}\n{'':35}{promise}", flush=True)
        broken += outcome.held is False
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

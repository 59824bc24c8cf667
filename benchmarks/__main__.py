"""`python -m benchmarks [NAME …]`: runs the named benchmarks, or all."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = ("online", "achievable")


def main(names: list[str]) -> int:
    """Runs them one after the other."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; there are: {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        print(f"\n== {name}", flush=True)
        import_module(f"benchmarks.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m benchmarks [NAME …] [--events N]`: runs the named benchmarks, or all.

Sizes are such that all take some two hours, half of that `chain` and `kill`. `--events` (or MQM_BENCH_EVENTS) is
the size of the log for those that measure features, MQM_BENCH_CONTACTS for `achievable`, MQM_BENCH_ROWS for
`training_size`. MQM_BENCH_SEED takes other worlds for `gate`, `chain` and `drift`, MQM_BENCH_KILLS fewer kills.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from features.kept import keep_memory

ALL = {
    "online": "benchmarks.online",
    "http": "benchmarks.serving.http_score",
    "achievable": "benchmarks.achievable",
    "quality": "benchmarks.quality",
    "explain": "benchmarks.explain",
    "training_size": "benchmarks.training_size",
    "gate": "benchmarks.watch.gate",
    "chain": "benchmarks.watch.chain",
    "drift": "benchmarks.watch.drift",
    "kill": "benchmarks.watch.kill",
    "one_pass": "benchmarks.features.one_pass",
    "growth": "benchmarks.features.growth",
    "peers": "benchmarks.features.peers",
    "featuretools": "benchmarks.features.synthesis",
    "one_contact": "benchmarks.features.one_contact",
}


def main(arguments: list[str]) -> int:
    """Runs them one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=f"There are: {', '.join(ALL)}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--events", type=int, help="size of the log for those that measure features")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in ALL]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; there are: {', '.join(ALL)}")
    keep_memory()
    if asked.events:
        os.environ["MQM_BENCH_EVENTS"] = str(asked.events)
    for name in asked.names or ALL:
        print(f"\n== {name}", flush=True)
        import_module(ALL[name]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What an event of a large log costs beside one of a log a tenth its size: streamed from an unsorted file.

Each is computed once, in a process of its own, as a command does it: compiled code is warm (a small log came before),
but memory and pages of files are handed over anew by the system, which is why there is a pause before each. (On a
virtual machine a fresh page of a file costs two to ten times what one costs that was just given back. A log that is
computed again and again within a process, as in `one_pass`, lives on such pages; one of 100 million events can't.)

By default 20 and 2 million events; promised for 100 million (`--events 100000000`): at most 1.2 times the time per
event, and at most 3 GiB, sorting included. The ratio is the median of the pairs'. Digests are those of `one_pass`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.features import generated, ways
from benchmarks.features.measuring import machine, peak_mib, size, table
from benchmarks.features.ways import Given

PAIRS = 3
#: Events of the log that comes before, and seconds of the pause.
WARM, PAUSE = 1_000_000, 20


def run() -> None:
    """Prints a line for each size, and one for the growth."""
    events = size(20_000_000)
    with TemporaryDirectory() as name:
        sizes = [events // 10, events]
        for number in {WARM, *sizes}:
            (Path(name) / str(number)).mkdir()
            generated.write(number, Path(name) / str(number) / "unsorted")
        print(machine("pyarrow", "numba"), flush=True)
        pairs = [[_alone(name, number) for number in sizes] for _ in range(PAIRS)]
        print(table(["events", "seconds", "ns an event", "peak MiB", "columns"], list(map(_line, *pairs))))
        each = [[one["seconds"] / one["events"] for one in pair] for pair in pairs]
        grown = [large / small for small, large in each]
        print(f"time per event: {median(grown):.2f} × ({', '.join(f'{one:.2f}' for one in grown)})", flush=True)


def _alone(folder: str, events: int) -> dict[str, Any]:
    time.sleep(PAUSE)
    command = [sys.executable, "-m", "benchmarks.features.growth", folder, str(events)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _line(*runs: dict[str, Any]) -> list[str]:
    events, seconds = runs[0]["events"], median(run["seconds"] for run in runs)
    peak, digests = max(run["peak"] for run in runs), {run["digest"] for run in runs}
    return [f"{events:,}", f"{seconds:.2f}", f"{1e9 * seconds / events:.0f}", f"{peak:,}", " ".join(sorted(digests))]


def main(folder: str, events: int) -> None:
    """Computes once and prints what it took; peak memory is that of the whole process (MiB)."""
    given, digest = Given(Path(folder) / str(events), events), hashlib.sha256()
    _ = given.rows
    for _ in range(2):
        ways.streamed(Given(Path(folder) / str(WARM), WARM), lambda columns: None, "unsorted")
    begin = time.perf_counter()
    ways.streamed(given, lambda columns: digest.update(np.ascontiguousarray(columns).data), "unsorted")
    taken = time.perf_counter() - begin
    print(json.dumps({"events": events, "seconds": taken, "peak": peak_mib(), "digest": digest.hexdigest()[:8]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

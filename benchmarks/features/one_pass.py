"""All 73 columns beside one plain pass over the same data: in memory, streamed and on Spark.

The plain pass is DuckDB's `SELECT contact_id, count(*), sum(value), max(occurred_at), min(occurred_at) … GROUP BY
contact_id`. Both start from the same source and use two threads: a table in memory (Arrow, unsorted, texts as texts),
a Parquet file of it (unsorted), and one sorted by contact and time. One row for each contact, at a time of its own.
The floor is a bare pass: reading the bytes of the six columns that these features look at, or decoding them from the
file, and nothing else. (The plain pass looks at three.)

By default 10 million events and 200,000 rows. Each way is paired with the plain group-by five times (Spark once, and
all once above 20 million events, where nothing is done in memory); the ratio is the median of the pairs'. That of the
group-by to itself shows the noise. Spark's session runs already. Peak memory (of Java and all workers too, pages that
they share counted for each) and the digest of the columns, which must be the same for all, come from a process of its
own for each way; "before it" are the interpreter, its packages, and the table where that is the source.

What is promised: in memory from the table 2.0, streamed from the sorted file 2.5 times the plain group-by; 100
million events within 3 GiB, sorting included. (How time grows with the log: `growth`.)
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import psutil

from benchmarks.features import generated, ways
from benchmarks.features.measuring import machine, peak_mib, ratio, seconds, size, table
from benchmarks.features.ways import Given, See

Way = Callable[[Given, See], None]

#: By source; the first of each is the floor and the second what the others are measured against.
WAYS: dict[str, dict[str, Way]] = {
    "table": {
        "bare pass": ways.bare_table,
        "plain group-by": ways.group_by_table,
        "in memory": ways.in_memory_table,
    },
    "unsorted file": {
        "bare pass": partial(ways.bare_file, order="unsorted"),
        "plain group-by": partial(ways.group_by_file, order="unsorted"),
        "in memory": ways.in_memory_file,
        "streamed": partial(ways.streamed, order="unsorted"),
        "Spark": ways.on_spark,
    },
    "sorted file": {
        "bare pass": partial(ways.bare_file, order="sorted"),
        "plain group-by": partial(ways.group_by_file, order="sorted"),
        "streamed": partial(ways.streamed, order="sorted"),
    },
}
LARGE = 20_000_000
_MIB = 1 << 20


def run() -> None:
    """Prints a table for each source."""
    events = size(10_000_000)
    with TemporaryDirectory() as name:
        given = Given(Path(name), events)
        generated.write(events, given.folder / "unsorted")
        generated.write_sorted(given.folder / "unsorted", given.folder / "sorted")
        print(machine("duckdb", "pyarrow", "numba", "pyspark"))
        print(f"{events:,} events, {len(given.rows.cutoffs):,} rows, {len(ways.FEATURES.names)} columns, 2 threads")
        for source, some in WAYS.items():
            if events <= LARGE or source != "table":
                print(f"\nfrom the {source}", flush=True)
                print(table(*_measured(given, source, some)), flush=True)


def _measured(given: Given, source: str, some: dict[str, Way]) -> tuple[list[str], list[list[str]]]:
    large, body = given.events > LARGE, []
    some = {name: way for name, way in some.items() if not large or name != "in memory"}
    plain = partial(some["plain group-by"], given, _ignore)
    for name, way in some.items():
        alone = _alone(source, name, given)
        call = partial(way, given, _ignore)
        with ways.spark_session(given) if name == "Spark" else nullcontext():
            if not large:
                call()  # compiles, and warms the file cache
            pairs = [(seconds(plain), seconds(call)) for _ in range(1 if large or name == "Spark" else 5)]
        base, taken = [one for one, _ in pairs], [other for _, other in pairs]
        each = 1e9 * median(taken) / given.events
        body.append(
            [
                name, f"{median(taken):.2f}", f"{each:.0f}", f"{ratio(taken, base):.2f}",
                f"{alone['peak']:,}", f"{alone['before']:,}", alone["digest"],
            ]
        )  # fmt: skip
    return ["way", "seconds", "ns an event", "× plain", "peak MiB", "before it", "columns"], body


def _ignore(columns: npt.NDArray[np.float64]) -> None:
    """Sees the columns and lets them go."""


def _alone(source: str, name: str, given: Given) -> dict[str, str | int]:
    """What `main` prints in a process of its own, and the most memory that it and its children had together."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.features.one_pass",
        source,
        name,
        str(given.folder),
        str(given.events),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        most, root = 0, psutil.Process(child.pid)
        while child.poll() is None:
            most = max(most, _resident(root))
            time.sleep(0.02)
        printed = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"{name} from the {source} failed")
    found: dict[str, str | int] = json.loads(printed.splitlines()[-1])
    return {**found, "peak": max(int(found["peak"]), most // _MIB)}


def _resident(root: psutil.Process) -> int:
    try:
        return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))
    except psutil.Error:
        return 0  # one of them has just ended


def main(source: str, name: str, folder: str, events: str) -> None:
    """Takes one way and prints its peak memory (MiB), what was in memory before it, and its columns' digest."""
    given, digest = Given(Path(folder), int(events)), hashlib.sha256()
    _ = given.rows, given.table if source == "table" else None
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of getting here
    before = psutil.Process().memory_info().rss
    WAYS[source][name](given, lambda columns: digest.update(np.ascontiguousarray(columns).data))
    empty = digest.hexdigest() == hashlib.sha256().hexdigest()
    told = {"peak": peak_mib(), "before": before // _MIB}
    print(json.dumps({**told, "digest": "" if empty else digest.hexdigest()[:8]}))


if __name__ == "__main__":
    main(*sys.argv[1:])

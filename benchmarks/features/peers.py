"""The same 73 columns in DuckDB's SQL and in Polars, at one and at six cutoffs per contact.

All ways start from the same Arrow table in memory (unsorted, texts as texts) and the same rows (contact, cutoff),
with two threads, and end with a table in memory; ours includes sorting and encoding the log, for each number of
cutoffs anew. Each peer is written twice: one filtered aggregate for each column, as it is usually done, and the
best that we know (`benchmarks.features.sql`, `benchmarks.features.frames`). The numbers of all ways are compared.

By default 1 million events, 20,000 contacts; `--events 10000000` is the size of the promise (six cutoffs: at least
20 times as fast as SQL), and takes a quarter of an hour. The floor is the plain group-by over the same table: no way
that reads every event once and answers per contact can be much faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from benchmarks.features import frames, generated, sql
from benchmarks.features.columns import FEATURES
from benchmarks.features.measuring import interleaved, machine, ratio, size, table
from features.arrays import LogArrays

THREADS = 2
OURS, PLAIN = "mqm", "plain group-by (floor)"


def run() -> None:
    """Prints a table for each number of cutoffs."""
    events = generated.generate(size(1_000_000))
    print(machine("duckdb", "polars", "numba", "pyarrow"))
    if pl.thread_pool_size() > THREADS:
        print(f"POLARS_MAX_THREADS=2 was not set: Polars has {pl.thread_pool_size()} threads")
    for cutoffs, rounds in ((1, 3), (6, 1)):
        _measure(events, generated.rows(len(events), cutoffs), rounds)


def _measure(events: pa.Table, rows: generated.Rows, rounds: int) -> None:
    wanted = rows.table()
    db = duckdb.connect(config={"threads": THREADS})
    db.execute(f"SET enable_progress_bar = false; {sql.SETUP}")
    db.register("events", events).register("wanted", wanted)
    ways: dict[str, Callable[[], Any]] = {
        PLAIN: lambda: db.sql(sql.PLAIN.format(events="events")).to_arrow_table(),
        OURS: lambda: ours(events, rows),
        "DuckDB, bucket then pivot": lambda: db.sql(sql.pivoted()).to_arrow_table(),
        "DuckDB, FILTER aggregates": lambda: db.sql(sql.wide()).to_arrow_table(),
        "Polars, bucket then pivot": lambda: frames.pivoted(events, wanted),
        "Polars, filtered aggregates": lambda: frames.wide(events, wanted),
    }
    mine = ways[OURS]()  # also compiles
    checks = {name: difference(matrix(way()), mine) for name, way in ways.items() if name not in (OURS, PLAIN)}
    times = interleaved(ways, rounds)
    print(
        f"\n{len(events):,} events, {len(wanted):,} rows, {len(FEATURES.names)} columns, {THREADS} threads",
        flush=True,
    )
    body = [
        [
            name,
            f"{sorted(taken)[len(taken) // 2]:.2f}",
            f"{ratio(taken, times[OURS]):.1f}",
            f"{ratio(taken, times[PLAIN]):.1f}",
            checks.get(name, ""),
        ]
        for name, taken in times.items()
    ]
    print(table(["way", "seconds", "× mqm", "× plain", "numbers"], body), flush=True)


def ours(events: pa.Table, rows: generated.Rows) -> npt.NDArray[np.float64]:
    """(rows, columns) from the log's table, everything included."""
    arrays = LogArrays.from_tables(events, generated.NO_ATTRIBUTES)
    return FEATURES.compute(arrays, rows.contact_ids, rows.cutoffs, threads=THREADS)


def matrix(result: pa.Table | pl.DataFrame) -> npt.NDArray[np.float64]:
    """(rows, columns) of a peer's result, in the order of rows and declarations; missing is NaN."""
    found = result.to_arrow() if isinstance(result, pl.DataFrame) else result
    order = np.argsort(found["row"].to_numpy())
    columns = [found[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in FEATURES.names]
    return np.column_stack(columns)[order]


def difference(theirs: npt.NDArray[np.float64], mine: npt.NDArray[np.float64]) -> str:
    """In words: to the last bit, or how many numbers differ and by how much."""
    differ = ~((theirs == mine) | (np.isnan(theirs) & np.isnan(mine)))
    if not differ.any():
        return "equal to the last bit"
    columns = np.flatnonzero(differ.any(axis=0))
    largest = np.max(np.abs(theirs[differ] - mine[differ]) / np.abs(mine[differ]))
    return f"{differ.mean():.1%} differ, by at most {largest:.0e} (in {len(columns)} columns)"

"""What a row costs in featuretools, on a sample, and what it costs here.

A log of 20,000 events and 400 contacts, of which 50 rows (contact, cutoff) are asked: 69 of the 73 columns, as its
active days are calendar days. It does not know of a time of receipt either, so in this log everything is known at
once. It runs in an environment of its own (`benchmarks/peers/featuretools.lock`): its last release fails on our
pandas. Its clock covers the calculation alone, ours loading the log too; the floor is the pass over the log that
loads it. The columns are compared, with its "missing" taken for none where it counts.
"""

from __future__ import annotations

import json
import statistics
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.features import generated
from benchmarks.features.columns import ACTIVE, FEATURES, ZERO
from benchmarks.features.measuring import machine, seconds, table
from benchmarks.features.peers import difference
from benchmarks.peers import run_in
from features.arrays import LogArrays
from features.feature_set import FeatureSet

EVENTS, ROWS = 20_000, 50
ASKED = FeatureSet(tuple(f for f in FEATURES.features if f not in ACTIVE))


def run() -> None:
    """Prints milliseconds a row."""
    events = generated.generate(EVENTS)
    at = events.schema.get_field_index("received_at")
    events = events.set_column(at, events.schema.field(at), events["occurred_at"])
    every = generated.rows(EVENTS)
    some = generated.Rows(every.contact_ids[:ROWS], every.cutoffs[:ROWS])

    def ours() -> npt.NDArray[np.float64]:
        arrays = LogArrays.from_tables(events, generated.NO_ATTRIBUTES)
        return ASKED.compute(arrays, some.contact_ids, some.cutoffs)

    mine = ours()  # also compiles
    taken = statistics.median(seconds(ours) for _ in range(5))
    load = partial(LogArrays.from_tables, events, generated.NO_ATTRIBUTES)
    loading = statistics.median(seconds(load) for _ in range(5))
    theirs, found = _featuretools(events, some)
    print(machine("numba"))
    print(f"{EVENTS:,} events, {ROWS} rows, {len(ASKED.names)} columns")
    times = {"loading the log (floor)": loading, "mqm": taken, "featuretools": theirs}
    body = [[name, f"{1e3 * time / ROWS:.3f}", f"{time / taken:,.1f}"] for name, time in times.items()]
    print(table(["way", "ms a row", "× mqm"], body))
    print(f"numbers: {difference(found, mine)}")


def _featuretools(events: pa.Table, rows: generated.Rows) -> tuple[float, npt.NDArray[np.float64]]:
    """Its seconds, and (rows, columns) what it found."""
    columns = [{"name": f.name, "op": f.op, "type": f.type, "window": f.window} for f in ASKED.features]
    with TemporaryDirectory() as name:
        folder = Path(name)
        used = events.select(["event_id", "contact_id", "type", "occurred_at", "value", "detail"])
        plain_time = used["occurred_at"].cast(pa.timestamp("us"))
        pq.write_table(used.set_column(3, "occurred_at", plain_time), folder / "events.parquet")
        pq.write_table(rows.table(), folder / "wanted.parquet")
        (folder / "columns.json").write_text(json.dumps(columns))
        taken = float(run_in("featuretools", "featuretools_rows.py", str(folder)).split()[-1])
        found = pq.read_table(folder / "found.parquet")
    place = {contact: row for row, contact in enumerate(found["contact_id"].to_pylist())}
    order = [place[contact] for contact in rows.contact_ids.to_pylist()]
    matrix = np.column_stack([found[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in ASKED.names])
    none = np.isnan(matrix) & np.isin(ASKED.names, ZERO)
    return taken, np.where(none, 0.0, matrix)[order]

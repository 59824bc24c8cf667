"""One contact's vector, online: decoded events → each way's own arrays → 73 numbers, in microseconds.

Histories of 10, 50 and 500 events, decoded (`engagement.events.Event`). "To arrays" turns them into what each way
works on, for us the encoded, sorted arrays; "to vector" is the rest. The vectors are compared. Beside ours, which is
the way of training too:
- NumPy, by hand for these very columns;
- Polars with the query of the batch, as one would have to who wants training and serving to agree, and with a query
  of its own for a single contact (eager, expressions made once);
- DuckDB with a query of its own, prepared once, over a table that is emptied and filled. Planning is most of it and
  is done at every EXECUTE; it is a third with the optimizer of joins off, so that is how it is measured.

The floor is one pass over the decoded events in Python that reads one attribute of each. The promise: with 50 events
at most 60 µs from arrays to vector, and at least 100 times as fast as Polars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.features import frames, sql
from benchmarks.features.columns import DISTINCTS, FEATURES, WINDOWS
from benchmarks.features.generated import BEGIN, DETAILED, SPAN, TYPES, VALUED
from benchmarks.features.measuring import machine, micros, table
from engagement.events import Event
from engagement.schema import EVENTS, VALUE_SCALE
from engagement.times import DAY
from features.arrays import LogArrays

AS_OF = BEGIN + SPAN
ROW = pa.table({"row": [0], "contact_id": ["c-1"], "cutoff": [AS_OF]})
CODES = {kind: code for code, kind in enumerate(TYPES)}


@dataclass(frozen=True)
class Way:
    """How decoded events become arrays, and arrays the vector (columns,)."""

    to_arrays: Callable[[Sequence[Event]], Any]
    to_vector: Callable[[Any], Any]


def ways() -> dict[str, Way]:
    """All of them; ours is the first."""
    return {
        "mqm": Way(LogArrays.from_events, lambda arrays: FEATURES.compute(arrays, ["c-1"], [AS_OF])[0]),
        "NumPy": Way(_numpy_arrays, _numpy_vector),
        "Polars, query of its own": Way(
            _polars_frame, partial(_polars_vector, frames.aggregates(), frames.finished())
        ),
        "Polars, query of the batch": Way(_table, _polars_batch),
        "DuckDB, prepared": _duckdb(),
    }


def run() -> None:
    """Prints a table for each length of history."""
    print(machine("duckdb", "polars", "numba", "numpy"))
    measured = ways()
    for number in (10, 50, 500):
        events = history(number)
        floor = micros(lambda: sum(event.occurred_at for event in events))  # noqa: B023
        expected = measured["mqm"].to_vector(measured["mqm"].to_arrays(events))
        body, ours = [], 0.0
        for name, way in measured.items():
            arrays = way.to_arrays(events)
            vector = np.array(way.to_vector(arrays), np.float64)
            first, second = micros(partial(way.to_arrays, events)), micros(partial(way.to_vector, arrays), 100)
            ours = ours or second
            same = "equal to the last bit" if np.array_equal(vector, expected, equal_nan=True) else "NOT EQUAL"
            body.append([name, f"{first:,.0f}", f"{second:,.0f}", f"{second / ours:,.1f}", same])
        print(f"\n{number} events (one pass over them in Python: {floor:.0f} µs); µs, medians")
        print(table(["way", "to arrays", "to vector", "× mqm", "numbers"], body), flush=True)


def history(number: int, contact: str = "c-1") -> list[Event]:
    """So many decoded events of one contact in the last year, in no order."""
    random = np.random.default_rng(number)
    kinds = random.choice(list(TYPES), number, p=[share for share, _, _ in TYPES.values()])
    times, details = AS_OF - random.integers(1, SPAN, number), random.integers(0, 5, number)
    return [
        Event(
            str(i), contact, "a-1", str(kind), int(times[i]), int(times[i]) + 1_000,
            float(random.integers(1, 500_000)) / 100 if kind in VALUED else None,
            f"{kind}-{details[i]:02d}" if kind in DETAILED else None,
        )
        for i, kind in enumerate(kinds)
    ]  # fmt: skip


def _numpy_arrays(events: Sequence[Event]) -> tuple[Any, ...]:
    """Ages, type codes, millionths and detail codes of the known events."""
    known = [e for e in events if e.occurred_at < AS_OF and e.received_at <= AS_OF]
    details = {text: code for code, text in enumerate(sorted({e.detail for e in known if e.detail is not None}))}
    age = AS_OF - np.array([e.occurred_at for e in known], np.int64)
    kind = np.array([CODES[e.type] for e in known], np.int64)
    millionths = np.rint(np.array([e.value or 0.0 for e in known]) * VALUE_SCALE)
    return age, kind, millionths, np.array([-1 if e.detail is None else details[e.detail] for e in known], np.int64)


def _numpy_vector(arrays: tuple[Any, ...]) -> Any:
    """(columns,) counts and sums by (type, ring) at once; whole numbers below 2^53 add up exactly as floats."""
    age, kind, millionths, detail = arrays
    rings, number = len(WINDOWS) + 1, len(TYPES)
    ring = np.searchsorted(WINDOWS, age)
    cell = kind * rings + ring
    counts = np.bincount(cell, minlength=number * rings).reshape(number, rings).cumsum(axis=1)[:, :-1]
    sums = np.bincount(cell, millionths, number * rings).reshape(number, rings).cumsum(axis=1)[:, :-1]
    youngest = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(youngest, kind, age)
    recency = np.where(youngest < np.iinfo(np.int64).max, youngest / DAY, np.nan)
    near = (ring < rings - 1) & (detail >= 0)
    width = int(detail.max(initial=0)) + 1
    different = np.bincount(np.unique(kind[near] * width + detail[near]) // width, minlength=number)
    days = np.unique((age - 1) // DAY)
    return np.concatenate([
        counts.ravel(), (sums[[CODES[kind] for kind in VALUED]] / VALUE_SCALE).ravel(), recency,
        different[[CODES[str(f.type)] for f in DISTINCTS]],
        np.searchsorted(days, [window // DAY for window in WINDOWS]),
        [age.max() / DAY, age.min() / DAY, len(age)],
    ])  # fmt: skip


def _polars_frame(events: Sequence[Event]) -> pl.DataFrame:
    known = [e for e in events if e.occurred_at < AS_OF and e.received_at <= AS_OF]
    return pl.DataFrame(
        {
            "type": [e.type for e in known],
            "detail": [e.detail for e in known],
            "age": [AS_OF - e.occurred_at for e in known],
            "millionths": [None if e.value is None else round(e.value * VALUE_SCALE) for e in known],
        },
        {"type": pl.String, "detail": pl.String, "age": pl.Int64, "millionths": pl.Int64},
    )


def _polars_vector(aggregates: list[pl.Expr], finished: list[pl.Expr], frame: pl.DataFrame) -> Any:
    found = frame.select(aggregates).with_columns(of_days=DAY, of_units=VALUE_SCALE).with_columns(finished)
    return found.select(FEATURES.names).row(0)


def _table(events: Sequence[Event]) -> pa.Table:
    return pa.table([[getattr(event, name) for event in events] for name in EVENTS.names], schema=EVENTS)


def _polars_batch(events: pa.Table) -> Any:
    return frames.wide(events, ROW).select(FEATURES.names).row(0)


def _duckdb() -> Way:
    """A connection with the history in a table of its own and the query prepared over it."""
    db = duckdb.connect(config={"threads": 1})
    db.register("decoded", EVENTS.empty_table())
    db.execute("CREATE TABLE events AS FROM decoded; SET disabled_optimizers = 'join_order'")
    db.execute(f"PREPARE vector AS SELECT {', '.join(FEATURES.names)} FROM ({sql.single('events', AS_OF)})")

    def fill(events: Sequence[Event]) -> None:
        db.register("decoded", _table(events))
        db.execute("DELETE FROM events; INSERT INTO events FROM decoded")

    return Way(fill, lambda _: db.execute("EXECUTE vector").fetchone())

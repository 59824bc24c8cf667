"""The same columns in Polars, two ways, on its streaming engine.

Polars divides by a constant as a multiplication with its reciprocal, which is a bit off in a quarter of all values;
by a column it divides. So the columns stay integers until the very end, and are then divided by a column.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from benchmarks.features.columns import ACTIVE, COUNTS, DISTINCTS, EVER, FIRST, LAST, RECENCIES, SUMS, WINDOWS, ZERO
from engagement.schema import VALUE_SCALE
from engagement.times import DAY
from features.declare import Feature

_age, _type = pl.col("age"), pl.col("type")
_MICROS = pl.col("occurred_at").cast(pl.Int64), pl.col("received_at").cast(pl.Int64)


def wide(events: pa.Table, wanted: pa.Table) -> pl.DataFrame:
    """One filtered aggregate for each column."""
    return _every_row(wanted, _seen(events, wanted).group_by("row").agg(aggregates()))


def aggregates() -> list[pl.Expr]:
    """The columns, from the `type`, `detail`, `age` and `millionths` of one row's events."""
    day = (_age - 1) // DAY
    columns = [_within(f).sum().alias(f.name) for f in COUNTS]
    columns += [pl.col("millionths").filter(_within(f)).sum().alias(f.name) for f in SUMS]
    columns += [_age.filter(_type == f.type).min().alias(f.name) for f in RECENCIES]
    columns += [pl.col("detail").filter(_within(f)).drop_nulls().n_unique().alias(f.name) for f in DISTINCTS]
    columns += [day.filter(_age <= f.window).n_unique().alias(f.name) for f in ACTIVE]
    ends = [_age.max().alias(FIRST.name), _age.min().alias(LAST.name), pl.len().alias(EVER.name)]
    return columns + ends


def pivoted(events: pa.Table, wanted: pa.Table) -> pl.DataFrame:
    """First one group for each (row, type, window's ring), then the groups are added up into columns."""
    seen = _seen(events, wanted)
    cells = (
        seen.group_by("row", "type", ring=pl.sum_horizontal((_age > window).cast(pl.Int8) for window in WINDOWS))
        .agg(n=pl.len(), millionths=pl.col("millionths").sum(), youngest=_age.min(), oldest=_age.max())
    )  # fmt: skip
    columns = [pl.col("n").filter(_ring(f)).sum().alias(f.name) for f in COUNTS]
    columns += [pl.col("millionths").filter(_ring(f)).sum().alias(f.name) for f in SUMS]
    columns += [pl.col("youngest").filter(_type == f.type).min().alias(f.name) for f in RECENCIES]
    columns += [pl.col("oldest").max().alias(FIRST.name), pl.col("youngest").min().alias(LAST.name)]
    columns += [pl.col("n").sum().alias(EVER.name)]
    details = seen.filter(pl.col("detail").is_not_null() & (_age <= WINDOWS[-1])).select("row", "type", "detail")
    different = [(_type == f.type).sum().alias(f.name) for f in DISTINCTS]
    days = seen.select("row", age=(_age - 1) // DAY * DAY).unique()
    active = [(_age < f.window).sum().alias(f.name) for f in ACTIVE]
    told = (
        cells.group_by("row").agg(columns)
        .join(details.unique().group_by("row").agg(different), on="row", how="left")
        .join(days.group_by("row").agg(active), on="row", how="left")
    )  # fmt: skip
    return _every_row(wanted, told)


def _seen(events: pa.Table, wanted: pa.Table) -> pl.LazyFrame:
    """Each row's events that were known at its cutoff."""
    occurred, received = _MICROS
    used = pl.DataFrame(events.select(["contact_id", "type", "detail", "value", "occurred_at", "received_at"]))
    joined = pl.DataFrame(wanted).lazy().join(used.lazy(), on="contact_id")
    return joined.filter((occurred < pl.col("cutoff")) & (received <= pl.col("cutoff"))).select(
        "row",
        "type",
        "detail",
        age=pl.col("cutoff") - occurred,
        millionths=(pl.col("value") * 1e6).round().cast(pl.Int64),
    )


def _within(f: Feature) -> pl.Expr:
    return (_type == f.type) & (_age <= f.window)


def _ring(f: Feature) -> pl.Expr:
    return (_type == f.type) & (pl.col("ring") <= WINDOWS.index(f.window or 0))


def finished() -> list[pl.Expr]:
    """The columns that are not whole numbers, divided by the columns `of_days` and `of_units`."""
    days = [pl.col(f.name) / pl.col("of_days") for f in (*RECENCIES, FIRST, LAST)]
    return days + [pl.col(f.name) / pl.col("of_units") for f in SUMS]


def _every_row(wanted: pa.Table, told: pl.LazyFrame) -> pl.DataFrame:
    """Rows without history have a place too: zeros and missing values. In no order."""
    every = pl.DataFrame(wanted.select(["row"])).with_columns(of_days=DAY, of_units=VALUE_SCALE).lazy()
    joined = every.join(told, on="row", how="left").with_columns(pl.col(name).fill_null(0) for name in ZERO)
    return joined.with_columns(finished()).drop("of_days", "of_units").collect(engine="streaming")

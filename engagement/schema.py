"""The two tables of a log, and how any table is made to fit them or refused by name.

Times are `timestamp[us, UTC]`; columns are those of the contract, always in this order. A text column that comes as
a dictionary stays one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import BadInput
from engagement.times import EARLIEST, LATEST

TIME = pa.timestamp("us", tz="UTC")

EVENTS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("contact_id", pa.string(), nullable=False),
        pa.field("account_id", pa.string()),
        pa.field("type", pa.string(), nullable=False),
        pa.field("occurred_at", TIME, nullable=False),
        pa.field("received_at", TIME, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("detail", pa.string()),
        pa.field("properties", pa.string()),
    ]
)

ATTRIBUTES = pa.schema(
    [
        pa.field("contact_id", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("occurred_at", TIME, nullable=False),
        pa.field("received_at", TIME, nullable=False),
    ]
)

#: Values are kept as integers of a millionth (law 7), so that sums never depend on the order of addition.
VALUE_SCALE = 1_000_000
#: |value| at most this: a single value fits 63 bits with room to add 9,000 of them.
VALUE_LIMIT = 1e9


#: The columns of events that every log has.
REQUIRED = ("event_id", "contact_id", "type", "occurred_at")


def events_table(table: pa.Table, source: str = "events", columns: Collection[str] | None = None) -> pa.Table:
    """The table with the columns of `EVENTS`, cast and checked; `received_at` defaults to `occurred_at`.

    With `columns`, these alone: the others may be absent.

    Raises:
        BadInput: a column is missing, cannot be read as its type, or holds a value that is not allowed.
    """
    schema = EVENTS if columns is None else pa.schema([f for f in EVENTS if f.name in columns])
    fitted = _fit(table, schema, [name for name in REQUIRED if name in schema.names], source)
    if "value" in schema.names and not _within_limit(fitted["value"]):
        fine = pc.less_equal(pc.abs(fitted["value"]), VALUE_LIMIT)
        cure = f"Values are finite and at most {VALUE_LIMIT:g}."
        _refuse_first(fitted, pc.invert(fine), "value", source, cure)
    return fitted


def _within_limit(values: pa.ChunkedArray) -> bool:
    """Whether all values are. What lies under nulls mostly is too: looking at both takes a quarter as long."""
    if values.null_count == len(values):
        return True
    raw = [np.frombuffer(chunk.buffers()[1], np.float64)[chunk.offset :][: len(chunk)] for chunk in values.chunks]
    if all(some.min() >= -VALUE_LIMIT and some.max() <= VALUE_LIMIT for some in raw if len(some)):  # NaN never is
        return True
    return bool(pc.all(pc.less_equal(pc.abs(values), VALUE_LIMIT)).as_py())


def attributes_table(table: pa.Table, source: str = "attributes") -> pa.Table:
    """The table with the columns of `ATTRIBUTES`, cast and checked; each row has a contact or an account.

    Raises:
        BadInput: as `events_table`.
    """
    if "contact_id" not in table.column_names and "account_id" not in table.column_names:
        raise BadInput(f"{source} has neither contact_id nor account_id", table.column_names, "Name whose they are.")
    fitted = _fit(table, ATTRIBUTES, ["name", "value", "occurred_at"], source)
    nobody = pc.and_(pc.is_null(fitted["contact_id"]), pc.is_null(fitted["account_id"]))
    _refuse_first(fitted, nobody, "name", source, "Each attribute names a contact_id or an account_id.")
    return fitted


def _fit(table: pa.Table, schema: pa.Schema, required: Collection[str], source: str) -> pa.Table:
    require(table.column_names, required, source)
    columns: list[Any] = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(_cast(table[field.name], field, source))
        elif field.name == "received_at":
            columns.append(columns[schema.get_field_index("occurred_at")])
        else:
            columns.append(pa.nulls(len(table), field.type))
    fitted = pa.table(columns, names=schema.names)
    if "received_at" in table.column_names and fitted["received_at"].null_count:
        filled = pc.coalesce(fitted["received_at"], fitted["occurred_at"])
        at = schema.get_field_index("received_at")
        fitted = fitted.set_column(at, fitted.schema.field(at), filled)
    for field in schema:
        if not field.nullable and fitted[field.name].null_count:
            _refuse_first(fitted, pc.is_null(fitted[field.name]), field.name, source, "It must not be empty.")
    return fitted.cast(pa.schema([f.with_type(c.type) for f, c in zip(schema, fitted.columns, strict=True)]))


def require(names: Collection[str], required: Collection[str], source: str) -> None:
    """Refuses a table without one of the required columns.

    Raises:
        BadInput: the first that is missing.
    """
    missing = [name for name in required if name not in names]
    if missing:
        cure = f"A log's table needs {', '.join(required)}."
        raise BadInput(f"{source} lacks the column {missing[0]!r}", ", ".join(names), cure)


def _cast(column: pa.ChunkedArray, field: pa.Field, source: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        if column.type.value_type == field.type and not any(c.dictionary.null_count for c in column.chunks):
            return column
        column = column.cast(column.type.value_type)
    try:
        if pa.types.is_timestamp(field.type):
            return cast_time(column, field.name, source)
        if pa.types.is_string(field.type) and (
            pa.types.is_floating(column.type) and not pc.any(pc.is_finite(column)).as_py()
        ):
            return pa.chunked_array([pa.nulls(len(column), pa.string())])
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        cure = f"{field.name} is read as {field.type}."
        raise BadInput(f"{source}: column {field.name!r} cannot be read", str(error), cure) from None


def cast_time(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """To UTC microseconds. Text may carry an offset; a time without one is UTC."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = _parse_times(column.cast(pa.string()), name, source)
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
        column = column.cast(TIME) if kind.tz else pc.assume_timezone(column, "UTC")
    elif pa.types.is_date(kind):
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), "UTC")
    else:
        raise BadInput(f"{source}: column {name!r} is not a time", str(kind), "Write 2026-11-21T10:00:00Z.")
    micros = column.cast(pa.int64())
    bounds = pc.min_max(micros)
    if not EARLIEST <= (bounds["min"].as_py() or 0) <= (bounds["max"].as_py() or 0) < LATEST:
        off = pc.or_(pc.less(micros, EARLIEST), pc.greater_equal(micros, LATEST))
        seen = f"{micros.filter(off)[0].as_py()} microseconds since 1970"  # years past 9999 have no date to show
        cure = "Check the unit and the column."
        raise BadInput(f"{source}: {name} outside the years 1900 to 2200", seen, cure)
    return column.cast(TIME)


def _parse_times(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    from engagement.times import parse_time

    distinct = column.unique()
    parsed: list[int | None] = []
    for text in distinct.to_pylist():
        try:
            parsed.append(None if text is None or not text.strip() else parse_time(text))
        except BadInput as error:
            row = pc.index(column, text).as_py()
            raise BadInput(f"{source}, row {row + 1}: {name}: {error.what}", text, error.cure) from None
    codes = pc.index_in(column, distinct)
    return pa.chunked_array([pa.array(parsed, pa.int64()).cast(TIME).take(codes.combine_chunks())])


def _refuse_first(table: pa.Table, mask: Any, name: str, source: str, cure: str) -> None:
    """Raises for the first row where the mask holds, naming the row and the value."""
    row = pc.index(pc.fill_null(mask, False), True).as_py()
    if row >= 0:
        seen = table[name][row].as_py()
        raise BadInput(f"{source}, row {row + 1}: {name} is not allowed", f"{seen}", cure)

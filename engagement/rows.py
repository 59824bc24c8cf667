"""Between Arrow tables and rows as databases take and give them: tuples whose times are integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa


def storage(field: pa.Field) -> pa.DataType:
    """The type that a field has in a database: times are microseconds UTC."""
    return pa.int64() if pa.types.is_timestamp(field.type) else field.type


def clustered(events: pa.Table, attributes: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables contact by contact, as databases keep them: each page is then written once."""
    in_time = [("contact_id", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")]
    return events.sort_by(in_time), attributes.sort_by([("contact_id", "ascending"), ("account_id", "ascending")])


def rows_of(table: pa.Table, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """The table's rows as tuples, so many at a time."""
    for start in range(0, len(table), size):
        part = table.slice(start, size)
        columns = [part[field.name].cast(storage(field)).to_pylist() for field in table.schema]
        yield list(zip(*columns, strict=True))


def batches_of(rows: Iterator[Sequence[Any]], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    """Rows of the columns of a schema as batches of so many: Python objects of one batch at a time."""
    while some := list(islice(rows, size)):
        columns = zip(*some, strict=True)
        arrays = [pa.array(column, storage(field)) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(
            [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
        )

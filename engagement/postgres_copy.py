"""Reading much from PostgreSQL: its CSV, a chunk at a time, straight into Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from engagement.postgres_connection import Connections
from engagement.rows import storage

#: Bytes of a chunk.
CHUNK = 16 << 20


def copied(connections: Connections, schema: pa.Schema, statement: str, values: dict[str, Any]) -> Iterator[pa.Table]:
    """The rows of a statement, over a connection of their own: what reads them may ask for others meanwhile."""
    with connections.alone() as connection, connection.cursor() as cursor:
        parts: list[bytes] = []
        with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)", values or None) as copy:
            size = 0
            for part in copy:
                parts.append(bytes(part))
                size += len(part)
                if size >= CHUNK:
                    yield _parsed(b"".join(parts), schema)
                    parts, size = [], 0
        if parts:
            yield _parsed(b"".join(parts), schema)


def _parsed(data: bytes, schema: pa.Schema) -> pa.Table:
    """A table from the server's CSV, where an empty text is quoted and a missing one is not."""
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        pyarrow.csv.ReadOptions(column_names=schema.names, block_size=len(data) + 1),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types={field.name: storage(field) for field in schema},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.cast(schema)

"""Point-in-time tables on disk: Parquet or CSV, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq


def write_table(portions: Iterator[pa.Table], path: Path) -> None:
    """Writes `.csv` or Parquet, a row group for each portion; nothing in it depends on the clock or the machine."""
    first = next(portions)
    with whole_file(path) as unfinished, _writer(unfinished, path.suffix, first.schema) as sink:
        for portion in chain([first], portions):
            sink.write_table(portion)


def _writer(path: Path, kind: str, schema: pa.Schema) -> Any:
    if kind == ".csv":
        return pyarrow.csv.CSVWriter(path, schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file that appears at `path` only when it is whole."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

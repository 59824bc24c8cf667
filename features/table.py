"""Point-in-time tables on disk: Parquet or CSV, the same bytes for the same rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq


def write_table(table: pa.Table, path: Path) -> None:
    """Writes `.csv` or Parquet; nothing in the file depends on the clock or the machine."""
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path, compression="zstd", row_group_size=100_000)

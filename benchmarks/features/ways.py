"""Ways to pass once over a log: a bare pass, DuckDB's plain group-by, and the 73 columns in memory and streamed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.features import generated, sql
from benchmarks.features.columns import FEATURES
from engagement.folder import event_columns
from engagement.log import open_log
from features.arrays import EVENT_COLUMNS, LogArrays
from features.dealt import DealtLog
from features.levels import Levels
from features.spark import SparkLog, spark_log
from features.streamed import StreamedLog

THREADS = 2
#: What the 73 columns come from: none of them looks at an account.
COLUMNS = [name for name in EVENT_COLUMNS if name not in Levels((FEATURES,)).unread]
#: What of that is filled in the generated log.
USED = [name for name in COLUMNS if name != "properties"]

#: Is shown the columns (some rows, columns), in the order of the rows.
See = Callable[[npt.NDArray[np.float64]], None]


@dataclass(frozen=True)
class Given:
    """A log of so many events in a folder (`unsorted/`, `sorted/`), and the rows that are asked for."""

    folder: Path
    events: int

    def file(self, order: str) -> Path:
        """The log's events as a file."""
        return self.folder / order / "events.parquet"

    @cached_property
    def table(self) -> pa.Table:
        """The log's events in memory, unsorted."""
        return pq.read_table(self.file("unsorted"))

    @cached_property
    def rows(self) -> generated.Rows:
        """One for each contact."""
        return generated.rows(self.events)


def bare_table(given: Given, see: See) -> None:
    """Reads every byte of the columns once."""
    buffers = [b for name in USED for chunk in given.table[name].chunks for b in chunk.buffers() if b is not None]
    for one in buffers:
        np.frombuffer(one, np.uint64, one.size // 8).max(initial=0)


def group_by_table(given: Given, see: See) -> None:
    """The plain group-by over the table in memory."""
    db = _duckdb()
    db.register("log", given.table)
    db.sql(sql.PLAIN.format(events="log")).to_arrow_table()


def in_memory_table(given: Given, see: See) -> None:
    """The columns from the table in memory: encoded and sorted, then the kernel."""
    arrays = LogArrays.from_tables(given.table.select(COLUMNS), generated.NO_ATTRIBUTES)
    see(FEATURES.compute(arrays, given.rows.contact_ids, given.rows.cutoffs, threads=THREADS))


def bare_file(given: Given, see: See, order: str) -> None:
    """Decodes the file's columns, a row group after the other; texts as dictionaries, which takes half the time."""
    file = pq.ParquetFile(given.file(order), read_dictionary=["contact_id", "type", "detail"])
    for _ in file.iter_batches(generated.ROW_GROUP, columns=USED):
        pass


def group_by_file(given: Given, see: See, order: str) -> None:
    """The plain group-by over a file."""
    _duckdb().sql(sql.PLAIN.format(events=f"'{given.file(order)}'")).to_arrow_table()


def in_memory_file(given: Given, see: See) -> None:
    """The columns from a file that is read, checked and computed in memory."""
    log = open_log(str(given.folder / "unsorted"))
    arrays = LogArrays.from_tables(event_columns(log, COLUMNS), log.attributes())
    see(FEATURES.compute(arrays, given.rows.contact_ids, given.rows.cutoffs, threads=THREADS))


def streamed(given: Given, see: See, order: str) -> None:
    """The columns from a file that is never in memory as a whole; putting an unsorted one in order is included."""
    with TemporaryDirectory(dir=given.folder) as scratch:
        dealt = DealtLog(open_log(str(given.folder / order)), Path(scratch), THREADS, accounts=False)
        log = StreamedLog(dealt, THREADS)
        for some in log.computed((FEATURES,), given.rows.contact_ids, given.rows.cutoffs):
            see(some.matrix)


def spark_session(given: Given) -> AbstractContextManager[SparkLog]:
    """Spark on two local cores; used again by whoever asks for it within."""
    return spark_log(open_log(str(given.folder / "unsorted")), f"local[{THREADS}]")


def on_spark(given: Given, see: See) -> None:
    """The columns from the unsorted file on Spark."""
    with spark_session(given) as log:
        for some in log.computed((FEATURES,), given.rows.contact_ids, given.rows.cutoffs):
            see(some.matrix)


def _duckdb() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(config={"threads": THREADS})
    db.execute("SET enable_progress_bar = false")
    return db

"""A log computed by Spark, on this machine or on a cluster: the same kernel, partition by partition.

The only home of PySpark, which is optional (`pip install 'mqm[spark]'`, and Java 17). Events and rows are
partitioned and sorted by contact, then by account, and `mapInArrow` runs the steps of `features.spark_steps` on them.
A row travels with its columns, so nothing is joined; the driver only puts the answers in order. On a cluster the
workers need this package installed, and the log's files under the same path.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement import errors
from engagement.errors import BadInput, EmptyLog, MqmError
from engagement.folder import FolderLog
from engagement.log import Log
from engagement.pieces import ATTRIBUTE_TABLE, EVENT_TABLE, about_rows, pieces
from features import spark_steps as steps
from features.arrays import Ints, LogArrays
from features.carried import CARRIED, ROW, arrays_of
from features.engine import PORTION, Answer
from features.feature_set import FeatureSet
from features.levels import Computed, Levels, vocabulary_of
from features.parts import Parts
from features.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TYPES = {
    pa.string(): "string",
    pa.int8(): "tinyint",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
}
_CARRIED = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in CARRIED)
_PACKED = "packed binary"
Step = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
#: Records in a partition, about.
_RECORDS = 500_000
_SETTINGS = {
    "spark.app.name": "mqm",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
}
#: For a master on this machine.
_HERE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "2g"}


@contextmanager
def spark_log(log: Log, master: str = "local[2]") -> Iterator[SparkLog]:
    """A log to be computed by the Spark at this master; a session that runs already in this process is used.

    Raises:
        BadInput: a database log, or no Spark: PySpark or Java is missing, or the master does not answer.
    """
    if not isinstance(log, FolderLog):
        raise BadInput("Spark reads logs in files", log.location, "Use --engine streamed, or export it to Parquet.")
    with TemporaryDirectory(prefix="mqm-spark-") as name, _session(master, Path(name)) as session:
        yield SparkLog(log, session, Path(name))


@contextmanager
def _session(master: str, folder: Path) -> Iterator[SparkSession]:
    """A running session, left running; or one of our own, whose messages go to a file instead of the terminal."""
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession
    except ImportError:
        raise BadInput("PySpark is not installed", None, "Install it: pip install 'mqm[spark]'.") from None
    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise BadInput("Spark needs Java", None, "Install Java 17, or name its folder in JAVA_HOME.")
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # unused here
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {**_SETTINGS, **(_HERE if master.startswith("local") else {}), "spark.master": master}
    conf = SparkConf().setAll(list(settings.items()))
    messages = folder / "spark.log"
    try:
        with messages.open("wb") as file:
            gateway = SparkContext._gateway or launch_gateway(conf, {"stdout": file, "stderr": file})
        session = SparkSession(SparkContext(conf=conf, gateway=gateway))
    except Exception as error:  # py4j's, Spark's, the operating system's: whatever keeps it from starting
        seen = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise BadInput(
            f"Spark did not start at {master}", seen, "Check the master's URL, and that Java is 17."
        ) from None
    try:
        yield session
    finally:
        session.stop()


class SparkLog:
    """A log in files that Spark reads and computes; see `features.engine.Engine`.

    Args:
        folder: on the driver, for answers on their way to their order.
    """

    def __init__(self, log: FolderLog, session: SparkSession, folder: Path) -> None:
        self._log, self._session, self._folder = log, session, folder
        self._cores = session.sparkContext.defaultParallelism
        events = about_rows(log, EVENT_TABLE)
        self._partitions = max(self._cores, -(-events // _RECORDS))

    @cached_property
    def last_occurred(self) -> int:
        """When the last event happened (microseconds UTC)."""
        found = self._collected(self._read((EVENT_TABLE,), steps.last_step, "last bigint"))
        if not len(found):
            raise EmptyLog("the log holds no events", self._log.location, "Import some with mqm import.")
        return int(pc.max(found["last"]).as_py())

    def label_arrays(self, types: Collection[str]) -> LogArrays:
        """The events that label times of these types depend on (see `features.levels`), brought to the driver."""
        events = self._read((EVENT_TABLE,), partial(steps.read_step, "contact"), _CARRIED)
        return arrays_of(
            self._collected(self._mapped(self._by_entity(events), partial(steps.label_step, types), _CARRIED))
        )

    def vocabulary(self, known_by: int) -> Vocabulary:
        """As `Engine`."""
        step = partial(steps.vocabulary_step, known_by)
        found = self._collected(self._read((EVENT_TABLE, ATTRIBUTE_TABLE), step, "vocabulary string"))
        return vocabulary_of(steps.vocabulary_from(text) for text in found["vocabulary"].to_pylist())

    def contacts(self) -> pa.Array:
        """As `Engine`."""
        names = self._read((EVENT_TABLE, ATTRIBUTE_TABLE), steps.contacts_step, "contact string")
        found = self._collected(names.distinct())["contact"].combine_chunks()
        return found.take(pc.sort_indices(found))

    def computed(self, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints) -> Iterator[Computed]:
        """As `Engine`."""
        begin = 0
        for cells in self.answers(steps.cells_of, sets, contact_ids, cutoffs):
            end = begin + len(cells)
            yield steps.computed_from(cells, contact_ids[begin:end], cutoffs[begin:end])
            begin = end

    def answers(
        self, answer: Answer, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints
    ) -> Iterator[list[bytes]]:
        """As `Engine`; `answer` runs on the workers, which must be able to import it."""
        levels, rows = Levels(sets), len(cutoffs)
        records = self._records("contact").union(self._rows(contact_ids, cutoffs))
        step = partial(steps.contact_step, levels, answer)
        done = self._mapped(self._by_entity(records), step, _CARRIED if levels.of_accounts else _PACKED)
        if levels.of_accounts:
            records = self._records("account").union(done)
            done = self._mapped(self._by_entity(records), partial(steps.account_step, levels, answer), _PACKED)
        with TemporaryDirectory(dir=self._folder) as name:
            parts = Parts(Path(name) / "answers", max(1, -(-rows // PORTION)), steps.ANSWERS)
            for packed in self._iterated(done):
                some = pa.ipc.open_stream(packed).read_all()
                parts.add(some, some["row"].to_numpy() // PORTION)
            for number in parts.filled():
                some = parts.read(number).sort_by("row")
                yield some["answer"].to_pylist()

    def _records(self, level: str) -> DataFrame:
        """Events and attributes for their contacts, or for their accounts."""
        return self._read((EVENT_TABLE, ATTRIBUTE_TABLE), partial(steps.read_step, level), _CARRIED)

    def _rows(self, contact_ids: pa.Array, cutoffs: Ints) -> DataFrame:
        numbers = pa.array(np.arange(len(cutoffs)))
        table = pa.table([numbers, contact_ids, pa.array(cutoffs)], names=["row", "contact", "occurred"])
        given = {"entity": "contact", "tag": str(ROW), "row": "row", "contact": "contact", "occurred": "occurred"}
        casts = [f"cast({given.get(f.name, 'null')} as {_TYPES[f.type]}) as {f.name}" for f in CARRIED]
        return self._session.createDataFrame(table).selectExpr(*casts)

    def _read(self, tables: Collection[str], step: Step, schema: str) -> DataFrame:
        """What a step makes of the pieces of these tables."""
        found = [replace(one, path=str(Path(one.path).absolute())) for t in tables for one in pieces(self._log, t)]
        texts = pa.table({"piece": pa.array([steps.piece_text(one) for one in found], pa.string())})
        slices = max(1, min(len(found), max(self._cores, sum(one.rows for one in found) // _RECORDS)))
        return self._mapped(self._session.createDataFrame(texts).repartition(slices), step, schema)

    def _by_entity(self, records: DataFrame) -> DataFrame:
        return records.repartition(self._partitions, "entity").sortWithinPartitions("entity")

    def _mapped(self, frame: DataFrame, step: Step, schema: str) -> DataFrame:
        return frame.mapInArrow(partial(steps.named, step), schema)

    def _collected(self, frame: DataFrame) -> pa.Table:
        with _named_errors():
            return frame.toArrow()

    def _iterated(self, frame: DataFrame) -> Iterator[bytes]:
        """One record after another: computed by all workers at once, kept on their disks, fetched bit by bit."""
        from pyspark import StorageLevel

        with _named_errors():
            kept = frame.persist(StorageLevel.DISK_ONLY)
            kept.count()
            for record in kept.toLocalIterator(prefetchPartitions=True):
                yield bytes(record[0])
            kept.unpersist()


@contextmanager
def _named_errors() -> Iterator[None]:
    """Errors of ours come back by their name, and Spark's own as one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        _, marked, told = str(error).partition(steps.MARK)
        if marked:
            name, what, seen, cure = json.JSONDecoder().raw_decode(told)[0]
            raise getattr(errors, name)(what, seen, cure) from None
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        seen = next((line for line in reversed(lines) if "Error" in line or "Exception" in line), lines[0])
        raise MqmError("Spark failed", seen, "Use --engine streamed to see whether it is Spark's fault.") from None

"""A log as a folder: `events.parquet`, `events.csv` or a folder `events/` of Parquet parts; `attributes` likewise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from engagement.errors import BadInput, EmptyLog
from engagement.log import Log
from engagement.schema import ATTRIBUTES, EVENTS, REQUIRED, attributes_table, events_table, require

_COLUMN_TYPES = {
    name: pa.string() for name in ("event_id", "contact_id", "account_id", "type", "detail", "properties", "name")
} | {"occurred_at": pa.string(), "received_at": pa.string()}

#: A text column of fewer bytes a row is stored as a dictionary.
_DICTIONARY_BYTES = 8


@dataclass(frozen=True)
class FolderLog:
    """A log in files; nothing is cached, each call reads them."""

    folder: Path

    @property
    def location(self) -> str:
        """The folder's path as it was given."""
        return str(self.folder)

    def exists(self) -> bool:
        """Whether there is a file of events."""
        return self.path_of("events") is not None

    def events(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All events (or of some contacts and their accounts), checked.

        Raises:
            BadInput: no file, a missing column, a value that cannot be read.
            EmptyLog: not a single event.
        """
        path = self._events_path()
        table = _not_empty(events_table(_read(path, {"value": pa.float64()}), str(path)).cast(EVENTS), path)
        return table if contacts is None else _of_contacts(table, table, contacts)

    def event_columns(self, names: Collection[str]) -> pa.Table:
        """Some columns of all events: texts may be dictionaries, and what nobody filled is left out.

        Raises:
            BadInput, EmptyLog: as `events`; but columns that were not asked for are not checked.
        """
        path = self._events_path()
        table = _read(path, {"value": pa.float64()}, names)
        filled = {name for name in table.column_names if table[name].null_count < len(table)}
        kept = [name for name in names if name in filled or name in (*REQUIRED, "received_at")]
        return _not_empty(events_table(table, str(path), kept), path)

    def attributes(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All attributes (or of some contacts and their accounts); empty where there is no such file."""
        path = self.path_of("attributes")
        if path is None:
            return ATTRIBUTES.empty_table()
        table = attributes_table(_read(path, {"value": pa.string()}), str(path)).cast(ATTRIBUTES)
        return table if contacts is None else _of_contacts(table, self.events(contacts), contacts)

    def _events_path(self) -> Path:
        path = self.path_of("events")
        if path is None:
            cure = "A log is a folder with events.parquet, events.csv or events/*.parquet."
            raise BadInput("no engagement log", str(self.folder), cure)
        return path

    def path_of(self, name: str) -> Path | None:
        """The file or folder of parts that holds a table ("events" or "attributes"); None where there is none."""
        candidates = [self.folder / f"{name}.parquet", self.folder / f"{name}.csv", self.folder / name]
        return next((path for path in candidates if path.exists()), None)


def event_columns(log: Log, names: Sequence[str]) -> pa.Table:
    """Some columns of all events of any log; a folder reads no others."""
    return log.event_columns(names) if isinstance(log, FolderLog) else log.events().select(names)


def _not_empty(events: pa.Table, path: Path) -> pa.Table:
    if len(events) == 0:
        raise EmptyLog("the log holds no events", str(path), "Import some with mqm import.")
    return events


def _of_contacts(table: pa.Table, events: pa.Table, contacts: Sequence[str]) -> pa.Table:
    wanted = pa.array(contacts, pa.string())
    accounts = events.filter(pc.is_in(events["contact_id"], wanted))["account_id"].unique().drop_null()
    return table.filter(pc.or_(pc.is_in(table["contact_id"], wanted), pc.is_in(table["account_id"], accounts)))


def _read(path: Path, types: dict[str, pa.DataType], columns: Collection[str] | None = None) -> pa.Table:
    if path.suffix == ".csv":
        return reading(path, lambda: _read_csv(path, types))
    return reading(path, lambda: pq.read_table(path) if columns is None else _read_columns(path, columns))


def _read_columns(path: Path, columns: Collection[str]) -> pa.Table:
    """Some columns of events in Parquet: none that is empty, and texts as dictionaries where the file has short ones.

    (To make a dictionary of a column that was not written as one takes longer than to read it plainly.)
    """
    dataset = pq.ParquetDataset(path)
    require(dataset.schema.names, REQUIRED, str(path))
    groups = [part.metadata.row_group(i) for part in dataset.fragments for i in range(part.num_row_groups)]
    parts = [group.column(i) for group in groups for i in range(group.num_columns)]
    rows = sum(group.num_rows for group in groups)
    size, nulls = Counter[str](), Counter[str]()
    for part in parts:
        size[part.path_in_schema] += part.total_uncompressed_size
        nulls[part.path_in_schema] += part.statistics.null_count or 0 if part.statistics else 0
    here = [name for name in dataset.schema.names if name in columns and (name in REQUIRED or nulls[name] < rows)]
    short = [name for name in here if pa.types.is_string(dataset.schema.field(name).type) and name in size]
    short = [name for name in short if size[name] < _DICTIONARY_BYTES * rows]
    return pq.read_table(path, columns=here, read_dictionary=short, pre_buffer=False)


def _read_csv(path: Path, types: dict[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(path, convert_options=csv_options(types))


def csv_options(types: dict[str, pa.DataType]) -> pyarrow.csv.ConvertOptions:
    """How a log's CSV is read. Only an empty cell is missing: "NA" is a country, "null" may be an answer."""
    return pyarrow.csv.ConvertOptions(column_types=_COLUMN_TYPES | types, strings_can_be_null=True, null_values=[""])


def reading(path: Path, read: Callable[[], Any]) -> Any:
    """What `read` returns; a file that cannot be read is a `BadInput` that names it."""
    try:
        return read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadInput(f"{path} cannot be read", str(error), "Write it as Parquet or CSV again.") from None

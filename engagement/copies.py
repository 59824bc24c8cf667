"""Copies of a log, made while others write to it: exports to train from, backups, and what is restored from them.

The project remembers where they lie, so that an erased contact is erased from them too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from engagement.appended import Appended, in_all
from engagement.erased import Tombstones
from engagement.errors import BadInput
from engagement.log import Database, Log
from engagement.parquet import parquet_options
from engagement.pieces import ATTRIBUTE_TABLE, EVENT_TABLE, about_rows, batches
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.sqlite import SqliteLog

#: Where the project remembers its copies: a path a line.
FILE = "mqm-copies.txt"
#: How folders begin in which a copy is made.
_BESIDE = ".mqm-copy-"

R = TypeVar("R")

Progress = Callable[[str, float], None]
_SCHEMAS = {EVENT_TABLE: EVENTS, ATTRIBUTE_TABLE: ATTRIBUTES}


def export_log(log: Database, folder: Path, tell: Progress) -> dict[str, int]:
    """Writes a database as of one instant into a folder: `events.parquet`, contact by contact, and
    `attributes.parquet`; returns how many rows of each. What was there is replaced when all is written.

    Raises:
        BadInput: the folder holds a log that is no export, or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "events.csv").exists():
        raise BadInput("the folder holds a log in CSV", str(folder), "Name another folder.")
    remove_leftovers(folder)
    with TemporaryDirectory(prefix=_BESIDE, dir=folder) as name:
        counts = _steady(log, lambda: _exported(log, Path(name), tell))
        for table in counts:  # attributes first: events are what makes a folder a log
            (Path(name) / f"{table}.parquet").replace(folder / f"{table}.parquet")
    return counts


def backup_log(log: Database, path: Path, tell: Progress) -> dict[str, int]:
    """Writes a database as of one instant into a new SQLite file that is a log itself; returns its rows.

    Raises:
        BadInput: the file exists.
    """
    if path.exists():
        raise BadInput("the backup exists already", str(path), "Name another file: none is overwritten.")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    with TemporaryDirectory(prefix=_BESIDE, dir=path.parent) as name:
        beside = _steady(log, lambda: _copied(log, Path(name), tell))
        beside.replace(path)
    copy = SqliteLog(path, create=False)
    counts = {table: copy.count(table) for table in _SCHEMAS}
    copy.close()
    return counts


def restore_log(backup: Path, log: Database, erased: Tombstones, tell: Progress) -> Appended:
    """Adds to a log what a backup holds and the log lacks; who was erased, here or by then, stays erased.

    What was stored since the backup stays too, so a service may go on meanwhile.
    """
    source = SqliteLog(backup, create=False)
    try:
        log.add_tombstones({**source.tombstones(), **erased})
        return _append(source, log, tell)
    finally:
        source.close()


def remember(home: Path, copy: Path) -> None:
    """Notes where a copy lies."""
    with (home / FILE).open("a", encoding="utf-8") as file:
        file.write(f"{copy.absolute()}\n")


def remembered(home: Path) -> list[Path]:
    """The copies that are still there."""
    path = home / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [copy for copy in map(Path, dict.fromkeys(lines)) if copy.exists()]


def remove_leftovers(folder: Path) -> None:
    """Removes what copying left in a folder when it was killed: it holds what the log held."""
    for left in folder.glob(f"{_BESIDE}*"):
        shutil.rmtree(left, ignore_errors=True)


def _steady(log: Database, make: Callable[[], R]) -> R:
    """What `make` makes, made again where somebody was erased meanwhile: the copy would have them still."""
    while True:
        erased = log.tombstones()
        made = make()
        if log.tombstones() == erased:
            return made


def _exported(log: Database, folder: Path, tell: Progress) -> dict[str, int]:
    source: Database = log
    if isinstance(log, SqliteLog):  # readers hold its write-ahead log back: they are to be done soon
        source = SqliteLog(_copied(log, folder, tell), create=False)
    try:
        return {table: _write(source, table, folder, tell) for table in (ATTRIBUTE_TABLE, EVENT_TABLE)}
    finally:
        if source is not log:
            source.close()


def _copied(log: Database, folder: Path, tell: Progress) -> Path:
    """A database as of one instant as an SQLite file without a write-ahead log."""
    whole = folder / "whole.db"
    whole.unlink(missing_ok=True)
    if isinstance(log, SqliteLog):
        tell("copying", 0.0)
        log.backup(whole)
        return whole
    (folder / "made.db").unlink(missing_ok=True)
    made = SqliteLog(folder / "made.db", create=True)
    try:
        _append(log, made, tell)
        made.add_tombstones(log.tombstones())
        made.backup(whole)
    finally:
        made.close()
    return whole


def _append(source: Log, target: Database, tell: Progress) -> Appended:
    parts: list[Appended] = []
    whole = max(sum(about_rows(source, table) for table in _SCHEMAS), 1)
    done = 0
    for table in _SCHEMAS:
        for rows in batches(source, table):
            some = (rows, ATTRIBUTES.empty_table()) if table == EVENT_TABLE else (EVENTS.empty_table(), rows)
            parts.append(target.append_tables(*some))
            done += len(rows)
            tell(f"{done:,} rows", min(done / whole, 1.0))
    return in_all(parts)


def _write(log: Database, table: str, folder: Path, tell: Progress) -> int:
    path, schema, whole = folder / f"{table}.parquet", _SCHEMAS[table], max(log.about_rows(table), 1)
    count = 0
    with pq.ParquetWriter(path, schema, **parquet_options(schema)) as writer:
        for rows in log.batches(table):
            writer.write_table(rows)
            count += len(rows)
            tell(f"{count:,} {table}", min(count / whole, 1.0))
    sync(path)
    return count


def sync(path: Path) -> None:
    """Waits until a file is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def without_contact(path: Path, contact_id: str) -> int:
    """Writes a Parquet file anew without a contact's rows, row group by row group; returns how many there were."""
    import pyarrow.compute as pc

    source, gone = pq.ParquetFile(path), 0
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(beside, source.schema_arrow, **parquet_options(source.schema_arrow)) as writer:
            for group in range(source.num_row_groups):
                rows: Any = source.read_row_group(group)
                mine = pc.fill_null(pc.equal(rows["contact_id"].cast(pa.string()), contact_id), False)
                gone += pc.sum(mine).as_py() or 0
                writer.write_table(rows.filter(pc.invert(mine)))
        if gone:
            sync(beside)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return gone

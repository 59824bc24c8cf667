"""Imported tables go into a log: a folder is merged with and replaced file by file, a database is appended to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import BadInput, EmptyLog
from engagement.log import DATABASES, open_database
from engagement.merging import distinct_attributes, sort_out
from engagement.parquet import parquet_options
from engagement.schema import ATTRIBUTES, EVENTS

#: Called with what is being done, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]

#: Stores events (with `ROW` and `origin`) and attributes; returns (accepted, new attributes, events of contacts that
#: were erased), duplicates and the positions of conflicting events.
Kept = tuple[tuple[int, int, int], int, pa.Array]
Keep = Callable[[pa.Table, pa.Table, Progress], Kept]


def home(location: str) -> tuple[Keep, Path]:
    """How to store in the log at that location, and where its file of rejected rows stands."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        folder = Path(location)
        if folder.exists() and not folder.is_dir():
            raise BadInput("the log is a file", location, f"Give a folder, {DATABASES}.")
        return lambda e, a, tell: _keep_in_folder(folder, e, a, tell), folder / "rejected.csv"
    beside = Path(rest[1:]).with_suffix(".rejected.csv") if scheme == "sqlite" else Path("rejected.csv")
    return lambda e, a, tell: _keep_in_database(location, e, a, tell), beside


def _keep_in_database(url: str, events: pa.Table, attributes: pa.Table, tell: Progress) -> Kept:
    first, again, conflicts = sort_out(events)
    log = open_database(url, create=True)
    try:
        done = log.append_tables(
            events.take(first).select(EVENTS.names), attributes, lambda n, total: tell("storing", n, total)
        )
    finally:
        log.close()
    met = pc.is_in(events["event_id"].take(first), pa.array(done.conflicts, pa.string()))
    lost = pa.concat_arrays([conflicts, first.filter(met.combine_chunks())])
    return (done.accepted, done.attributes, done.erased), done.duplicates + len(again), lost


def _keep_in_folder(folder: Path, events: pa.Table, attributes: pa.Table, tell: Progress) -> Kept:
    """Merges with what the folder holds and replaces its files; both are whole at every moment."""
    from engagement.folder import FolderLog

    folder.mkdir(parents=True, exist_ok=True)
    log = FolderLog(folder)
    try:
        old = log.events() if log.exists() else EVENTS.empty_table()
    except EmptyLog:
        old = EVENTS.empty_table()
    known = log.attributes()
    tell("merging", 0, 1)
    whole = pa.concat_tables([old, events.select(EVENTS.names)])
    first, again, conflicts = sort_out(whole)
    facts = distinct_attributes(pa.concat_tables([known, attributes]))
    order = [("contact_id", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")]
    # Attributes first: events are what makes a folder a log.
    _replace(folder / "attributes.parquet", facts.sort_by([(name, "ascending") for name in ATTRIBUTES.names]))
    _replace(folder / "events.parquet", whole.take(first).sort_by(order))
    tell("merging", 1, 1)
    fresh = pc.greater_equal(conflicts, len(old))
    lost = pc.subtract(conflicts.filter(fresh), len(old))
    duplicates = pc.sum(pc.greater_equal(again, len(old))).as_py() or 0
    return (len(events) - duplicates - len(lost), len(facts) - len(known), 0), duplicates, lost


def _replace(path: Path, table: pa.Table) -> None:
    """Writes the file beside and moves it over, so that a reader sees the old or the new one, never half of it."""
    import pyarrow.parquet as pq

    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, beside, **parquet_options(table.schema))
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

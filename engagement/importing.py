"""`mqm import`: foreign files, through a map, into a log. A bad row is set aside with its reason, never fatal.

Importing the same again changes nothing: ids come from the map or, lacking one, from the row's content.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from engagement.errors import BadInput
from engagement.map_types import ROW, Mapping, TableMap
from engagement.merging import distinct_attributes
from engagement.schema import ATTRIBUTES, EVENTS, TIME
from engagement.sources import Reject, Source, read_source
from engagement.storing import Progress, home
from engagement.translating import translate

_ANOTHER_BODY = "its event_id is in the log with another body"


@dataclass(frozen=True)
class SourceReport:
    """One source through one table of the map: rows read, events and attributes made (new or not), rows set aside
    and rows that met no condition."""

    source: str
    table: str
    rows: int
    events: int
    attributes: int
    rejected: int
    skipped: int


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        accepted: events that are new in the log; `attributes`: attribute rows that are new.
        duplicates: events that were there already (in the log, or twice in the sources).
        rejected: rows that were set aside; they stand in `rejected_file` with their reasons.
        unused: tables of the map that no source is for.
        erased: events of contacts that were erased from the log after they occurred; they were left out.
    """

    log: str
    accepted: int
    duplicates: int
    attributes: int
    rejected: int
    rejected_file: str | None
    sources: tuple[SourceReport, ...]
    unused: tuple[str, ...]
    erased: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able content."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report in sentences."""
        told = [
            f"{s.source}: {s.rows:,} rows, {s.events:,} events, {s.attributes:,} attributes"
            + (f", {s.rejected:,} rejected" if s.rejected else "")
            + (f", {s.skipped:,} met no condition" if s.skipped else "")
            for s in self.sources
        ]
        told += [f"Nothing is for the map's table {name!r}." for name in self.unused]
        told.append(
            f"{self.log}: {self.accepted:,} events accepted, {self.duplicates:,} duplicate, "
            f"{self.attributes:,} new attributes, {self.rejected:,} rows rejected."
        )
        if self.erased:
            told.append(f"{self.erased:,} events of contacts that were erased were left out.")
        return told + ([f"See {self.rejected_file} for the rejected rows."] if self.rejected_file else [])


def import_sources(
    sources: Sequence[Path],
    mapping: Mapping,
    log_location: str,
    received_at: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Reads the sources (files, or folders of them), translates them, and adds them to the log.

    Args:
        log_location: a folder (its `events.parquet` and `attributes.parquet` are merged with and replaced) or
            a database's URL; made where there is none.
        received_at: microseconds UTC, when all of it was learned; None takes the map's, else `occurred_at`.

    Raises:
        BadInput: a source that no table of the map is for or that cannot be read, a column that is not there, a
            log of an unknown kind.
    """
    tell = progress or (lambda what, done, total: None)
    keep, beside = home(log_location)
    pairs, unused = _assign(sources, mapping)
    events, attributes = [_with_origin(EVENTS).empty_table()], [ATTRIBUTES.empty_table()]
    rejects: list[Reject] = []
    reports: list[SourceReport] = []
    files: list[Source] = []
    for number, (path, table) in enumerate(pairs):
        tell(f"reading {path.name}", number, len(pairs))
        source = read_source(path, table)
        made = translate(source, table, _joined(table, mapping, sources))
        origin = pa.array([len(files)] * len(made.events), pa.int32())
        events.append(made.events.append_column("origin", origin))
        attributes.append(made.attributes.drop_columns([ROW]))
        rejects += made.rejects
        files.append(source)
        reports.append(
            SourceReport(
                path.name,
                table.source,
                len(source.table) + len(source.rejects),
                len(made.events),
                len(made.attributes),
                len(made.rejects),
                made.skipped,
            )
        )
    tell("reading", len(pairs), len(pairs))
    new = _stamped(pa.concat_tables(events), received_at)
    facts = _stamped(pa.concat_tables(attributes), received_at)
    kept, duplicates, conflicts = keep(new, distinct_attributes(facts), tell)
    rejects += _conflicting(new, conflicts, files)
    return ImportReport(
        log=log_location,
        accepted=kept[0],
        duplicates=duplicates,
        attributes=kept[1],
        rejected=len(rejects),
        rejected_file=str(_write_rejects(rejects, beside)) if rejects else None,
        sources=tuple(reports),
        unused=unused,
        erased=kept[2],
    )


# -- which file is for which table -------------------------------------------------------------------------------


def _assign(sources: Sequence[Path], mapping: Mapping) -> tuple[list[tuple[Path, TableMap]], tuple[str, ...]]:
    """(file, table) pairs in the map's order, and the tables without a file."""
    files = _files(sources)
    wanted = [*mapping.tables, *(TableMap(join.source, (), ()) for t in mapping.tables for join in t.join)]
    known = f"The map has: {', '.join(table.source for table in mapping.tables)}."
    for path in sources:  # what lies in a folder may lie there unused
        if path.is_file() and not any(table.is_for(path.name) for table in wanted):
            raise BadInput("no table of the map is for this source", path.name, known)
    pairs = [(path, table) for table in mapping.tables for path in files if table.is_for(path.name)]
    if not pairs:
        raise BadInput("no source that the map is for", ", ".join(map(str, sources)), known)
    used = {id(table) for _, table in pairs}
    return pairs, tuple(table.source for table in mapping.tables if id(table) not in used)


def _files(sources: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders, by name."""
    files: list[Path] = []
    for path in sources:
        if path.is_dir():
            files += sorted(inner for inner in path.iterdir() if inner.is_file())
        elif path.is_file():
            files.append(path)
        elif "://" in str(path) or ":/" in str(path):
            cure = "Export its tables to CSV or Parquet and import those."
            raise BadInput("SQL databases cannot be imported yet", str(path), cure)
        else:
            raise BadInput("no such source", str(path), "Check the path.")
    return list(dict.fromkeys(files))


def _joined(table: TableMap, mapping: Mapping, sources: Sequence[Path]) -> dict[str, pa.Table]:
    tables: dict[str, pa.Table] = {}
    for join in table.join:
        reading = next((t for t in mapping.tables if t.source == join.source), TableMap(join.source, (), ()))
        paths = [path for path in _files(sources) if reading.is_for(path.name)]
        if not paths:
            raise BadInput(f"{table.source} is joined with a source that is not given", join.source, "Add it.")
        parts = [read_source(path, reading).table for path in paths]
        tables[join.source] = pa.concat_tables(parts, promote_options="permissive")
    return tables


def _stamped(table: pa.Table, received_at: int | None) -> pa.Table:
    if received_at is None:
        return table
    column = pa.array([received_at] * len(table), pa.int64()).cast(TIME)
    at = table.column_names.index("received_at")
    return table.set_column(at, table.schema.field(at), column)


def _with_origin(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(ROW, pa.int64())).append(pa.field("origin", pa.int32()))


# -- rejected rows -----------------------------------------------------------------------------------------------


def _conflicting(events: pa.Table, positions: pa.Array, files: Sequence[Source]) -> list[Reject]:
    rejects = []
    for event in events.take(positions).to_pylist():
        content = {name: event[name] for name in EVENTS.names if event[name] is not None}
        rejects.append(Reject(files[event["origin"]].path.name, event[ROW], _ANOTHER_BODY, _json(content)))
    return rejects


def _json(content: dict[str, Any]) -> str:
    import json

    return json.dumps(content, ensure_ascii=False, default=str)


def _write_rejects(rejects: Sequence[Reject], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "row", "reason", "content"])
        writer.writerows([r.source, r.row, r.reason, r.content] for r in rejects)
    return path

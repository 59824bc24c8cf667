"""Rows of a foreign table, translated into events and attributes as its map says: one query for each block.

Nothing is lost silently: what cannot be translated is set aside with its reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from engagement import map_sql
from engagement.errors import BadInput
from engagement.map_types import FILE, ROW, AttributeMap, EventMap, TableMap, Template
from engagement.schema import ATTRIBUTES, EVENTS, TIME
from engagement.sources import Reject, Source


@dataclass(frozen=True)
class Translated:
    """What a source gave.

    Attributes:
        events: columns of `EVENTS` and the source's row number in `ROW`; duplicates are still in it.
        attributes: columns of `ATTRIBUTES`, likewise.
        rejects: rows that could not be read or translated.
        skipped: rows that met the condition of no block.
    """

    events: pa.Table
    attributes: pa.Table
    rejects: tuple[Reject, ...]
    skipped: int


def translate(source: Source, table: TableMap, joined: Mapping[str, pa.Table]) -> Translated:
    """The events and attributes of one source; `joined` holds the tables of the map's joins by their source.

    Raises:
        BadInput: a column, time zone or time format that there is not.
    """
    import duckdb

    connection = duckdb.connect()
    connection.register("source", source.table)
    columns = _cells(connection, source, table, joined)
    events, attributes = [_none(EVENTS)], [_none(ATTRIBUTES)]
    rejects: dict[tuple[int, str], Reject] = {}
    try:
        for event in table.events:
            _require(_needs(event), columns, table.source)
            parts = map_sql.event_parts(event, table, columns)
            _make(connection, event, parts, map_sql.event_reasons(event), rejects, source.path.name)
            events.append(_fetch(connection, map_sql.events_of(event), EVENTS))
        for block in table.attributes:
            _require(_needs(block), columns, table.source)
            pairs = _pairs(block, table, columns)
            parts = map_sql.attribute_parts(block, pairs or {})
            _make(connection, block, parts, map_sql.attribute_reasons(block), rejects, source.path.name)
            attributes.append(_fetch(connection, map_sql.attributes_of(pairs), ATTRIBUTES))
        used = connection.execute("SELECT count(DISTINCT row) FROM used").fetchone() or (0,)
    except (duckdb.InvalidInputException, duckdb.BinderException) as error:
        cure = "Check its time_format: it is like %d/%m/%Y %H:%M."
        raise BadInput(f"the map's table {table.source!r} cannot be used", str(error).splitlines()[0], cure) from None
    finally:
        connection.close()
    return Translated(
        events=pa.concat_tables(events),
        attributes=pa.concat_tables(attributes),
        rejects=(*source.rejects, *rejects.values()),
        skipped=len(source.table) - used[0],
    )


def _cells(connection: Any, source: Source, table: TableMap, joined: Mapping[str, pa.Table]) -> list[str]:
    """Makes the view `cells` and the table `used`; returns the columns' names.

    A joined column that the source has too is left out: the source's own stands.
    """
    names = [name for name in source.table.column_names if name != ROW]
    chosen = [f"s.{map_sql.quoted(name)}" for name in names]
    joins = ""
    for number, join in enumerate(table.join):
        other = joined[join.source]
        _require([join.on], names, table.source)
        _require([join.on], other.column_names, join.source)
        connection.register(f"joined_{number}", other)
        extra = [name for name in other.column_names if name not in (*names, ROW)]
        chosen += [f"j{number}.{map_sql.quoted(name)}" for name in extra]
        names += extra
        ours, theirs = (map_sql.cell(f"{side}.{map_sql.quoted(join.on)}", ()) for side in ("s", f"j{number}"))
        joins += f" LEFT JOIN joined_{number} j{number} ON {ours} = {theirs}"
    cells = ", ".join(
        f"{map_sql.cell(of, table.empty)} AS {map_sql.quoted(name)}" for of, name in zip(chosen, names, strict=True)
    )
    file = f'{map_sql.literal(source.path.name)} AS "{FILE}"'
    # A join does not keep the order of rows.
    how, order = ("TABLE", f'ORDER BY s."{ROW}"') if joins else ("VIEW", "")
    connection.execute(f'CREATE {how} cells AS SELECT {cells}, s."{ROW}", {file} FROM source s{joins} {order}')
    connection.execute("CREATE TABLE used (row BIGINT)")
    return names


def _make(
    connection: Any,
    block: EventMap | AttributeMap,
    parts: Mapping[str, str],
    reasons: Sequence[tuple[str, str]],
    rejects: dict[tuple[int, str], Reject],
    file: str,
) -> None:
    """Makes the table `made` of a block; notes the rows it used and those it sets aside."""
    _set_zone(connection, block.place.time_zone)
    connection.execute(f"CREATE OR REPLACE TABLE made AS {map_sql.made(parts, reasons, block.place)}")
    connection.execute(f'INSERT INTO used SELECT "{ROW}" FROM made')
    refused = connection.execute(f"""
        SELECT "{ROW}", m.reason, CAST(to_json(c) AS VARCHAR) FROM made m JOIN cells c USING ("{ROW}")
        WHERE m.reason IS NOT NULL ORDER BY 1""")
    for row, reason, content in refused.fetchall():
        rejects.setdefault((row, reason), Reject(file, row, reason, content))


def _set_zone(connection: Any, zone: str | None) -> None:
    import duckdb

    try:
        connection.execute(f"SET TimeZone = {map_sql.literal(zone or 'UTC')}")
    except duckdb.Error:
        raise BadInput("an unknown time zone", zone, 'Write time_zone = "Europe/Berlin".') from None


def _fetch(connection: Any, query: str, schema: pa.Schema) -> pa.Table:
    """The query's rows with the types of the schema, and the row number."""
    table = connection.sql(query).to_arrow_table()
    columns = [
        table[f.name].cast(pa.int64()).cast(TIME) if f.type == TIME else table[f.name].cast(f.type) for f in schema
    ]
    return pa.table([*columns, table[ROW].cast(pa.int64())], schema=_with_row(schema))


def _none(schema: pa.Schema) -> pa.Table:
    return _with_row(schema).empty_table()


def _with_row(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(ROW, pa.int64()))


def _pairs(block: AttributeMap, table: TableMap, columns: Sequence[str]) -> dict[str, str] | None:
    """Attribute name → column; "*" stands for all that are neither excluded nor say who, when and what happened."""
    if block.columns is None:
        return None
    if "*" not in block.columns:
        return dict(block.columns)
    taken = {*_needs(block), *(name for event in table.events for name in _needs(event))}
    return {column: column for column in columns if column not in taken}


def _needs(block: EventMap | AttributeMap) -> list[str]:
    """The columns that a block names."""
    place = block.place
    templates: list[Template | None] = [place.contact_id, place.account_id, place.occurred_at, place.received_at]
    named: list[str] = [*place.when, *place.unless]
    if isinstance(block, EventMap):
        templates += [block.type, block.event_id, block.value, block.detail]
        named += block.properties
    else:
        templates += [block.name, block.value]
        named += [column for column in (block.columns or {}).values() if column != "*"] + list(block.exclude)
    return [*(name for t in templates if t is not None for name in t.columns), *named]


def _require(wanted: Iterable[str], columns: Sequence[str], source: str) -> None:
    for name in wanted:
        if name not in columns and name not in (ROW, FILE):
            near = difflib.get_close_matches(name, columns, 1)
            cure = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(columns)}."
            raise BadInput(f"{source} lacks a column that the map names", name, cure)

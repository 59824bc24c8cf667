"""Reads a `MAP.toml` and checks it before a row is read; every mistake is named with its cure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Dict
from dataclasses import fields
from pathlib import Path
from typing import Any

from engagement.errors import BadInput
from engagement.map_types import AttributeMap, EventMap, Join, Mapping, Place, TableMap, Template, counting

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def read_mapping(path: Path) -> Mapping:
    """The mapping in a file.

    Raises:
        BadInput: no such file, not TOML, or something in it that cannot be used.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read", error.strerror, "Give the path of a MAP.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML", str(error), "Mend that line.") from None
    return mapping_from(content)


def mapping_from(content: Dict[str, Any]) -> Mapping:
    """The mapping from the parsed content of a `MAP.toml`.

    Raises:
        BadInput: an unknown key, a missing one, or a value that cannot be used.
    """
    _known(content, {"table"}, "the map")
    tables = content.get("table")
    if not isinstance(tables, list) or not tables:
        raise BadInput("the map has no table", list(content), "Write a [[table]] for each kind of file.")
    return Mapping(tuple(_table(body, number) for number, body in enumerate(tables, 1)))


_PLACE = {f.name for f in fields(Place)}
_READING = {"source", "separator", "encoding", "columns", "empty", "join"}


def _table(body: Dict[str, Any], number: int) -> TableMap:
    where = f"[[table]] {number}"
    _known(body, _PLACE | _READING | {"events", "attributes"}, where)
    source = body.get("source")
    if not isinstance(source, str) or not source:
        raise BadInput(f"{where} names no source", source, 'Write source = "FILE NAME"; * stands for anything.')
    where = f"the map's table {source!r}"
    place = _place(body, where)
    events = tuple(_events(b, place, f"{where}, event {n}") for n, b in _blocks(body, "events", where))
    attributes = tuple(
        _attributes(b, place, f"{where}, attributes {n}") for n, b in _blocks(body, "attributes", where)
    )
    if not events and not attributes:
        raise BadInput(f"{where} makes nothing", None, "Write [[table.events]] or [[table.attributes]] under it.")
    return TableMap(
        source=source,
        events=events,
        attributes=attributes,
        separator=_text(body, "separator", where),
        encoding=_text(body, "encoding", where) or "utf-8",
        columns=_names(body, "columns", where),
        empty=_names(body, "empty", where),
        join=tuple(_join(b, where) for _, b in _blocks(body, "join", where)),
    )


def _blocks(body: Dict[str, Any], key: str, where: str) -> list[tuple[int, Dict[str, Any]]]:
    blocks = body.get(key, [])
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise BadInput(f"{where}: {key} is not a list of tables", blocks, f"Write [[table.{key}]].")
    return list(enumerate(blocks, 1))


def _events(body: Dict[str, Any], above: Place, where: str) -> EventMap:
    _known(body, _PLACE | {"type", "event_id", "value", "detail", "properties"}, where)
    place = _place(body, where, above)
    _whole(place, "contact_id", where)
    kind = _template(body, "type", where)
    if kind is None:
        raise BadInput(f"{where} has no type", None, 'Write type = "mql", or "{column}" for the cell of a column.')
    return EventMap(
        place=place,
        type=kind,
        event_id=_cell(body, "event_id", where),
        value=_template(body, "value", where),
        detail=_template(body, "detail", where),
        properties=_names(body, "properties", where),
    )


def _attributes(body: Dict[str, Any], above: Place, where: str) -> AttributeMap:
    _known(body, _PLACE | {"of", "columns", "exclude", "name", "value"}, where)
    place = _place(body, where, above)
    of = body.get("of", "contact")
    if of not in ("contact", "account"):
        raise BadInput(f"{where}: of", of, 'It is "contact" or "account".')
    _whole(place, f"{of}_id", where)
    name, value = _template(body, "name", where), _template(body, "value", where)
    columns = body.get("columns")
    if isinstance(columns, list) or columns == "*":
        columns = {column: column for column in columns}
    pairs = isinstance(columns, dict) and all(isinstance(c, str) for c in columns.values()) and columns
    if bool(pairs) == (name is not None and value is not None):
        cure = 'Give columns = ["a", "b"], columns = { name = "column" }, columns = "*", or a name and a value.'
        raise BadInput(f"{where} names no columns", columns, cure)
    return AttributeMap(place, of, columns or None, _names(body, "exclude", where), name, value)


def _join(body: Dict[str, Any], where: str) -> Join:
    _known(body, {"source", "on"}, f"{where}, join")
    source, on = _text(body, "source", where), _text(body, "on", where)
    if not source or not on:
        raise BadInput(f"{where}: a join names a source and a column", dict(body), 'Write source = "…", on = "…".')
    return Join(source, on)


def _place(body: Dict[str, Any], where: str, above: Place | None = None) -> Place:
    above = above or Place()
    shift = body.get("shift_days", above.shift_days)
    if shift is not None and (
        not isinstance(shift, int | float) or isinstance(shift, bool) or not abs(shift) < 36500
    ):
        raise BadInput(f"{where}: shift_days", shift, "Give a number of days, such as 1 or -0.5.")
    time_format = _text(body, "time_format", where)
    try:
        counting(time_format)
    except BadInput as error:
        raise BadInput(f"{where}: time_format", time_format, 'Write it like "minutes since 2020-01-01".') from error
    own_time = "occurred_at" in body
    return Place(
        contact_id=_cell(body, "contact_id", where) or above.contact_id,
        account_id=_cell(body, "account_id", where) or above.account_id,
        occurred_at=_template(body, "occurred_at", where) or above.occurred_at,
        received_at=_template(body, "received_at", where) or (None if own_time else above.received_at),
        time_format=time_format or above.time_format,
        time_zone=_text(body, "time_zone", where) or above.time_zone,
        shift_days=shift,
        when={**(above.when or {}), **_condition(body, "when", where)},
        unless={**(above.unless or {}), **_condition(body, "unless", where)},
    )


def _whole(place: Place, owner: str, where: str) -> None:
    for key in (owner, "occurred_at"):
        if getattr(place, key) is None:
            raise BadInput(f"{where} has no {key}", None, f'Write {key} = "{{COLUMN}}" there or on its table.')


def _condition(body: Dict[str, Any], key: str, where: str) -> Dict[str, Any]:
    """`{column = "text" | number | ["several"] | true (not empty) | false (empty)}`."""
    condition = body.get(key)
    if condition is None:
        return {}
    cure = f'Write {key} = {{ column = "text" }}; a list for several, true for "not empty", false for "empty".'
    if not isinstance(condition, dict) or not condition:
        raise BadInput(f"{where}: {key}", condition, cure)
    for wanted in condition.values():
        if not isinstance(wanted, str | int | float | list) or wanted == []:
            raise BadInput(f"{where}: {key}", wanted, cure)
    return condition


def _cell(body: Dict[str, Any], key: str, where: str) -> Template | None:
    """A template that must differ between rows: one id for all of them is a forgotten pair of braces."""
    template = _template(body, key, where)
    if template is not None and not template.columns:
        text = body[key]
        raise BadInput(f"{where}: {key} is the same for every row", text, f'Write {key} = "{{{text}}}" for the cell.')
    return template


def _template(body: Dict[str, Any], key: str, where: str) -> Template | None:
    text = body.get(key)
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if text is None:
        return None
    if not isinstance(text, str) or not text:
        raise BadInput(f"{where}: {key}", text, f'Write {key} = "text" or {key} = "{{column}}".')
    pieces: list[str | tuple[str]] = []
    start = 0
    for match in _PIECE.finditer(text):
        pieces.append(text[start : match.start()])
        start = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append(match[0][0])
        elif match[1]:
            pieces.append((match[1],))
        else:
            raise BadInput(f"{where}: {key} has a lone brace", text, "Write {{ or }} for a brace in the text.")
    pieces.append(text[start:])
    return Template(tuple(piece for piece in pieces if piece))


def _text(body: Dict[str, Any], key: str, where: str) -> str | None:
    text = body.get(key)
    if text is not None and not isinstance(text, str):
        raise BadInput(f"{where}: {key} is not text", text, "Put it in quotes.")
    return text


def _names(body: Dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = body.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{where}: {key}", names, f'Write {key} = ["a", "b"].')
    return tuple(names)


def _known(body: Dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(body) - known):
        raise BadInput(f"{where} has an unknown key", unknown[0], f"It knows {', '.join(sorted(known))}.")

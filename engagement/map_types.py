"""How foreign tables become a log: what a `MAP.toml` says (`engagement.mapping` reads it).

One rule: text is text, and `{column}` is the cell of that column. `{#row}` is the row's number, `{#file}` the
file's name.

    [[table]]
    source = "deals*.csv"                 # the file names this is for
    contact_id = "{contact_id}"
    occurred_at = "{closed_at}"
    [[table.events]]
    type = "deal_won"                     # text; "{stage}" would be the cell, turned to snake_case
    when = { stage = "Closed Won" }
    value = "{amount}"
    [[table.attributes]]
    columns = ["industry", "country"]

What stands on a table holds for its events and attributes unless they say otherwise; conditions add up.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from engagement.errors import BadInput
from engagement.times import parse_time

#: Placeholders that are not columns: the row's number, counted from 1, and the file's name.
ROW, FILE = "#row", "#file"
#: Time formats that count: `epoch_seconds` from 1970, `minutes since 2020-01-01` from any day (the way of the CF
#: conventions). With `occurred_at = "{#row}"` the latter gives a table in record order times of its own.
UNITS = {
    "microseconds": 1,
    "milliseconds": 1_000,
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "days": 86_400_000_000,
}


def counting(time_format: str | None) -> tuple[int, int] | None:
    """Microseconds in a unit, and microseconds UTC where counting begins; None for a format that doesn't count.

    Raises:
        BadInput: it counts in an unknown unit, or since something that is no time.
    """
    unit, since, start = (time_format or "").partition(" since ")
    if since and "%" not in unit:
        if unit not in UNITS:
            raise BadInput("an unknown unit of time", unit, f"It knows {', '.join(UNITS)}.")
        return UNITS[unit], parse_time(start)
    unit = (time_format or "").removeprefix("epoch_")
    return (UNITS[unit], 0) if time_format == f"epoch_{unit}" and unit in UNITS else None


@dataclass(frozen=True)
class Template:
    """Text with cells in it. `pieces`: a `str` is text, a one-element tuple holds a column's name."""

    pieces: tuple[str | tuple[str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs (`#row` and `#file` too), in order."""
        return tuple(piece[0] for piece in self.pieces if isinstance(piece, tuple))


@dataclass(frozen=True)
class Place:
    """Who, when and which rows: what a table says for its blocks, and a block for itself."""

    contact_id: Template | None = None
    account_id: Template | None = None
    occurred_at: Template | None = None
    received_at: Template | None = None
    time_format: str | None = None
    time_zone: str | None = None
    shift_days: float | None = None
    when: Dict[str, Any] = field(default_factory=dict)
    unless: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EventMap:
    """Each row that meets the conditions is one event of that type."""

    place: Place
    type: Template
    event_id: Template | None = None
    value: Template | None = None
    detail: Template | None = None
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttributeMap:
    """Cells that become attributes: `columns` (attribute name → column), or one name and value a row.

    `of` says whose they are, "contact" or "account". Columns of "*" are all but the excluded ones, those that say who
    and when, and those that the table's events are made of: the column of the outcome is no attribute.
    """

    place: Place
    of: str = "contact"
    columns: Dict[str, str] | None = None
    exclude: tuple[str, ...] = ()
    name: Template | None = None
    value: Template | None = None


@dataclass(frozen=True)
class Join:
    """Columns of another source, found by a column that both have; a row without a partner keeps empty cells."""

    source: str
    on: str


@dataclass(frozen=True)
class TableMap:
    """One kind of file: how to read it and what its rows are."""

    source: str
    events: tuple[EventMap, ...]
    attributes: tuple[AttributeMap, ...]
    separator: str | None = None
    encoding: str = "utf-8"
    columns: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    join: tuple[Join, ...] = ()

    def is_for(self, file_name: str) -> bool:
        """Whether the file is of this kind."""
        return fnmatchcase(file_name, self.source)


@dataclass(frozen=True)
class Mapping:
    """A whole `MAP.toml`."""

    tables: tuple[TableMap, ...] = field(default_factory=tuple)

"""What becomes of events that are appended to a log: the same words whatever the log is kept in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engagement.errors import BadInput
from engagement.schema import EVENTS

ACCEPTED, DUPLICATE, CONFLICT, ERASED = "accepted", "duplicate", "conflict", "erased"

#: A row of the log's events, in the order of `EVENTS`.
Row = tuple[Any, ...]

_RECEIVED = EVENTS.get_field_index("received_at")
_VALUE = EVENTS.get_field_index("value")


@dataclass(frozen=True)
class Appended:
    """What became of one append.

    Attributes:
        accepted: events that are new and now on disk.
        duplicates: events that were there already, with the same body.
        conflicts: ids of events that were there already with another body; nothing was changed for them.
        attributes: attribute rows that are new.
        erased: events of contacts that were erased after they occurred; they were not stored.
        statuses: "accepted", "duplicate", "conflict" or "erased" for each event, in order; empty for a bulk append.
    """

    accepted: int = 0
    duplicates: int = 0
    conflicts: tuple[str, ...] = ()
    attributes: int = 0
    erased: int = 0
    statuses: tuple[str, ...] = ()


def appended(rows: Sequence[Row], statuses: Sequence[str], attributes: int) -> Appended:
    """The statuses of some rows, summed up."""
    conflicts = tuple(row[0] for row, status in zip(rows, statuses, strict=True) if status == CONFLICT)
    accepted, duplicates, erased = (statuses.count(status) for status in (ACCEPTED, DUPLICATE, ERASED))
    return Appended(accepted, duplicates, conflicts, attributes, erased, tuple(statuses))


def in_all(parts: Iterable[Appended]) -> Appended:
    """Several appends as one bulk append."""
    every = list(parts)
    return Appended(
        sum(part.accepted for part in every),
        sum(part.duplicates for part in every),
        tuple(event_id for part in every for event_id in part.conflicts),
        sum(part.attributes for part in every),
        sum(part.erased for part in every),
    )


def status_again(row: Row, known: Row) -> str:
    """What an event is whose id is known already: all but when we received it makes it the same event."""
    same = known[:_RECEIVED] == row[:_RECEIVED] and known[_RECEIVED + 1 :] == row[_RECEIVED + 1 :]
    return DUPLICATE if same else CONFLICT


def refuse_infinite(rows: Iterable[Row]) -> None:
    """Refuses values that are not finite: SQLite would silently store NaN as NULL.

    Raises:
        BadInput: naming the first such event.
    """
    for row in rows:
        value = row[_VALUE]
        if value is not None and value - value != 0:
            raise BadInput(f"event {row[0]}: value is not allowed", value, "Values are finite.")

"""Files that are grouped by contact already: the footers of Parquet prove it, and whole contacts are read in order.

Row groups whose bounds of contact_id do not overlap hold whole contacts, but for the one at each border. Within a row
group the order does not matter. So a sorted log is read once, straight from its files, and needs no second copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from threading import Lock

import numpy as np
import pyarrow as pa

from engagement.errors import BadInput
from engagement.folder import FolderLog
from engagement.log import Log
from engagement.pieces import EVENT_TABLE, Piece, pieces, read
from features.parts import ByRange, joined


@dataclass(frozen=True)
class Stretch:
    """Row groups that are read together, and the contacts whose rows they hold: from `low` on, to the next's."""

    pieces: tuple[Piece, ...]
    low: str
    high: str


class NotGrouped(BadInput):
    """Files that don't prove to be grouped by contact."""


def stretches(log: Log, rows: int) -> list[Stretch]:
    """A log's events in stretches of at least so many rows (but the last), ascending by contact.

    Raises:
        NotGrouped: the footers don't prove that the rows are grouped by contact; says from which row on.
        BadInput: no log, or a file that cannot be read.
    """
    if not isinstance(log, FolderLog):
        raise NotGrouped("a database is not grouped by contact", log.location)
    ordered: list[tuple[str, str, Piece]] = []
    for piece in pieces(log, EVENT_TABLE):
        if piece.low is None or piece.high is None:
            raise _ungrouped(piece, "the file does not tell the bounds of contact_id", None)
        ordered.append((piece.low, piece.high, piece))
    ordered.sort(key=lambda one: one[:2])
    found: list[list[tuple[str, str, Piece]]] = []
    highest = ""
    for low, high, piece in ordered:
        if low < highest:
            raise _ungrouped(piece, f"a contact from {low!r} on, where others reach up to {highest!r}", low)
        full = bool(found) and sum(one.rows for _, _, one in found[-1]) >= rows
        if not found or (full and low > found[-1][0][0]):
            found.append([])
        found[-1].append((low, high, piece))
        highest = high
    return [Stretch(tuple(one for _, _, one in some), some[0][0], some[-1][1]) for some in found]


def _ungrouped(piece: Piece, what: str, seen: str | None) -> NotGrouped:
    where = f"{piece.source}, rows from {piece.first_row + 1:,} on"
    return NotGrouped(f"{where}: not grouped by contact, {what}", seen, "Sort the events by contact_id.")


def rule_of(found: Sequence[Stretch]) -> ByRange:
    """Which stretch a contact's rows are in."""
    return ByRange(tuple(one.low for one in found[1:]))


def whole_contacts(
    found: Sequence[Stretch], without: Collection[str] = (), wanted: Collection[int] | None = None
) -> Iterator[tuple[int, Callable[[], pa.Table]]]:
    """Each (wanted) stretch's number and what reads the events of its contacts, checked, in whatever thread."""
    before: _Reading | None = None
    for number, (stretch, following) in enumerate(zip_longest(found, found[1:])):
        touches = following is not None and stretch.high >= following.low
        reading = _Reading(stretch, following.low if touches else None, before, without)
        if wanted is None or number in wanted:
            yield number, reading.rows
        before = reading if touches else None


class _Reading:
    """A stretch that is read once, by whoever is first to ask for its rows or for those that belong to the next.

    Args:
        low: where the next one's contacts begin, if one of them begins here.
        before: the stretch before, if it ends with rows of a contact of this one.
    """

    def __init__(self, stretch: Stretch, low: str | None, before: _Reading | None, without: Collection[str]) -> None:
        self._stretch, self._low, self._before, self._without = stretch, low, before, without
        self._own: list[pa.Table] | None = None
        self._later: list[pa.Table] | None = None
        self._lock = Lock()

    def rows(self) -> pa.Table:
        """The events of this stretch's contacts; columns of `engagement.schema`."""
        with self._lock:
            if self._own is None:
                self._read()
            own, self._own = self._own or [], None
        earlier = self._before.later() if self._before is not None else []
        self._before = None
        return joined([*earlier, *own])

    def later(self) -> list[pa.Table]:
        """The events here of the next stretch's first contact."""
        with self._lock:
            if self._later is None:
                self._read()
            later, self._later = self._later or [], None
        return later

    def _read(self) -> None:
        own, later = list[pa.Table](), list[pa.Table]()
        for piece in self._stretch.pieces:
            for batch in read(piece, self._without):
                if self._low is not None and (piece.high or "") >= self._low:
                    batch, rest = _split(batch, self._low)
                    later.append(rest)
                own.append(batch)
        self._own, self._later = own, later  # not before all is read: who comes after an error reads again


def _split(events: pa.Table, low: str) -> tuple[pa.Table, pa.Table]:
    """The rows of contacts below `low`, and the others: without a copy where these come last."""
    later = ByRange((low,)).of(events["contact_id"]) == 1
    first = int(np.argmax(later)) if later.any() else len(later)
    if later[first:].all():
        return events.slice(0, first), events.slice(first)
    return events.filter(pa.array(~later)), events.filter(pa.array(later))

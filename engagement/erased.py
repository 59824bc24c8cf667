"""Contacts that were erased: of each, a digest and when. What they did before stays out, wherever it comes from.

A replayed message, an import or a restored backup may bring an erased contact back: rows that occurred up to its
erasure are refused. What it does afterwards is stored as anybody's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from engagement.appended import ERASED, Row
from engagement.errors import BadInput
from engagement.schema import ATTRIBUTES, EVENTS

#: The project's own list beside that of the log: it outlives a log that is lost and restored from a backup.
FILE = "mqm-erased.txt"

_CONTACT, _OCCURRED = EVENTS.get_field_index("contact_id"), EVENTS.get_field_index("occurred_at")
_WHOSE, _SINCE = ATTRIBUTES.get_field_index("contact_id"), ATTRIBUTES.get_field_index("occurred_at")

#: Digest of a contact's id → when it was erased (microseconds UTC).
Tombstones = Mapping[bytes, int]


def digest(contact_id: str) -> bytes:
    """What is kept of an erased contact: enough to know the id again, not to tell it."""
    return hashlib.blake2b(contact_id.encode(), digest_size=16, person=b"mqm erased").digest()


def digests(rows: Iterable[Row], facts: Iterable[Row]) -> list[bytes]:
    """The digests of the contacts of some events and attributes."""
    contacts = {row[_CONTACT] for row in rows} | {fact[_WHOSE] for fact in facts if fact[_WHOSE] is not None}
    return [digest(contact) for contact in contacts]


class Sieve:
    """Tells which rows are of erased contacts; `found` are the tombstones among those that were asked for."""

    def __init__(self, found: Tombstones) -> None:
        self._found = found

    def __bool__(self) -> bool:
        return bool(self._found)

    def event(self, row: Row) -> bool:
        """Whether an event stays out."""
        return self._gone(row[_CONTACT], row[_OCCURRED])

    def fact(self, row: Row) -> bool:
        """Whether an attribute stays out."""
        return row[_WHOSE] is not None and self._gone(row[_WHOSE], row[_SINCE])

    def _gone(self, contact: str, occurred: int) -> bool:
        erased_at = self._found.get(digest(contact)) if self._found else None
        return erased_at is not None and occurred <= erased_at


def sifted(rows: Sequence[Row], sieve: Sieve, add: Callable[[Sequence[Row]], list[str]]) -> list[str]:
    """The statuses of all rows, in order, where `add` stores those that are not of erased contacts."""
    if not sieve:
        return add(rows)
    gone = [sieve.event(row) for row in rows]
    added = iter(add([row for row, out in zip(rows, gone, strict=True) if not out]))
    return [ERASED if out else next(added) for out in gone]


def read_tombstones(home: Path) -> dict[bytes, int]:
    """The project's own list.

    Raises:
        BadInput: a line that is none of ours.
    """
    path, found = home / FILE, dict[bytes, int]()
    for line in path.read_text(encoding="ascii").splitlines() if path.is_file() else []:
        name, _, moment = line.partition(" ")
        try:
            key, at = bytes.fromhex(name), int(moment)
        except ValueError:
            raise BadInput(f"{path} holds something else", line, "Take that line out.") from None
        found[key] = max(at, found.get(key, at))
    return found


def add_tombstone(home: Path, contact_id: str, at: int) -> None:
    """Adds a line to the project's own list; it is on disk when this returns."""
    with (home / FILE).open("a", encoding="ascii") as file:
        file.write(f"{digest(contact_id).hex()} {at}\n")
        file.flush()
        os.fsync(file.fileno())

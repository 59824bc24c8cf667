"""What other systems are to be told, in the ledger: a message is there from the change on, until it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from engagement.ledger import Ledger
from engagement.packed import pack, unpack


class Graded(msgspec.Struct, frozen=True):
    """A grade that a contact was given, as of a time in microseconds UTC."""

    contact_id: str
    conversion: str
    grade: str
    as_of: int


class Message(msgspec.Struct, frozen=True):
    """A message to an endpoint, tried so often already."""

    message_id: str
    endpoint: str
    contact_id: str
    attempts: int
    body: bytes


def note_grades(
    ledger: Ledger, graded: Sequence[Graded], now: int, messages: Callable[[int, str], list[Message]]
) -> int:
    """Remembers grades and queues messages about those that changed, in one transaction; returns how many did.

    A contact's first grade is no change, and neither is one as of an earlier time than the last.

    Args:
        messages: what to send when the grade at that place of `graded` changed from that one.
    """
    changed = 0
    with ledger.writing() as connection:
        for place, one in enumerate(graded):
            whose = (one.contact_id, one.conversion)
            before = connection.execute(
                "SELECT grade, as_of FROM grades WHERE contact_id = ? AND conversion = ?", whose
            ).fetchone()
            if before is not None and before[1] > one.as_of:
                continue
            connection.execute("REPLACE INTO grades VALUES (?, ?, ?, ?)", (*whose, one.grade, one.as_of))
            if before is None or before[0] == one.grade:
                continue
            changed += 1
            for message in messages(place, before[0]):
                row = (message.message_id, message.endpoint, one.contact_id, now, now, 0, pack(message.body))
                connection.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return changed


def claim_messages(ledger: Ledger, now: int, until: int, limit: int = 20) -> list[Message]:
    """Messages that are due, which nobody else claims before `until`; microseconds UTC."""
    if ledger.reading().execute("SELECT 1 FROM outbox WHERE due <= ? LIMIT 1", (now,)).get is None:
        return []
    with ledger.writing() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT message_id, endpoint, contact_id, attempts, body FROM outbox WHERE due <= ? ORDER BY due LIMIT ?",
            (now, limit),
        ).fetchall()
        connection.executemany("UPDATE outbox SET due = ? WHERE message_id = ?", [(until, row[0]) for row in rows])
    return [Message(row[0], row[1], row[2], row[3], unpack(row[4])) for row in rows]


def settle_message(ledger: Ledger, message_id: str, again_at: int | None) -> None:
    """A message was tried: it is tried again at that time, or never (None)."""
    with ledger.writing() as connection:
        if again_at is None:
            connection.execute("DELETE FROM outbox WHERE message_id = ?", (message_id,))
        else:
            connection.execute(
                "UPDATE outbox SET due = ?, attempts = attempts + 1 WHERE message_id = ?", (again_at, message_id)
            )

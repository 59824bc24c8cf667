"""The audit of a ledger: entries chained by SHA-256, so that none can be changed, left out or put in unnoticed.

An entry tells a score by its id and the digest of its answer. Scores that were erased are named by an entry of
their own; any other that is missing or differs is a break. Cutting off the newest entries leaves a whole chain: who
wants to notice that notes the head from time to time, and gives it to `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from engagement.ledger_sql import ADD_ENTRY, LAST_ENTRY
from engagement.packed import unpack

if TYPE_CHECKING:
    import apsw

#: What the first entry is chained to.
GENESIS = bytes(32)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One line of the audit: when, what, by whom (a key's id, or "cli"), about what, with what detail."""

    at: int
    act: str
    actor: str
    subject: str
    detail: str


class Verified(msgspec.Struct, frozen=True):
    """A whole chain: how many entries, how many scores are kept and were erased, and its last hash in hex."""

    entries: int
    kept: int
    erased: int
    head: str


class Broken(msgspec.Struct, frozen=True):
    """Where a chain breaks first: the entry's number, and what is wrong."""

    seq: int
    what: str


def chain(connection: apsw.Connection, entries: Sequence[Entry]) -> None:
    """Adds entries to the audit, within the transaction of that connection."""
    seq, before = connection.execute(LAST_ENTRY).get or (0, GENESIS)
    rows = []
    for entry in entries:
        seq, before = seq + 1, entry_hash(before, seq + 1, entry)
        rows.append((seq, *msgspec.structs.astuple(entry), before))
    connection.executemany(ADD_ENTRY, rows)


def verify(connection: apsw.Connection, head: tuple[int, str] | None = None) -> Verified | Broken:
    """Walks the whole chain, in one snapshot.

    Args:
        connection: of a ledger, for reading. head: the number and hash of an entry that must be there.
    """
    with connection:
        found = _walk(connection, head)
        if isinstance(found, Verified) and connection.execute("SELECT count(*) FROM scores").get != found.kept:
            return Broken(found.entries, "there are scores without an entry")
    return found


def _walk(connection: apsw.Connection, head: tuple[int, str] | None) -> Verified | Broken:
    seq, before = 0, GENESIS
    kept, erased, lost = 0, set[str](), dict[str, int]()
    for row in connection.execute(_ENTRIES):
        entry = Entry(*row[1:6])
        if row[0] != seq + 1:
            return Broken(seq + 1, "the entry is missing")
        seq, before = seq + 1, entry_hash(before, seq + 1, entry)
        if before != row[6]:
            return Broken(seq, "the entry was changed")
        if head is not None and head[0] == seq and head[1] != before.hex():
            return Broken(seq, "the entry is not the one of the head that was noted")
        if entry.act == "erase" and entry.subject == "scores":
            erased.update(entry.detail.split())
        elif entry.act == "score":
            digest = None if row[7] is None else "sha256:" + hashlib.sha256(unpack(row[7])).hexdigest()
            if digest is None:
                lost[entry.subject] = seq
            elif digest != entry.detail:
                return Broken(seq, f"score {entry.subject} is not the one that was given")
            else:
                kept += 1
    if head is not None and head[0] > seq:
        return Broken(seq, f"entries up to {head[0]} are missing")
    for score_id, at in lost.items():
        if score_id not in erased:
            return Broken(at, f"score {score_id} is missing, and was not erased")
    return Verified(seq, kept, len(lost), before.hex())


_ENTRIES = """
SELECT seq, at, act, actor, subject, detail, hash, answer
FROM audit LEFT JOIN scores ON act = 'score' AND score_id = subject ORDER BY seq"""


def entry_hash(before: bytes, seq: int, entry: Entry) -> bytes:
    """What an entry is chained by: SHA-256 of the hash before and of all that the entry says."""
    body = json.dumps([seq, *msgspec.structs.astuple(entry)], separators=(",", ":")).encode()
    return hashlib.sha256(before + body).digest()

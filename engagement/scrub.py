"""No byte is left of what was deleted: SQLite files are searched raw, and rewritten where something is found."""

from __future__ import annotations

import mmap
from pathlib import Path

import apsw

from engagement.errors import Unavailable
from engagement.sqlite_file import BUSY_MILLISECONDS, named_errors


def scrub(path: Path, text: str) -> int:
    """Empties the write-ahead log, searches the file for a text and, where it is found, writes it anew without what
    was deleted; returns how often the bytes are found in the end (in live rows of others, which may mention it).

    Raises:
        Unavailable: another program reads or writes for long.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        with named_errors(path):
            _empty_wal(connection, path)
            if _hits(path, text):
                connection.execute("VACUUM")
                _empty_wal(connection, path)
    finally:
        connection.close()
    return _hits(path, text)


def _empty_wal(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("journal_mode") == "wal" and connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").get[0]:
        cure = "The rows are deleted already; stop what reads the file for long, and erase again."
        raise Unavailable("the write-ahead log cannot be emptied while it is read", str(path), cure)


def _hits(path: Path, text: str) -> int:
    """How often the text's bytes stand in the file and in its write-ahead log."""
    return sum(_count(file, text.encode()) for file in (path, path.with_name(path.name + "-wal")) if file.exists())


def _count(path: Path, wanted: bytes) -> int:
    if path.stat().st_size == 0:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found, at = 0, content.find(wanted)
        while at >= 0:
            found, at = found + 1, content.find(wanted, at + 1)
        return found

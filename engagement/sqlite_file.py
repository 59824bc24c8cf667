"""Opening the SQLite log's file: durable, in WAL, and refused by name where it is not a log or SQLite not safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from engagement.errors import BadInput, Unavailable
from engagement.sqlite_sql import APPLICATION_ID, SCHEMA, VERSION

#: How long a statement waits for another process's transaction before it gives up.
BUSY_MILLISECONDS = 10_000
#: A write-ahead log that grew beyond so many bytes is started anew as soon as readers let it, and cut to that size.
WAL_BYTES = 32 << 20


def open_file(path: Path, create: bool) -> apsw.Connection:
    """A connection to the log at that path; with `create` its tables are made where there are none.

    Raises:
        BadInput: it cannot be opened, or is not a log of this version.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    try:
        connection = apsw.Connection(str(path), flags=flags, statementcachesize=32)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        if create and connection.readonly("main"):  # SQLite opens it all the same, and would stay so
            raise BadInput("the log may not be written", str(path), "Give the rights to write it and its folder.")
        _prepare(connection, create)
    except apsw.NotADBError:
        raise BadInput("not an SQLite database", str(path), "Give the path of a log.") from None
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise BadInput(f"{path} cannot be opened", str(error), "Check the path and its rights.") from None
    return connection


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """What the disk or another process does to a statement, by name.

    Raises:
        Unavailable: locked, no space left, read-only, not readable: nothing was changed.
    """
    try:
        yield
    except apsw.BusyError:
        cure = "Another program holds it for long: end that one, or try again."
        raise Unavailable("the log is locked", str(path), cure) from None
    except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise Unavailable(f"{path} cannot be used", str(error), "Check the disk, its space and its rights.") from None


def _prepare(connection: apsw.Connection, create: bool) -> None:
    """Makes the tables where they are to be made, and refuses a file that is not a log of this version."""
    if create:
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get:
            connection.execute(SCHEMA)
        connection.execute("COMMIT")
    marks = connection.pragma("application_id"), connection.pragma("user_version")
    if marks[0] != APPLICATION_ID:
        raise BadInput("an SQLite database, but not a log", connection.filename, "Name another file.")
    if marks[1] != VERSION:
        raise BadInput("a log of another version", marks[1], f"This mqm reads version {VERSION}.")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute("PRAGMA cache_size = -16000")


def _patiently(deed: Callable[[], Any]) -> None:
    """Switching to WAL may answer "busy" without waiting, when several processes open a new file at once."""
    give_up = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            deed()
            return
        except apsw.BusyError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def refuse_unsafe_sqlite(version: str) -> None:
    """SQLite up to 3.51.2 may lose a WAL that two connections reset at once; some older lines were mended too.

    https://sqlite.org/wal.html (the WAL-reset bug)
    """
    major, minor, patch = ([int(part) for part in version.split(".")] + [0, 0])[:3]
    number = (major, minor, patch)
    mended = number >= (3, 51, 3) or ((3, 50, 7) <= number < (3, 51)) or ((3, 44, 6) <= number < (3, 45))
    if not mended:
        raise BadInput("an SQLite that may lose data (WAL-reset bug)", version, "Install apsw 3.51.3 or newer.")

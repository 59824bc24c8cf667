"""The connections to an SQLite log: one to write, one for each thread that reads; its write-ahead log is bounded."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from engagement.errors import Unavailable
from engagement.sqlite_file import BUSY_MILLISECONDS, WAL_BYTES, named_errors, open_file

#: How long a commit waits for readers when the write-ahead log is to be started anew; where that was not long enough,
#: how many seconds later another one does. Meanwhile a busy service writes as much as the log may hold.
_WAIT_MILLISECONDS, _PAUSE = 500, 0.25


class SqliteConnections:
    """Safe to share between threads.

    Args:
        path: the file.
        create: make the tables where there are none.
    """

    def __init__(self, path: Path, create: bool) -> None:
        self.path = path
        self._all: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._local = threading.local()
        self._write_lock = threading.Lock()
        self._closed = False
        self._wal_again = 0.0
        self._writer = self._open(create)

    def reader(self) -> apsw.Connection:
        """This thread's connection for reading.

        Raises:
            Unavailable: the log was closed.
        """
        self._refuse_closed()
        reader: apsw.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._open(create=False)
            reader.execute("PRAGMA query_only = 1")
        return reader

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """One durable write transaction. The lock is taken at once, so it waits for other writers and never fails
        half way.

        Raises:
            Unavailable: it stays locked, no space is left, or the log was closed; nothing was changed.
        """
        with self._write_lock:
            self._refuse_closed()
            connection = self._writer
            with named_errors(self.path):
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            self._bound_wal()

    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        path = self.path.with_name(self.path.name + "-wal")
        return path.stat().st_size if path.exists() else 0

    def close(self) -> None:
        """Closes every connection, of other threads too."""
        self._closed = True
        for connection in list(self._all):
            connection.close()

    def _bound_wal(self) -> None:
        """Starts the write-ahead log anew where it grew too large: readers that follow each other without a pause
        keep SQLite from that, so they are waited for, but not for long. What was committed stays so in any case."""
        if self.wal_bytes() > WAL_BYTES and time.monotonic() > self._wal_again:
            told = None
            self._writer.set_busy_timeout(_WAIT_MILLISECONDS)
            with suppress(apsw.Error):
                told = self._writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            self._writer.set_busy_timeout(BUSY_MILLISECONDS)
            done = told is not None and told[0] == 0
            self._wal_again = 0.0 if done else time.monotonic() + _PAUSE

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("the log was closed", str(self.path), "Open it again.")

    def _open(self, create: bool) -> apsw.Connection:
        connection = open_file(self.path, create)
        self._all.add(connection)
        return connection

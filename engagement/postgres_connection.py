"""Connections to PostgreSQL: one a thread, durable, opened again when it was lost, and named errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import errors

from engagement.errors import BadInput, Unavailable

#: Seconds to connect; and, when that failed, until it is tried again: callers are told at once meanwhile.
CONNECT, PAUSE = 3, 1.0
#: Times that a transaction is tried which met another one, or whose connection was lost.
TRIES = 4

Connection = psycopg.Connection[tuple[object, ...]]
R = TypeVar("R")

_SETTINGS = {
    "connect_timeout": CONNECT,
    "application_name": "mqm",
    "client_encoding": "UTF8",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
#: A commit that returned is on disk, whatever the server does by default; and nobody waits for a lock for ever.
_SESSION = """
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '10min'; SET timezone = 'UTC'"""


class Connections:
    """The connections of one log. Safe to share between threads; each has one of its own.

    Args:
        url: `postgresql://…`; what libpq understands.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = _without_secrets(url)
        self._local = threading.local()
        self._all: list[Connection] = []
        self._lock = threading.Lock()
        self._down_until = 0.0
        self._closed = False

    def run(self, deed: Callable[[Connection], R]) -> R:
        """What `deed` returns over this thread's connection. It is run again when its transaction met another one or
        the connection was lost, so it must be one transaction that may be repeated.

        Raises:
            Unavailable: the server cannot be reached or does not take writes. BadInput: a value it cannot hold.
        """
        for tried in range(1, TRIES + 1):
            connection = self._connection()
            try:
                return deed(connection)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                last: psycopg.Error = error
            except (errors.DataError, errors.ProgramLimitExceeded) as error:
                raise BadInput("PostgreSQL cannot hold a value", _line(error), "Check the row.") from None
            except (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction) as error:
                last = error
                if not connection.closed:  # it answers, and says no: no space left, read-only, shutting down
                    self._leave(connection)
                    if tried > 1:
                        break
                self._leave(connection)
        raise Unavailable("the log does not answer", _line(last), f"Check {self.name}, or try again.") from None

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection of its own, for what is read bit by bit; it is not tried again.

        Raises:
            Unavailable: the server cannot be reached, or was lost in the middle.
        """
        with self._open() as connection:
            try:
                yield connection
            except psycopg.OperationalError as error:
                raise Unavailable("the log does not answer", _line(error), f"Check {self.name}.") from None

    def close(self) -> None:
        """Closes every connection, of other threads too."""
        self._closed = True
        for connection in list(self._all):
            connection.close()

    def _connection(self) -> Connection:
        if self._closed:
            raise Unavailable("the log was closed", self.name, "Open it again.")
        known: Connection | None = getattr(self._local, "connection", None)
        if known is not None and not known.closed:
            return known
        made = self._open()
        self._local.connection = made
        with self._lock:
            self._all = [one for one in self._all if not one.closed] + [made]
        return made

    def _open(self) -> Connection:
        if time.monotonic() < self._down_until:
            raise Unavailable("the log was not to be reached a moment ago", self.name, "Try again.")
        try:
            made: Connection = psycopg.connect(self._url, autocommit=True, **_SETTINGS)  # type: ignore[arg-type]
            made.execute(_SESSION)
            return made
        except psycopg.ProgrammingError as error:
            raise BadInput("not a PostgreSQL database", _line(error), "Give postgresql://host/database.") from None
        except psycopg.OperationalError as error:
            self._down_until = time.monotonic() + PAUSE
            raise Unavailable(
                "the log cannot be reached", _line(error), f"Check {self.name}, or try again."
            ) from None

    def _leave(self, connection: Connection) -> None:
        connection.close()
        self._local.connection = None


def _without_secrets(url: str) -> str:
    """The URL as it may be shown: without a password, and without options."""
    scheme, _, rest = url.partition("://")
    login, at, place = rest.partition("?")[0].rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{place}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]

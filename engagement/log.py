"""The engagement log: one protocol, several homes (a folder of Parquet or CSV, SQLite, PostgreSQL)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

from engagement.errors import BadInput

if TYPE_CHECKING:
    from engagement.appended import Appended
    from engagement.erased import Tombstones
    from engagement.events import Attribute, Event, Told

#: What a log that can be written to is called, for messages.
DATABASES = "sqlite:///path.db or postgresql://host/database"


class Log(Protocol):
    """A place that events and attributes are read from. Tables have the columns of `engagement.schema`."""

    @property
    def location(self) -> str:
        """The folder or URL it was opened with."""
        ...

    def events(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All events, or those of some contacts and of the accounts they were ever seen with; in no order."""
        ...

    def attributes(self, contacts: Sequence[str] | None = None) -> pa.Table:
        """All attributes, or those of some contacts and of the accounts they were ever seen with."""
        ...


@runtime_checkable
class Database(Log, Protocol):
    """A log that many read and write at once; what is appended is on disk when the call returns.

    Safe to share between threads. Every method raises `Unavailable` where the log cannot be reached or written to
    just now; what an append had not acknowledged may then be sent again.
    """

    def append(self, events: Sequence[Event | Told], attributes: Sequence[Attribute] = ()) -> Appended:
        """Stores events and attributes in one durable transaction.

        An event id that is there already with the same body is a duplicate (the first `received_at` stays), with
        another body a conflict; the others are stored all the same. An attribute that is there already (whenever
        it was received) is not stored again.
        """
        ...

    def append_tables(
        self, events: pa.Table, attributes: pa.Table, progress: Callable[[int, int], None] | None = None
    ) -> Appended:
        """Stores tables portion by portion; what is interrupted can be run again."""
        ...

    def erase(self, contact_id: str, at: int) -> tuple[int, int]:
        """Removes a contact's events and attributes and says how many; what occurred up to `at` stays out."""
        ...

    def tombstones(self) -> dict[bytes, int]:
        """The contacts that were erased (see `engagement.erased`)."""
        ...

    def add_tombstones(self, more: Tombstones) -> None:
        """Erased contacts of other places: what they did before stays out of here too."""
        ...

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and of every account it was ever seen with, as of one instant."""
        ...

    def histories(self, contact_ids: Sequence[str]) -> tuple[list[Event], list[Attribute]]:
        """The union of the contacts' histories, each row once, in no order."""
        ...

    def event(self, event_id: str) -> Event | None:
        """The event of that id."""
        ...

    def batches(self, table: str) -> Iterator[pa.Table]:
        """All rows of "events" or "attributes", some ten thousand at a time."""
        ...

    def about_rows(self, table: str) -> int:
        """How many rows "events" or "attributes" has, about."""
        ...

    def close(self) -> None:
        """Closes every connection. The log cannot be used afterwards."""
        ...


def open_log(location: str) -> Log:
    """The log at a folder, a file or a URL (`sqlite:///path.db`, `postgresql://…`).

    Raises:
        BadInput: there is no log, or its kind is not known. Unavailable: no server there.
    """
    if "://" in location:
        return open_database(location, create=False)
    from engagement.folder import FolderLog

    return FolderLog(Path(location))


def open_database(url: str, create: bool) -> Database:
    """The log at a URL; with `create` it is made where there is none.

    Raises:
        BadInput: there is no log, or its kind is not known. Unavailable: no server there.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        from engagement.sqlite import SqliteLog

        return SqliteLog(Path(rest[1:]), create)
    if scheme in ("postgresql", "postgres"):
        from engagement.postgres import PostgresLog

        return PostgresLog(url, create)
    raise BadInput("a log of an unknown kind", f"{scheme}://", f"Give a folder, {DATABASES}.")


def settings_folders(location: str) -> list[Path]:
    """Where to look for the log's `mqm.toml`: in or beside the log, then here."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        path = Path(location)
        return [path if path.is_dir() else path.parent, Path()]
    return [Path(rest[1:]).parent, Path()] if scheme == "sqlite" else [Path()]

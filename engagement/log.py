"""The engagement log: one protocol, several homes (a folder of Parquet or CSV, SQLite)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from engagement.errors import BadInput


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


def open_log(location: str) -> Log:
    """The log at a folder, a file or a URL (`sqlite:///path.db`).

    Raises:
        BadInput: there is no log, or its kind is not known.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        from engagement.folder import FolderLog

        return FolderLog(Path(location))
    if scheme == "sqlite":
        from engagement.sqlite import SqliteLog

        return SqliteLog(Path(rest[1:]), create=False)
    raise BadInput("a log of an unknown kind", location, "Give a folder or sqlite:///path.db.")


def settings_folders(location: str) -> list[Path]:
    """Where to look for the log's `mqm.toml`: in or beside the log, then here."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        path = Path(location)
        return [path if path.is_dir() else path.parent, Path()]
    return [Path(rest[1:]).parent, Path()] if scheme == "sqlite" else [Path()]

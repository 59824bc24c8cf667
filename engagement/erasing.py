"""A person is removed from every place where the project keeps something of them, and each place proves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engagement.copies import remove_leftovers, without_contact
from engagement.errors import BadInput
from engagement.folder import FolderLog
from engagement.log import open_database
from engagement.scrub import scrub


@dataclass(frozen=True)
class Removed:
    """What was removed from one place.

    Attributes:
        bytes_left: how often the id's bytes are still found in the place's files: 0, or in rows of others that
            mention it. None where files cannot be searched: a server's, and compressed ones, whose rows were counted.
    """

    place: str
    events: int = 0
    attributes: int = 0
    scores: int = 0
    bytes_left: int | None = None


def erase_from_database(url: str, contact_id: str, at: int) -> Removed:
    """Removes a contact from a log at a URL, and keeps what occurred up to `at` (microseconds UTC) from coming back.

    Raises:
        Unavailable: it is not to be reached, or held by others for long.
    """
    log = open_database(url, create=False)
    try:
        events, attributes = log.erase(contact_id, at)
        place = log.location
    finally:
        log.close()
    left = scrub(Path(url.partition(":///")[2]), contact_id) if url.startswith("sqlite:") else None
    return Removed(place, events, attributes, bytes_left=left)


def erase_from_folder(folder: Path, contact_id: str) -> Removed:
    """Removes a contact from a log in Parquet files.

    Raises:
        BadInput: the log is in CSV.
    """
    remove_leftovers(folder)
    log = FolderLog(folder)
    events, attributes = (sum(_parts(log.path_of(table), contact_id)) for table in ("events", "attributes"))
    return Removed(str(folder), events, attributes)


def _parts(path: Path | None, contact_id: str) -> Iterator[int]:
    if path is not None and path.suffix == ".csv":
        raise BadInput("a contact cannot be taken out of a CSV file", str(path), "Take its lines out by hand.")
    for part in [] if path is None else sorted(path.rglob("*.parquet")) if path.is_dir() else [path]:
        yield without_contact(part, contact_id)

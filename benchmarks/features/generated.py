"""A generated log of any size, and rows that ask for features: seeded, so that every run measures the same.

50 events a contact on average, unevenly shared out (some contacts have none); 365 days; ten types, of which six have
details and three have values (cents); one account for eight contacts, a tenth of the events without; most events
known within a minute, 2 % days later. Rows of the table are in no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from engagement.schema import ATTRIBUTES, EVENTS
from engagement.times import DAY, HOUR, MINUTE

EVENTS_A_CONTACT = 50
#: A log is made in parts of so many events, and written in row groups of so many.
PART, ROW_GROUP = 5_000_000, 245_760
SPAN = 365 * DAY
#: 2026-01-01, where the log begins.
BEGIN = 20_454 * DAY
#: Types with their share of the events, how many details they have, and whether they have values.
TYPES = {
    "page_view": (0.40, 40, False),
    "email_open": (0.20, 20, False),
    "email_click": (0.12, 20, False),
    "form_submitted": (0.06, 8, False),
    "webinar_attended": (0.05, 12, False),
    "survey_answered": (0.05, 5, True),
    "meeting_booked": (0.04, 0, False),
    "meeting_held": (0.03, 0, False),
    "opportunity_created": (0.03, 0, True),
    "purchase": (0.02, 0, True),
}
DETAILED = [name for name, (_, details, _) in TYPES.items() if details]
VALUED = [name for name, (_, _, valued) in TYPES.items() if valued]
NO_ATTRIBUTES = ATTRIBUTES.empty_table()


@dataclass(frozen=True)
class Rows:
    """Rows to compute: (rows,) whose, and until when (microseconds UTC)."""

    contact_ids: pa.Array
    cutoffs: npt.NDArray[np.int64]

    def table(self) -> pa.Table:
        """The same for peers: `row`, `contact_id`, `cutoff` (microseconds)."""
        return pa.table({"row": np.arange(len(self.cutoffs)), "contact_id": self.contact_ids, "cutoff": self.cutoffs})


def generate(events: int, of: int | None = None, part: int = 0) -> pa.Table:
    """A log's table of events (`engagement.schema.EVENTS`) with so many rows, unsorted.

    Args:
        of: the size of the whole log, when this is but one of its parts.
    """
    whole = of or events
    random = np.random.default_rng((0, part))
    contact = _owners(random, events, whole)
    kind = random.choice(len(TYPES), events, p=[share for share, _, _ in TYPES.values()]).astype(np.int32)
    occurred = BEGIN + random.integers(0, SPAN, events)
    late = random.random(events) < 0.02
    received = occurred + np.where(late, random.integers(0, 5 * DAY, events), random.integers(0, MINUTE, events))
    detail, texts = _details(random, kind)
    has_value = np.isin(kind, [i for i, name in enumerate(TYPES) if name in VALUED])
    value = np.where(has_value, random.integers(1, 500_000, events) / 100, np.nan)
    no_account = random.random(events) < 0.1
    columns = [
        pa.array(part * PART + np.arange(events)).cast(pa.string()),
        _texts(contact, contact_ids(whole)),
        _texts(contact // 8, _names("a", contacts(whole) // 8 + 1), no_account),
        _texts(kind, pa.array(list(TYPES))),
        pa.array(occurred).cast(EVENTS.field("occurred_at").type),
        pa.array(received).cast(EVENTS.field("received_at").type),
        pa.array(value, mask=~has_value),
        _texts(detail, texts, detail < 0),
        pa.nulls(events, pa.string()),
    ]
    return pa.table(columns, schema=EVENTS)


def write(events: int, folder: Path) -> None:
    """A log of so many events in a folder, unsorted, made and written part by part."""
    folder.mkdir()
    with pq.ParquetWriter(folder / "events.parquet", EVENTS, compression="zstd") as file:
        for part, begin in enumerate(range(0, events, PART)):
            file.write_table(generate(min(PART, events - begin), events, part), ROW_GROUP)


def write_sorted(unsorted: Path, folder: Path) -> None:
    """The same log in another folder, sorted by contact and time."""
    folder.mkdir()
    db = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spilled")})
    db.execute(
        f"COPY (SELECT * FROM '{unsorted / 'events.parquet'}' ORDER BY contact_id, occurred_at) "
        f"TO '{folder / 'events.parquet'}' (COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def rows(events: int, cutoffs: int = 1, seed: int = 1) -> Rows:
    """Every contact, at so many random times within the last 180 days."""
    random = np.random.default_rng(seed)
    number = contacts(events) * cutoffs
    whose = np.repeat(np.arange(contacts(events)), cutoffs)
    return Rows(
        _texts(whose, contact_ids(events)), BEGIN + SPAN - random.integers(0, 180 * DAY, number) // HOUR * HOUR
    )


def contacts(events: int) -> int:
    """How many contacts a log of so many events has."""
    return max(1, events // EVENTS_A_CONTACT)


def contact_ids(events: int) -> pa.Array:
    """(contacts,) their ids."""
    return _names("c", contacts(events))


def _owners(random: np.random.Generator, events: int, whole: int) -> npt.NDArray[np.int32]:
    """(events,) whose each event is, in no order; how active a contact is follows a gamma distribution."""
    activity = np.random.default_rng(1).gamma(1.5, size=contacts(whole))
    number = random.multinomial(events, activity / activity.sum())
    return random.permutation(np.repeat(np.arange(contacts(whole), dtype=np.int32), number))


def _details(random: np.random.Generator, kind: npt.NDArray[np.int32]) -> tuple[Any, pa.Array]:
    """(events,) the place of each event's detail, -1 for none, and the details."""
    size = np.array([details for _, details, _ in TYPES.values()])
    begin = np.concatenate([[0], np.cumsum(size)])
    place = begin[kind] + (random.random(len(kind)) ** 2 * size[kind]).astype(np.int64)  # some more frequent
    texts = pa.array([f"{name}-{i:02d}" for name, (_, details, _) in TYPES.items() for i in range(details)])
    return np.where(size[kind] > 0, place, -1), texts


def _names(letter: str, number: int) -> pa.Array:
    return pa.array([f"{letter}-{i:07d}" for i in range(number)])


def _texts(codes: Any, texts: pa.Array, missing: Any = None) -> pa.Array:
    return texts.take(pa.array(codes, mask=missing))

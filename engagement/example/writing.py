"""The example as the four files of a log that knows its own truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engagement.errors import BadInput
from engagement.example.facts import DETAILS, KINDS, PROPERTIES, Facts, Ints
from engagement.example.settings import SETTINGS
from engagement.example.story import Story, tell
from engagement.example.world import Attributes, World, attributes, build_world
from engagement.schema import ATTRIBUTES, EVENTS, TIME

#: Known contacts among visitors: one in twenty leaves an address.
LEAD_SHARE = 0.05
CONVERSIONS = ("mql_to_meeting", "meeting_to_win")

TRUTH = pa.schema(
    [
        pa.field("conversion", pa.string(), nullable=False),
        pa.field("contact_id", pa.string(), nullable=False),
        pa.field("cutoff", TIME, nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class ExampleSummary:
    """What was written, as counts; `rows` are the label times of each conversion."""

    visitors: int
    contacts: int
    accounts: int
    events: int
    attributes: int
    mqls: int
    meetings_held: int
    wins: int
    purchases: int
    rows: dict[str, int]


def write_example(
    out_dir: Path, contacts: int, seed: int, progress: Callable[[str, float], None] | None = None
) -> ExampleSummary:
    """Simulates a B2B funnel of so many known contacts from October 2023 to September 2026 and writes its log.

    Writes `events.parquet` (ordered by time), `attributes.parquet`, `mqm.toml` and `truth.parquet` (conversion,
    contact_id, cutoff, probability: the true chance at every label time). The same contacts and seed give the same
    bytes. `progress` hears what is being done and the fraction done so far.

    Raises:
        BadInput: not at least one contact, or a negative seed.
    """
    if contacts < 1:
        raise BadInput("an example needs contacts", contacts, "Give 1 or more; 50000 make a realistic one.")
    if seed < 0:
        raise BadInput("a seed below 0", seed, "Give a whole number from 0.")
    report = progress or (lambda _what, _done: None)
    report("accounts and contacts", 0.0)
    world = build_world(np.random.default_rng([seed, 0]), contacts)
    facts = attributes(np.random.default_rng([seed, 1]), world)
    report("marketing", 0.05)
    story = tell(seed, world, report)
    report("files", 0.7)
    out_dir.mkdir(parents=True, exist_ok=True)
    _write(_events(world, story.events), out_dir / "events.parquet")
    _write(_attributes(facts), out_dir / "attributes.parquet")
    _write(_truth(story), out_dir / "truth.parquet")
    (out_dir / "mqm.toml").write_text(SETTINGS, encoding="utf-8", newline="\n")
    report("done", 1.0)
    return _summary(world, facts, story)


def _summary(world: World, facts: Attributes, story: Story) -> ExampleSummary:
    counts = {kind: int(story.events.of(kind).sum()) for kind in ("mql", "meeting_held", "deal_won", "purchase")}
    rows = (len(story.mql_rows.contact), len(story.meeting_rows.contact))
    return ExampleSummary(
        visitors=round(world.contacts / LEAD_SHARE),
        contacts=world.contacts,
        accounts=len(np.unique(world.account[world.account >= 0])),
        events=len(story.events),
        attributes=len(facts.occurred),
        mqls=counts["mql"],
        meetings_held=counts["meeting_held"],
        wins=counts["deal_won"],
        purchases=counts["purchase"],
        rows=dict(zip(CONVERSIONS, rows, strict=True)),
    )


def _events(world: World, events: Facts) -> pa.Table:
    number = pc.utf8_lpad(pa.array(np.arange(1, len(events) + 1)).cast(pa.string()), width=6, padding="0")
    columns = [
        pc.binary_join_element_wise("e", number, "-"),
        _ids("c", events.contact),
        _ids("a", world.account[events.contact]),
        _words(KINDS, events.kind),
        _times(events.occurred),
        _times(events.received),
        pa.array(events.value, from_pandas=True),
        _words(DETAILS, events.detail),
        _words(PROPERTIES, events.properties),
    ]
    return pa.table(columns, schema=EVENTS)


def _attributes(facts: Attributes) -> pa.Table:
    order = np.argsort(facts.occurred, kind="stable")
    columns = [
        _ids("c", facts.contact),
        _ids("a", facts.account),
        pa.array(facts.name, pa.string()),
        pa.array(facts.value, pa.string()),
        _times(facts.occurred),
        _times(facts.received),
    ]
    return pa.table(columns, schema=ATTRIBUTES).take(pa.array(order))


def _truth(story: Story) -> pa.Table:
    tables = []
    for name, rows in zip(CONVERSIONS, (story.mql_rows, story.meeting_rows), strict=True):
        names = pa.array([name] * len(rows.contact), pa.string())
        columns = [names, _ids("c", rows.contact), _times(rows.cutoff), pa.array(rows.probability, pa.float64())]
        tables.append(pa.table(columns, schema=TRUTH))
    return pa.concat_tables(tables)


def _ids(letter: str, index: Ints) -> pa.Array:
    """ "c-1" for index 0; null for -1."""
    number = pa.array(index + 1, mask=index < 0).cast(pa.string())
    return pc.binary_join_element_wise(letter, number, "-")


def _words(names: tuple[str, ...], codes: np.typing.NDArray[np.int8]) -> pa.Array:
    """The text of codes; null for the empty word."""
    return pa.array([name or None for name in names], pa.string()).take(pa.array(codes))


def _times(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.int64()).cast(TIME)


def _write(table: pa.Table, path: Path) -> None:
    """Parquet with every choice pinned, so that the same table is the same bytes."""
    pq.write_table(
        table, path, version="2.6", compression="zstd", compression_level=3, row_group_size=500_000, store_schema=True
    )

"""A small world whose truth is known: MQLs with a past of a month, and a meeting within two weeks or none.

Everything that decides is in the log, so a model can know it; the true probability of every label time is told. The
world may change its mind at a time, all at once or slowly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.schema import ATTRIBUTES, EVENTS, TIME
from engagement.settings import Settings, settings_from
from engagement.times import DAY, HOUR, SECOND, parse_time
from features.arrays import LogArrays
from training.label_times import LabelTimes
from training.table import contact_ids

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Text = npt.NDArray[np.object_]

#: Added to the seed of every world: the same again, in other worlds.
SEED = int(os.environ.get("MQM_BENCH_SEED", "0"))
START = parse_time("2022-01-03T00:00:00Z")
MONTH, WEEK = 30 * DAY, 7 * DAY
HORIZON = 14 * DAY
NAME = "mql_to_meeting"
TOML = """[stages]
mql = "mql"
meeting = "meeting_held"

[conversions.mql_to_meeting]
start = "mql"
goal = "meeting"
horizon_days = 14
landmark_days = [0, 3]

[features]
windows_days = [30]
lookback_days = 60
max_columns = 60
remove = ["account_*", "*_ever", "meeting_held_*", "*_hours_*", "*_weekdays_*", "*_gap_*", "*_days_*", "*_first"]
"""
SOURCES, LEVELS, COUNTRIES = (
    ("organic", "paid", "webinar", "referral"),
    ("vp", "director", "staff"),
    ("DE", "US", "FR"),
)
BY_SOURCE, BY_LEVEL = np.array([0.0, -0.6, 0.5, 1.1]), np.array([0.8, 0.2, -0.8])
MACHINE = '{"machine": true}'


@dataclass(frozen=True)
class Mind:
    """How the world decides: log-odds = base + strength × (what source, level and engagement say)."""

    base: float = -1.9
    strength: float = 1.0
    by_source: tuple[float, ...] = tuple(BY_SOURCE)
    by_level: tuple[float, ...] = tuple(BY_LEVEL)


#: After its change: fewer convert, and other sources and levels than before.
OTHER = Mind(base=-2.6, by_source=(0.9, 0.8, -0.3, -0.6), by_level=(-0.5, 0.2, 0.9))
#: Twice as many convert.
RICHER = Mind(base=-0.35)


@dataclass(frozen=True)
class Facts:
    """Events as columns: contact number, type, times in microseconds UTC, value, detail, properties."""

    contact: Ints
    type: Text
    occurred: Ints
    received: Ints
    value: Floats
    detail: Text
    properties: Text

    def __len__(self) -> int:
        return len(self.contact)

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Facts:
        """Some of them."""
        return Facts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class World:
    """A log and its truth: `entered` and `chance` (contacts,) tell when each became an MQL, and its probability."""

    facts: Facts
    account: Ints
    attributes: pa.Table
    entered: Ints
    chance: Floats

    @property
    def settings(self) -> Settings:
        """The settings that go with it."""
        import tomllib

        return settings_from(tomllib.loads(TOML))

    def events(self) -> pa.Table:
        """The log's events."""
        facts, number = self.facts, np.arange(len(self.facts)).astype(str)
        columns = {
            "event_id": pa.array(np.char.add("e", number).tolist(), pa.string()),
            "contact_id": _names("c", facts.contact),
            "account_id": _names("a", self.account[facts.contact]),
            "type": pa.array(facts.type, pa.string()),
            "occurred_at": pa.array(facts.occurred).cast(TIME),
            "received_at": pa.array(facts.received).cast(TIME),
            "value": pa.array(facts.value, from_pandas=True),
            "detail": pa.array(facts.detail, pa.string()),
            "properties": pa.array(facts.properties, pa.string()),
        }
        return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)

    def arrays(self) -> LogArrays:
        """The log as arrays."""
        return LogArrays.from_tables(self.events(), self.attributes)

    def truth(self, arrays: LogArrays, rows: LabelTimes) -> Floats:
        """(rows,) the true probability at each label time: of what is left of the two weeks."""
        who = np.array([int(one[1:]) for one in pa.array(contact_ids(arrays, rows)).to_pylist()])
        gone = np.clip((rows.cutoff - self.entered[who]) / HORIZON, 0, 1)
        p = self.chance[who]
        return np.asarray(p * (1 - gone) / (1 - p * gone))


def build(months: float, weekly: int, seed: int, mind: Callable[[Floats], list[Mind]] | None = None) -> World:
    """A world of so many months with so many MQLs a week.

    Args:
        mind: (contacts,) months since the start → each contact's `Mind`; without, it never changes.
    """
    draw = np.random.default_rng(seed)
    n = int(draw.poisson(weekly * months * MONTH / WEEK))
    entered = np.sort(START + _office(draw, draw.integers(30, 30 + int(months * 30), n)))
    account = draw.integers(0, max(1, n // 2), n)
    source, level, country = (
        draw.choice(k, n, p=p) for k, p in ((4, [0.4, 0.3, 0.2, 0.1]), (3, [0.2, 0.3, 0.5]), (3, [0.5, 0.3, 0.2]))
    )
    number = {kind: draw.poisson(rate, n) for kind, rate in RATES.items()}
    worth = np.where(number["quote_viewed"] > 0, draw.normal(7.0, 0.7, n), 7.0)
    minds = [Mind()] * n if mind is None else mind((entered - START) / MONTH)
    by_source, by_level = (
        np.array([told[code] for told, code in zip(every, codes, strict=True)])
        for every, codes in (([m.by_source for m in minds], source), ([m.by_level for m in minds], level))
    )
    base, strength = np.array([m.base for m in minds]), np.array([m.strength for m in minds])
    said = by_source + by_level + 0.8 * np.log1p(number["pricing"]) + 0.6 * np.log1p(number["email_click"])
    said = said + 0.6 * (worth - 7.0) + 0.5 * np.minimum(number["webinar_attended"], 2)
    chance = 1 / (1 + np.exp(-(base + strength * said)))
    met = np.flatnonzero(draw.random(n) < chance)
    parts = [_past(draw, kind, entered, times, worth) for kind, times in number.items()]
    everyone = np.arange(n)
    parts.append(_facts(draw, "lead_created", everyone, entered - 32 * DAY, np.array(SOURCES, object)[source]))
    parts.append(_facts(draw, "mql", everyone, entered))
    parts.append(_facts(draw, "sales_email_sent", everyone, entered + 2 * HOUR))
    parts.append(_facts(draw, "meeting_held", met, entered[met] + draw.integers(HOUR, HORIZON, len(met))))
    facts = Facts(*(np.concatenate([getattr(p, name) for p in parts]) for name in Facts.__dataclass_fields__))
    facts = facts.take(np.argsort(facts.occurred, kind="stable"))
    told = [("source", np.array(SOURCES)[source]), ("level", np.array(LEVELS)[level])]
    told.append(("country", np.array(COUNTRIES)[country]))
    return World(facts, account, _attributes(told, entered - 32 * DAY), entered, chance)


RATES = {"pricing": 1.0, "blog": 2.0, "email_open": 3.0, "email_click": 0.8, "webinar_attended": 0.3,
         "quote_viewed": 0.6}  # fmt: skip


def _past(draw: np.random.Generator, kind: str, entered: Ints, times: Ints, worth: Floats) -> Facts:
    """What was done in the thirty days before the MQL."""
    who = np.repeat(np.arange(len(entered)), times)
    day = (entered[who] - START) // DAY - draw.integers(1, 30, len(who))
    occurred = START + _office(draw, day)
    if kind in ("pricing", "blog"):
        return _facts(draw, "page_view", who, occurred, np.full(len(who), kind, object))
    facts = _facts(draw, kind, who, occurred)
    if kind == "email_open":
        return replace(facts, properties=np.where(draw.random(len(who)) < 0.25, MACHINE, None))
    return replace(facts, value=np.exp(worth[who]).round(2)) if kind == "quote_viewed" else facts


def _facts(draw: np.random.Generator, kind: str, who: Ints, occurred: Ints, detail: Text | None = None) -> Facts:
    size = len(who)
    nothing = np.full(size, None, object)
    received = occurred + draw.integers(SECOND, 30 * SECOND, size)
    return Facts(
        who, np.full(size, kind, object), occurred, received, np.full(size, np.nan),
        nothing if detail is None else detail, nothing,
    )  # fmt: skip


def _office(draw: np.random.Generator, day: Ints) -> Ints:
    """Microseconds since the start, on these days, in office hours."""
    return day * DAY + (draw.triangular(7, 11, 19, len(day)) * HOUR).astype(np.int64)


def _names(letter: str, number: Ints) -> pa.Array:
    return pa.array(np.char.add(letter, number.astype(str)).tolist(), pa.string())


def _attributes(told: list[tuple[str, npt.NDArray[np.str_]]], at: Ints) -> pa.Table:
    n, k = len(at), len(told)
    times = pa.array(np.tile(at, k)).cast(TIME)
    columns = {
        "contact_id": _names("c", np.tile(np.arange(n), k)),
        "account_id": pa.nulls(n * k, pa.string()),
        "name": pa.array([name for name, _ in told for _ in range(n)], pa.string()),
        "value": pa.array(np.concatenate([values for _, values in told]).tolist(), pa.string()),
        "occurred_at": times,
        "received_at": times,
    }
    return pa.table([columns[name] for name in ATTRIBUTES.names], schema=ATTRIBUTES)

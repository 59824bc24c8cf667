"""How the log flows: conversions over time, how long they take, what arrives late, comes twice, or breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engagement.times import DAY
from features.arrays import Ints, LogArrays
from training.audit_ratio import limits
from training.audit_timing import LATER, Outcomes
from training.label_times import LabelTimes

Bools = npt.NDArray[np.bool_]

#: The time is cut into so many parts.
PERIODS = 12
#: Of the usual wait for the goal, these shares are told.
WAITS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
#: A type broke off (or set in) where so many periods in a row have less than this share of its usual number.
SILENT, USUAL_SHARE, USUAL = 2, 0.02, 30


@dataclass(frozen=True)
class Period:
    """Label times between `start` and `end` (microseconds UTC), those that converted, and the limits of their rate
    (counting each contact once, 95 % two-sided)."""

    start: int
    end: int
    rows: int
    converted: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        """None where there is no row."""
        return self.converted / self.rows if self.rows else None


@dataclass(frozen=True)
class Arrival:
    """How long the goal takes after the entry, in days: (share, days) pairs, and the share of all goals seen that
    came later than the horizon."""

    waits: tuple[tuple[float, float], ...]
    after_horizon: float


@dataclass(frozen=True)
class TypeFlow:
    """Of an event type: events, the share received more than a day after they happened, the delay that 99 % keep
    (days), the share that repeats another event exactly, events in each period, and a break in words."""

    type: str
    events: int
    late: float
    delay: float
    repeated: float
    volume: tuple[int, ...]
    broken: str | None


def periods(rows: LabelTimes, unit: Ints) -> tuple[Period, ...]:
    """The base rate over time, in parts of equal length. `unit`: (rows,) whose row it is."""
    edges = np.linspace(rows.cutoff[0], rows.cutoff[-1] + 1, PERIODS + 1).astype(np.int64)
    found = []
    for low, high in pairwise(edges.tolist()):
        part = slice(*np.searchsorted(rows.cutoff, [low, high]))
        y = rows.converted[part]
        people, yes = len(np.unique(unit[part])), int(y.sum())
        # As many independent rows as there are contacts, at the rate of all rows.
        seen = round(people * yes / len(y)) if len(y) else 0
        bounds = limits(seen, people, 0.025) if people else (0.0, 1.0)
        found.append(Period(int(low), int(high), len(y), yes, *bounds))
    return tuple(found)


def arrival(found: Outcomes, horizon: int) -> Arrival | None:
    """The label's arrival curve; None without a goal."""
    took = (found.goal - found.entered)[found.goal < LATER]
    if not len(took):
        return None
    waits = tuple((share, float(np.quantile(took, share)) / DAY) for share in WAITS)
    return Arrival(waits, float((took >= horizon).mean()))


def flows(arrays: LogArrays, as_of: int) -> Iterator[TypeFlow]:
    """Each event type as known by `as_of` (microseconds UTC), by name."""
    at = arrays.events
    rows = np.flatnonzero((at.occurred < as_of) & (at.received <= as_of))
    kinds = sorted({kind for kind, _ in arrays.pairs})
    place = {kind: i for i, kind in enumerate(kinds)}
    code = np.array([place[kind] for kind, _ in arrays.pairs], np.int16)[at.pair[rows]]
    number = np.bincount(code, minlength=len(kinds))
    repeats = np.bincount(code[_repeats(arrays, rows)], minlength=len(kinds))
    # A few wrong dates must not stretch the calendar.
    occurred = at.occurred[rows]
    low, high = np.quantile(occurred, [0.001, 0.999])
    edges = np.linspace(low, high, PERIODS + 1)
    period = np.searchsorted(edges[1:-1], occurred, "right")
    volume = np.bincount(code.astype(np.int64) * PERIODS + period, minlength=len(kinds) * PERIODS)
    by_kind = np.split(np.argsort(code, kind="stable"), np.cumsum(number)[:-1])
    for kind, mine, of, again in zip(kinds, by_kind, volume.reshape(-1, PERIODS), repeats.tolist(), strict=True):
        if len(mine):
            delay = at.received[rows[mine]] - occurred[mine]
            late, usual = float((delay > DAY).mean()), float(np.quantile(delay, 0.99)) / DAY
            yield TypeFlow(kind, len(mine), late, usual, again / len(mine), tuple(of.tolist()), _break(of, edges))


def _repeats(arrays: LogArrays, rows: Ints) -> Ints:
    """The places in `rows` (ascending by contact and time) of events that repeat another one exactly: contact, type,
    detail, value and time."""
    at = arrays.events
    contact, moment = at.contact[rows], at.occurred[rows]
    tie = np.flatnonzero((contact[1:] == contact[:-1]) & (moment[1:] == moment[:-1]))
    tied = np.union1d(tie, tie + 1)
    columns = [column[rows[tied]] for column in (at.value, at.pair, at.occurred, at.contact)]
    order = np.lexsort(columns)
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in columns:
        same &= column[order[1:]] == column[order[:-1]]
    return tied[order[1:][same]]


def _break(volume: Ints, edges: npt.NDArray[np.float64]) -> str | None:
    """Whether a type that usually comes often is absent for some periods: at the beginning, the end or between."""
    from engagement.times import format_time

    usual = float(np.median(volume[volume > 0])) if (volume > 0).any() else 0.0
    if usual < USUAL:
        return None
    quiet = volume < USUAL_SHARE * usual
    run = 0
    for place, silent in enumerate([*quiet.tolist(), False]):
        if not silent and run >= SILENT:
            begin, end = (format_time(int(edges[i]))[:10] for i in (place - run, place))
            if run == place:
                return f"hardly any before {end}, then {usual:,.0f} a period: tracked only since?"
            if place == len(volume):
                return f"hardly any since {begin}, {usual:,.0f} a period before: renamed, or no longer tracked?"
            return f"hardly any from {begin} to {end}, {usual:,.0f} a period else: is a part missing?"
        run = run + 1 if silent else 0
    return None

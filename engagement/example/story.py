"""How it comes together: one thread at a time on each account, in the order of time.

For three months after an MQL, and after a meeting until half a year past the end of its deal, nobody else of the
account is qualified. So no label ever sees the goal of another thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engagement.example import chase as chasing
from engagement.example import deals as dealing
from engagement.example.deals import Rows
from engagement.example.facts import (
    END,
    REASONS,
    START,
    Facts,
    Floats,
    Ints,
    Mask,
    Rng,
    details,
    facts,
    promptly,
    together,
)
from engagement.example.nurture import nurture
from engagement.example.signals import PAUSE, Signals, not_paused, pull, signals_of
from engagement.example.world import World
from engagement.times import DAY

#: From pull to drive: these set the base rate of mql_to_meeting and how sharply it can be told apart.
OFFSET, STEEPNESS = -1.45, 0.9


@dataclass(frozen=True)
class Story:
    """All that happened before the end, and what was true at each label time."""

    events: Facts
    mql_rows: Rows
    meeting_rows: Rows


@dataclass(frozen=True)
class _Round:
    """What became of at most one MQL of each account; `free` is when its account may have the next."""

    events: list[Facts]
    mql_rows: Rows
    meeting_rows: list[Rows]
    free: Ints
    attended: Ints


def tell(seed: int, world: World, progress: Callable[[str, float], None]) -> Story:
    """Simulates the three years of that world."""
    marketing, sales = (np.random.default_rng([seed, part]) for part in (2, 3))
    plan = nurture(marketing, world)
    progress("qualification, meetings and deals", 0.4)
    signals = signals_of(world, plan.events)
    order = np.lexsort((plan.time, world.group[plan.contact]))
    contact, time = plan.contact[order], plan.time[order]
    free = np.full(int(world.group.max()) + 1, START)
    done = np.zeros(world.contacts, bool)
    rounds: list[_Round] = []
    while True:
        open_still = (time >= free[world.group[contact]]) & ~done[contact] & (time < END)
        contact, time = contact[open_still], time[open_still]
        if not len(contact):
            break
        _, first = np.unique(world.group[contact], return_index=True)
        rounds.append(_round(sales, world, signals, contact[first], time[first]))
        free[world.group[contact[first]]] = rounds[-1].free
        done[contact[first]] = True
        done[rounds[-1].attended] = True
    left = plan.events.where(not_paused(plan.events, signals.paused))
    events = together([left, *(part for each in rounds for part in each.events)])
    events = events.where(events.received < END)
    return Story(
        events.where(np.argsort(events.occurred, kind="stable")),
        _known([each.mql_rows for each in rounds]),
        _known([rows for each in rounds for rows in each.meeting_rows]),
    )


def _round(rng: Rng, world: World, signals: Signals, contact: Ints, entered: Ints) -> _Round:
    received = promptly(rng, entered)
    cutoff = received + 1
    strength, hands = pull(world, signals, contact, entered, cutoff)
    signals.paused[contact] = entered
    pursuit = chasing.chase(rng, contact, cutoff, OFFSET + STEEPNESS * strength)
    why = details(REASONS)[np.minimum(hands, 1)]
    events = [facts("mql", contact, entered, received, why), *pursuit.events]

    met = np.nonzero(pursuit.held >= 0)[0]
    champion = contact[met]
    outcome = dealing.deals(rng, world, champion, pursuit.held[met], pursuit.received[met], pursuit.meeting[met])
    won = outcome.won
    events += outcome.events
    events += dealing.purchases(rng, champion[won], outcome.ended[won], outcome.value[won])
    free = entered + PAUSE + DAY
    free[met] = outcome.ended + (dealing.HORIZON + 1) * DAY
    return _Round(events, _rows(contact, cutoff, pursuit.probability), outcome.rows, free, outcome.attended)


def _rows(contact: Ints, cutoff: Ints, probability: Floats) -> Rows:
    """The label times of MQLs from the (k, landmarks) table of probabilities; NaN is none."""
    landmarks = probability.shape[1]
    at = cutoff[:, None] + np.array(chasing.LANDMARKS) * DAY
    rows = Rows(np.repeat(contact, landmarks), at.ravel(), probability.ravel())
    return _where(rows, ~np.isnan(rows.probability))


def _known(parts: list[Rows]) -> Rows:
    """The label times before the end, ordered by time and contact."""
    none = Rows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    columns = zip(*((part.contact, part.cutoff, part.probability) for part in (none, *parts)), strict=True)
    rows = Rows(*(np.concatenate(column) for column in columns))
    rows = _where(rows, rows.cutoff < END)
    return _where(rows, np.lexsort((rows.contact, rows.cutoff)))


def _where(rows: Rows, mask: Mask | Ints) -> Rows:
    return Rows(rows.contact[mask], rows.cutoff[mask], rows.probability[mask])

"""Marketing before anyone is qualified: mails, visits, webinars, forms, all moved by a hidden intent.

Intent wanders from week to week (AR(1)), part of it shared by an account. It moves engagement and the moment of
qualification, never what comes after: so everything that decides later is in the log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.example.facts import (
    BOT,
    END,
    FORMS,
    MACHINE,
    PAGES,
    SOURCES,
    START,
    TOPICS,
    Facts,
    Floats,
    Ints,
    Rng,
    details,
    facts,
    pick,
    promptly,
    sometimes_late,
    together,
)
from engagement.example.world import WEEK, WEEKS, World
from engagement.times import DAY, HOUR, MINUTE, SECOND

Grid = npt.NDArray[np.float32]

#: Contacts simulated at once: bounds the memory to some hundred MB whatever the size of the whole.
BLOCK = 20_000
#: Weeks after a contact became known in which the nurture programme writes; then every tenth week.
MAIL_WEEKS = (0, 1, 2, 4, 6, 9, 12, 16, 20, 25)
WEEKDAYS = np.array([0.04, 0.19, 0.2, 0.2, 0.19, 0.14, 0.04])  # Sunday first: the example starts on one
OTHER_PAGES = np.array([0.26, 0.24, 0.2, 0.12, 0.1, 0.0, 0.06, 0.02])  # of a visit that isn't about the price


@dataclass(frozen=True)
class Nurture:
    """What marketing saw, and the moments at which a contact would qualify (`contact`, `time`; many for some)."""

    events: Facts
    contact: Ints
    time: Ints


def nurture(rng: Rng, world: World) -> Nurture:
    """Engagement of all contacts over the three years, as if none of them ever qualified."""
    shared = _wander(rng, world.accounts, 0.93)
    parts, candidates = [_leads(rng, world)], []
    for first in range(0, world.contacts, BLOCK):
        who = np.arange(first, min(first + BLOCK, world.contacts))
        intent = _intent(rng, world, who, shared)
        visits, visit_events = _visits(rng, who, intent)
        parts += [
            visit_events,
            *_mails(rng, world, who, intent),
            *_webinars(rng, who, intent),
            _forms(rng, who, intent),
        ]
        candidates.append(_candidates(rng, who, intent, visits))
    events = together(parts)
    contact, time = (np.concatenate(column) for column in zip(*candidates, strict=True))
    known = time > world.created[contact] + HOUR
    alive = (events.occurred >= world.created[events.contact]) & (events.received < END)
    return Nurture(events.where(alive), contact[known], time[known])


def _wander(rng: Rng, rows: int, persistence: float) -> Grid:
    """AR(1) with unit variance, shape (rows, WEEKS)."""
    grid = rng.standard_normal((rows, WEEKS), dtype=np.float32)
    kept, fresh = np.float32(persistence), np.float32(np.sqrt(1 - persistence**2))
    for week in range(1, WEEKS):
        grid[:, week] = kept * grid[:, week - 1] + fresh * grid[:, week]
    return grid


def _intent(rng: Rng, world: World, who: Ints, shared: Grid) -> Grid:
    """Log intensity, shape (block, WEEKS): account, contact and character; -inf before the contact is known."""
    own = _wander(rng, len(who), 0.85)
    account = world.account[who]
    common = np.where((account >= 0)[:, None], shared[account], _wander(rng, len(who), 0.93))
    character = rng.standard_normal((len(who), 1), dtype=np.float32)
    age = np.arange(WEEKS) - ((world.created[who] - START) // WEEK)[:, None]
    fading = np.log(0.2 + 0.8 * np.exp(-np.maximum(age, 0) / 30)).astype(np.float32)
    grid = np.float32(0.6) * (common + own) + np.float32(0.5) * character + fading
    grid[age < 0] = -np.inf
    return np.asarray(grid, dtype=np.float32)


def _happen(rng: Rng, intent: Grid, rate: float, steep: float = 1.0) -> npt.NDArray[np.int64]:
    """Poisson counts a week with mean rate · exp(steep · intent), shape of the grid."""
    return np.asarray(rng.poisson(np.minimum(rate * np.exp(np.float32(steep) * intent), 8)))


def _moments(rng: Rng, week: Ints) -> Ints:
    """A time in each of those weeks, mostly in office hours."""
    hour = np.clip(rng.normal(13, 3.2, len(week)), 0, 23.9)
    day = pick(rng, WEEKDAYS, len(week))
    return START + week * WEEK + day * DAY + (hour * HOUR).astype(np.int64) + rng.integers(0, SECOND, len(week))


def _cells(counts: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
    """(row, week) of every single occurrence in a grid of counts."""
    row, week = np.nonzero(counts)
    times = counts[row, week]
    return np.repeat(row, times), np.repeat(week, times)


def _leads(rng: Rng, world: World) -> Facts:
    source = details(SOURCES)[world.source]
    return facts("lead_created", np.arange(world.contacts), world.created, promptly(rng, world.created), source)


def _visits(rng: Rng, who: Ints, intent: Grid) -> tuple[npt.NDArray[np.int64], Facts]:
    counts = _happen(rng, intent, 0.11)
    row, week = _cells(counts)
    start = _moments(rng, week)
    pages = 1 + rng.poisson(1.6, len(row))
    visit = np.repeat(np.arange(len(row)), pages)
    nth = np.arange(len(visit)) - np.repeat(np.cumsum(pages) - pages, pages)
    occurred = start[visit] + nth * rng.integers(20 * SECOND, 3 * MINUTE, len(visit))
    about_price = rng.random(len(visit)) < np.minimum(0.07 * np.exp(0.6 * intent[row, week]), 0.35)[visit]
    page = np.where(about_price, PAGES.index("pricing"), pick(rng, OTHER_PAGES, len(visit)))
    received = sometimes_late(rng, occurred)
    return counts, facts("page_view", who[row[visit]], occurred, received, details(PAGES)[page])


def _mails(rng: Rng, world: World, who: Ints, intent: Grid) -> list[Facts]:
    """Nurture mails, people's opens and clicks, and those of mail scanners, which mean nothing."""
    age = np.arange(WEEKS) - ((world.created[who] - START) // WEEK)[:, None]
    row, week = np.nonzero(np.isin(age, MAIL_WEEKS) | ((age > 30) & (age % 10 == 0)))
    contact, heat = who[row], np.exp(np.minimum(intent[row, week], 2.0))
    sent = _moments(rng, week)
    opened = rng.random(len(row)) < np.minimum(0.2 + 0.25 * heat, 0.7)
    clicked = opened & (rng.random(len(row)) < np.minimum(0.25 * heat, 0.6))
    scanned = (world.account[contact] >= 0) & world.gateway[world.account[contact]]
    bitten = scanned & (rng.random(len(row)) < 0.02)
    read = sent + (np.exp(rng.normal(np.log(2 * HOUR), 1.4, len(row)))).astype(np.int64)
    return [
        facts("email_sent", contact, sent, promptly(rng, sent)),
        _mail("email_open", rng, contact[opened], read[opened]),
        _mail("email_click", rng, contact[clicked], read[clicked] + 40 * SECOND),
        _mail("email_open", rng, contact[scanned], sent[scanned] + 2 * SECOND, MACHINE),
        _mail("email_click", rng, contact[bitten], sent[bitten] + 3 * SECOND, BOT),
    ]


def _mail(kind: str, rng: Rng, contact: Ints, occurred: Ints, properties: int = 0) -> Facts:
    return facts(kind, contact, occurred, sometimes_late(rng, occurred), properties=properties)


def _webinars(rng: Rng, who: Ints, intent: Grid) -> list[Facts]:
    row, week = _cells(_happen(rng, intent, 0.012, 1.1))
    registered = _moments(rng, week)
    topic = details(TOPICS)[rng.integers(0, len(TOPICS), len(row))]
    came = rng.random(len(row)) < 0.6
    attended = registered[came] + rng.integers(2 * HOUR, 9 * DAY, int(came.sum()))
    return [
        facts("webinar_registered", who[row], registered, sometimes_late(rng, registered), topic),
        facts("webinar_attended", who[row[came]], attended, sometimes_late(rng, attended), topic[came]),
    ]


def _forms(rng: Rng, who: Ints, intent: Grid) -> Facts:
    row, week = _cells(_happen(rng, intent, 0.016))
    raises_hand = 0.12 * np.exp(0.8 * intent[row, week].astype(np.float64))
    form = pick(rng, np.stack([np.full(len(row), 0.5), np.ones(len(row)), raises_hand], axis=1), len(row))
    occurred = _moments(rng, week)
    return facts("form_submitted", who[row], occurred, sometimes_late(rng, occurred), details(FORMS)[form])


def _candidates(rng: Rng, who: Ints, intent: Grid, visits: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Weeks after which a contact would be qualified: the likelier, the higher the intent and the more visits."""
    hazard: Floats = 0.0115 * np.exp(np.float32(0.9) * intent) * (1 + 1.5 * np.minimum(visits, 3))
    row, week = np.nonzero(rng.random(intent.shape, dtype=np.float32) < hazard)
    return who[row], _moments(rng, week + 1)

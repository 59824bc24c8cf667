"""From the first meeting to the deal: one thread per account, of one to four meetings.

After each meeting a survey may be answered within a day; within a week a further meeting is booked or not; and after
one to six weeks the thread goes on with that meeting, or is won or lost. Every chance depends only on what the log
shows, and a thread ends within 150 days, so solving it backwards gives the exact probability of a win in 180 days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement.example.chase import MEETING_SHARE
from engagement.example.facts import (
    ANSWERS,
    END,
    MEETINGS,
    Facts,
    Floats,
    Ints,
    Mask,
    Rng,
    details,
    facts,
    pick,
    promptly,
)
from engagement.example.world import World, company_size
from engagement.times import DAY, HOUR

MEETINGS_AT_MOST = 4
LANDMARKS = (0, 1, 7)
HORIZON = 180
COLLEAGUE_SHARE = 0.2
SILENT = len(ANSWERS)
MORE, WON, LOST = range(3)
CHAMPION, COLLEAGUE = range(2)

#: The column of FIT for each job level, the unknown last.
FIT_COLUMN = np.array([0, 0, 1, 1, 2, 2])

#: Fit of a meeting (row) with who attends it (column: c_level or vp, director or manager, staff or unknown).
FIT = np.array(
    [[1.1, 0.4, -0.9], [2.2, 0.4, -1.4], [1.2, 0.5, -0.8], [1.3, 0.3, -1.0], [0.1, -0.6, -1.9], [1.1, 0.2, -1.1]]
)
#: What an answer (or none) does to the log-odds of a win against a loss.
BY_ANSWER = np.array([3.2, 1.2, -1.6, -4.0, -0.8])
#: Log-weights of a win and of a further meeting against a loss, after the 1st … 4th meeting.
WIN = np.array([-6.1, -4.3, -3.3, -2.6])
AGAIN = np.array([0.1, 0.1, 0.0, -np.inf])


@dataclass(frozen=True)
class Odds:
    """The solved thread; arrays over (k threads, 2: champion or colleague, 6 meeting types, 5 answers).

    Attributes:
        answer: chances of each answer or silence; kinds: of (another meeting, win, loss), last axis 3.
        before: P(win) when the meeting was just held, shape (k, 2, 6); after: once the survey is in or isn't.
        attendee: chances of who comes to a further meeting, shape (k, 2).
    """

    answer: Floats
    kinds: list[Floats]
    before: list[Floats]
    after: list[Floats]
    attendee: Floats


@dataclass(frozen=True)
class Rows:
    """Label times: contact, cutoff in UTC µs, true probability."""

    contact: Ints
    cutoff: Ints
    probability: Floats


@dataclass(frozen=True)
class Deals:
    """Events and label times of threads, and the colleagues who stepped in.

    `ended`, `won` and `value` have one entry for each thread.
    """

    events: list[Facts]
    rows: list[Rows]
    attended: Ints
    ended: Ints
    won: Mask
    value: Floats


def solve(seniority: Ints, size: Floats, colleague: Mask) -> Odds:
    """Backward over the meetings. `seniority` is (k, 2), the FIT column of champion and colleague; `size` is (k,)."""
    fit = FIT.T[seniority] + 1.5 * size[:, None, None]
    score = np.concatenate(
        [fit[..., None] * np.array([0.8, 0.4, -0.4, -0.8]), np.full((*fit.shape, 1), -0.1)], axis=3
    )
    answer = np.exp(score)
    answer /= answer.sum(axis=3, keepdims=True)
    attendee = np.where(colleague[:, None], [1 - COLLEAGUE_SHARE, COLLEAGUE_SHARE], [1.0, 0.0])
    strength = fit[..., None] + BY_ANSWER
    kinds: list[Floats] = []
    before: list[Floats] = []
    after: list[Floats] = []
    later = np.zeros(len(size))
    for nth in reversed(range(MEETINGS_AT_MOST)):
        weights = np.exp(
            np.stack([AGAIN[nth] + 0.5 * strength, WIN[nth] + strength, np.zeros_like(strength)], axis=4)
        )
        share = weights / weights.sum(axis=4, keepdims=True)
        value = share[..., 1] + share[..., 0] * later[:, None, None, None]
        held = (answer * value).sum(axis=3)
        later = np.einsum("ka,t,kat->k", attendee, MEETING_SHARE, held)
        kinds, before, after = [share, *kinds], [held, *before], [value, *after]
    return Odds(answer, kinds, before, after, attendee)


@dataclass(frozen=True)
class _Cast:
    """Who and what a thread is about; arrays of k: people (k, 2) champion and colleague, value of the deal."""

    people: Ints
    value: Floats
    odds: Odds


def deals(rng: Rng, world: World, champion: Ints, held: Ints, received: Ints, meeting: Ints) -> Deals:
    """Runs the thread of each first meeting (arrays of k: who, when, when known, of which type)."""
    cast = _cast(rng, world, champion, held, received)
    k = len(champion)
    events: list[Facts] = []
    rows: list[Rows] = []
    opened, won, attended = (np.zeros(k, bool) for _ in range(3))
    ended, known = held.copy(), received + 1
    row, who = np.arange(k), np.zeros(k, np.int64)
    for nth in range(MEETINGS_AT_MOST):
        after = _after(rng, cast, nth, row, who, meeting, known[row])
        rows += after.rows
        opens, opening = after.opportunity(~opened[row])
        owner, worth = champion[row], cast.value[row]
        events += after.events
        events.append(_prompt(rng, "opportunity_created", owner[opens], opening[opens], worth[opens]))
        opened[row[opens]] = True
        for kind, name in ((WON, "deal_won"), (LOST, "deal_lost")):
            done = after.kind == kind
            events.append(_prompt(rng, name, owner[done], after.closed[done], worth[done]))
        won[row[after.kind == WON]] = True
        ended[row] = after.closed
        again = after.kind == MORE
        known[row[again]] = after.known
        attended[row[again & (after.who == COLLEAGUE)]] = True
        row, who, meeting = row[again], after.who[again], after.meeting[again]
    return Deals(events, rows, cast.people[attended, COLLEAGUE], ended, won, cast.value)


def _cast(rng: Rng, world: World, champion: Ints, held: Ints, received: Ints) -> _Cast:
    """The colleague who may step in is the longest known one, so that nothing about it is hidden."""
    elder, next_elder = world.elders
    colleague = np.where(elder[champion] == champion, next_elder[champion], elder[champion])
    there = (colleague >= 0) & (world.created[colleague] + DAY < held)
    people = np.stack([champion, np.where(there, colleague, champion)], axis=1)
    level = np.stack([world.level_at(people[:, i], received) for i in (CHAMPION, COLLEAGUE)], axis=1)
    employees = world.employees_at(champion, received)
    size = company_size(employees)
    value = np.exp(rng.normal(9.6, 0.5, len(champion)) + 0.5 * size).round(-2)
    return _Cast(people, value, solve(FIT_COLUMN[level], size, there))


@dataclass(frozen=True)
class _After:
    """What follows one meeting of each running thread; `who` and `meeting` are those of the next one, if any.

    Arrays have one entry for each running thread, except `known`: one for each that goes on, the next cutoff.
    """

    events: list[Facts]
    rows: list[Rows]
    answer: Ints
    kind: Ints
    who: Ints
    meeting: Ints
    surveyed: Ints
    booked: Ints
    closed: Ints
    known: Ints

    def opportunity(self, fresh: Mask) -> tuple[Mask, Ints]:
        """Who opens an opportunity and when: after a good answer, a booking, or a day before the win.

        The first two are known anyway and the third comes after the last label time, so it gives nothing away.
        """
        eager, further = self.answer <= 1, self.kind == MORE
        time = np.where(eager, self.surveyed + HOUR, np.where(further, self.booked + HOUR, self.closed - 20 * HOUR))
        return fresh & (eager | further | (self.kind == WON)), time


def _after(rng: Rng, cast: _Cast, nth: int, row: Ints, who: Ints, meeting: Ints, start: Ints) -> _After:
    """Draws answer, outcome and times after the nth meeting of the threads `row`, and says the truth about them."""
    odds, k = cast.odds, len(row)
    answer = pick(rng, odds.answer[row, who, meeting], k)
    chances = odds.kinds[nth][row, who, meeting, answer]
    kind = pick(rng, chances, k)
    again = kind == MORE
    next_who, next_meeting = pick(rng, odds.attendee[row], k), pick(rng, MEETING_SHARE, k)

    ahead = odds.before[min(nth + 1, MEETINGS_AT_MOST - 1)][row, next_who, next_meeting]
    unbooked = chances[:, WON] / (chances[:, WON] + chances[:, LOST])
    truth = (
        odds.before[nth][row, who, meeting],
        odds.after[nth][row, who, meeting, answer],
        np.where(again, ahead, unbooked),
    )
    guest = cast.people[row, who]
    rows = [Rows(guest, start + day * DAY, chance) for day, chance in zip(LANDMARKS, truth, strict=True)]

    surveyed = start + rng.integers(HOUR, 20 * HOUR, k)
    booked = start + rng.integers(DAY + HOUR, 7 * DAY - 2 * HOUR, k)
    closed = start + rng.integers(9 * DAY, 36 * DAY, k) + np.where(again, 0, rng.integers(0, 6 * DAY, k))
    received = promptly(rng, closed[again])
    told, next_guest = answer != SILENT, cast.people[row, next_who][again]
    label = details(MEETINGS)[next_meeting[again]]
    answers = details(ANSWERS)[answer[told]]
    events = [
        facts("survey_answered", guest[told], surveyed[told], promptly(rng, surveyed[told]), answers),
        facts("meeting_booked", next_guest, booked[again], promptly(rng, booked[again]), label),
        facts("meeting_held", next_guest, closed[again], received, label),
    ]
    return _After(events, rows, answer, kind, next_who, next_meeting, surveyed, booked, closed, received + 1)


def _prompt(rng: Rng, kind: str, contact: Ints, occurred: Ints, value: Floats) -> Facts:
    return facts(kind, contact, occurred, promptly(rng, occurred), value=value)


def purchases(rng: Rng, contact: Ints, since: Ints, value: Floats) -> list[Facts]:
    """What winners buy: the first time within days, then again and again at irregular intervals, until they stop."""
    parts = []
    occurred = since + rng.integers(HOUR, 3 * DAY, len(since))
    while len(contact):
        share = np.round(value * rng.uniform(0.2, 1.1, len(value)), -1)
        parts.append(_prompt(rng, "purchase", contact, occurred, share))
        gap = np.exp(rng.normal(np.log(100), 0.6, len(contact))) * DAY
        occurred = occurred + gap.astype(np.int64)
        loyal = (rng.random(len(contact)) < 0.85) & (occurred < END)
        contact, occurred, value = contact[loyal], occurred[loyal], value[loyal]
    return parts

"""Sales after the MQL: a Markov chain by the day, whose state anyone can read off the log.

Day k runs from the MQL's cutoff + k days to the next. The chance of the next state depends on the state and on the
pull, fixed at entry, and on nothing else. So at every whole day the probability of a meeting within 30 days is
`(M ** 30)[state, HELD]`, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.example.facts import MEETINGS, PAGES, Facts, Floats, Ints, Mask, Rng, details, facts, pick, promptly
from engagement.times import DAY, HOUR, MINUTE

QUIET, WARM, HOT, BOOKED, MISSED, RECYCLED, HELD = range(7)
STATES = 7
#: Sales gives up after so many days.
DAYS = 45
HORIZON = 30
LANDMARKS = (0, 1, 3, 7, 14)

#: How often each meeting type is agreed on.
MEETING_SHARE = np.array([0.38, 0.1, 0.2, 0.1, 0.12, 0.1])

MAIL_DAYS = (0, 2, 5, 9, 14, 21, 30, 40)
#: Daily chances by state (QUIET … RECYCLED; HELD ends the chase) of what else happens. They carry no news.
OPEN = (0.05, 0.1, 0.12, 0.08, 0.06, 0.03)
CLICK = (0.0, 0.03, 0.04, 0.03, 0.02, 0.0)
REPLY = (0.0, 0.0, 0.04, 0.06, 0.02, 0.0)
CALL = (0.01, 0.02, 0.06, 0.04, 0.04, 0.0)
VISIT = (0.01, 0.03, 0.05, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class Chase:
    """What sales did and found; arrays of k, one for each MQL.

    Attributes:
        probability: shape (k, landmarks), NaN once the meeting was held.
        held: the time of the first meeting, -1 for none; received: when that was known; meeting: its type.
    """

    events: list[Facts]
    probability: Floats
    held: Ints
    received: Ints
    meeting: Ints


def transitions(pull: Floats) -> Floats:
    """The chances of a day, shape (k, from, to)."""
    drive = np.exp(pull)
    matrix = np.zeros((len(pull), STATES, STATES))
    matrix[:, QUIET, WARM] = _chance(0.08 * drive)
    matrix[:, QUIET, HOT] = _chance(0.01 * drive)
    matrix[:, QUIET, RECYCLED] = 0.03
    matrix[:, WARM, HOT] = _chance(0.10 * drive)
    matrix[:, WARM, RECYCLED] = 0.03
    matrix[:, HOT, BOOKED] = _chance(0.15 * drive)
    matrix[:, BOOKED, HELD] = 0.25
    matrix[:, BOOKED, MISSED] = 0.06
    matrix[:, MISSED, BOOKED] = _chance(0.08 * drive)
    matrix[:, MISSED, RECYCLED] = 0.04
    matrix[:, RECYCLED, BOOKED] = _chance(0.002 * drive)
    for state in range(STATES):
        matrix[:, state, state] = 1 - matrix[:, state].sum(axis=1)
    return matrix


def _chance(rate: Floats) -> Floats:
    """At most one half a day."""
    return 0.5 * (1 - np.exp(-2 * rate))


def chances(matrix: Floats) -> Floats:
    """The probability of HELD within the horizon from each state, shape (k, states)."""
    reached = np.broadcast_to(np.eye(STATES)[HELD], (len(matrix), STATES))
    for _ in range(HORIZON):
        reached = np.einsum("kij,kj->ki", matrix, reached)
    return np.asarray(reached)


def chase(rng: Rng, contact: Ints, cutoff: Ints, pull: Floats) -> Chase:
    """Runs the chain of each MQL from its cutoff (the first instant at which the entry is known)."""
    matrix = transitions(pull)
    states = _run(rng, matrix)
    goal = chances(matrix)
    at = states[:, list(LANDMARKS)]
    probability = np.where(at == HELD, np.nan, np.take_along_axis(goal, at.astype(np.int64), axis=1))

    before, after = states[:, :-1], states[:, 1:]
    row, day = np.nonzero(before != after)
    moved_to = after[row, day]
    occurred = cutoff[row] + day * DAY + rng.integers(40 * MINUTE, 23 * HOUR, len(row))
    received = promptly(rng, occurred)
    meeting = _meetings(rng, moved_to)
    events = _milestones(rng, contact[row], moved_to, occurred, received, details(MEETINGS)[meeting])
    held, known, kind = (np.full(len(contact), -1) for _ in range(3))
    last = moved_to == HELD
    held[row[last]], known[row[last]], kind[row[last]] = occurred[last], received[last], meeting[last]
    return Chase([*events, *_chatter(rng, contact, cutoff, before)], probability, held, known, kind)


def _run(rng: Rng, matrix: Floats) -> npt.NDArray[np.int8]:
    """States at the beginning of each day, shape (k, DAYS + 1)."""
    k = len(matrix)
    edges = np.cumsum(matrix, axis=2)
    edges[:, :, -1] = 1
    states = np.zeros((k, DAYS + 1), np.int8)
    for day in range(DAYS):
        row = edges[np.arange(k), states[:, day]]
        states[:, day + 1] = (rng.random(k)[:, None] >= row).sum(axis=1)
    return states


def _meetings(rng: Rng, moved_to: npt.NDArray[np.int8]) -> Ints:
    """The type of meeting at each move (moves in order of contact and day): drawn at booking, kept until the next."""
    drawn = pick(rng, MEETING_SHARE, len(moved_to))
    booking = np.where(moved_to == BOOKED, np.arange(len(moved_to)), 0)
    return drawn[np.maximum.accumulate(booking)] if len(drawn) else drawn


def _milestones(
    rng: Rng, who: Ints, moved_to: npt.NDArray[np.int8], occurred: Ints, received: Ints, meeting: Ints
) -> list[Facts]:
    """The one event that shows each change of state."""

    def shown(kind: str, mask: Mask, detail: Ints | None = None) -> Facts:
        return facts(kind, who[mask], occurred[mask], received[mask], "" if detail is None else detail[mask])

    booked, missed = moved_to == BOOKED, moved_to == MISSED
    cancelled = missed & (rng.random(len(who)) < 0.45)
    asked = occurred[booked] - rng.integers(2 * MINUTE, 30 * MINUTE, int(booked.sum()))
    return [
        shown("sales_email_click", moved_to == WARM),
        shown("sales_email_reply", moved_to == HOT),
        facts("meeting_requested", who[booked], asked, promptly(rng, asked), meeting[booked]),
        shown("meeting_booked", booked, meeting),
        shown("meeting_cancelled", cancelled, meeting),
        shown("meeting_no_show", missed & ~cancelled, meeting),
        shown("lead_recycled", moved_to == RECYCLED),
        shown("meeting_held", moved_to == HELD, meeting),
    ]


def _chatter(rng: Rng, contact: Ints, cutoff: Ints, states: npt.NDArray[np.int8]) -> list[Facts]:
    """Mails on schedule and what else a state brings with it; pages here are never those that decide."""
    row, day = np.nonzero((states < RECYCLED) & np.isin(np.arange(DAYS), MAIL_DAYS))
    sent = cutoff[row] + day * DAY + rng.integers(MINUTE, 8 * HOUR, len(row))
    parts = [facts("sales_email_sent", contact[row], sent, promptly(rng, sent))]
    for kind, daily in (
        ("sales_email_open", OPEN),
        ("sales_email_click", CLICK),
        ("sales_email_reply", REPLY),
        ("call_connected", CALL),
        ("page_view", VISIT),
    ):
        row, day = np.nonzero(rng.random(states.shape) < np.array([*daily, 0.0])[states])
        occurred = cutoff[row] + day * DAY + rng.integers(10 * MINUTE, 23 * HOUR, len(row))
        page = details(PAGES)[pick(rng, np.array([0.5, 0, 0.2, 0.25, 0, 0, 0, 0.05]), len(row))]
        detail = page if kind == "page_view" else ""
        parts.append(facts(kind, contact[row], occurred, promptly(rng, occurred), detail))
    return parts

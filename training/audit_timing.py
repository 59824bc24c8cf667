"""When a field was first written, beside when the outcome came: what is written with the outcome tells it.

A fact is known from the later of when it happened and when it was received. An outcome is the goal, or one of the
conversion's ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engagement.funnel import Conversion
from engagement.times import HOUR
from features.arrays import MISSING, Codes, Facts, Ints, LogArrays
from training.label_times import entries, first_goal, first_of_types

Bools = npt.NDArray[np.bool_]

#: "With the outcome" is up to this share of the usual time from entry to goal after it, an hour at most, and up to a
#: twelfth of that before it: what came earlier was seen in time, as a request before its booking.
NEAR = 0.01
LATER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Outcomes:
    """What became of each entry into the start stage, by `as_of`; times in microseconds UTC, `LATER` for never.

    `goal` and `end` come at or after `entered`; `last`: the last event of the contact. "With the outcome" is from
    `before` it to `after` it, in microseconds.
    """

    contact: Codes
    account: Codes
    entered: Ints
    goal: Ints
    end: Ints
    last: Ints
    before: int
    after: int

    @property
    def converted(self) -> Bools:
        """Whether the goal came, and came first."""
        return (self.goal < LATER) & (self.goal <= self.end)

    @cached_property
    def outcome(self) -> Ints:
        """The goal or the end, whichever came first."""
        return np.minimum(self.goal, self.end)

    def beside(self, moment: Ints, outcome: Ints) -> Bools:
        """Whether each moment is with the outcome; an outcome that is `LATER` never came."""
        apart = np.where(outcome < LATER, moment, LATER) - outcome
        return (outcome < LATER) & (-self.before <= apart) & (apart <= self.after)


def outcomes_of(arrays: LogArrays, conversion: Conversion, as_of: int) -> Outcomes:
    """The first entry of each contact that was open when it became known, and what became of it."""
    contact, entered, known = entries(arrays, conversion, as_of)
    account = arrays.accounts_at(contact, known + 1)
    after = entered + 1 if conversion.start_type == conversion.goal_type else entered
    goal = _never(first_goal(arrays, conversion, as_of, contact, account, after))
    end = np.full(len(goal), LATER)
    if conversion.ends:
        end = _never(first_of_types(arrays, conversion.ends, conversion.level, as_of, contact, account, entered))
    open_ = (goal > known) & (end > known)
    if conversion.since is not None:
        open_ &= known >= conversion.since
    rows = np.flatnonzero(open_)
    # Of several entries the one that converted tells most, then the first.
    rows = rows[np.lexsort((entered[rows], goal[rows] == LATER, contact[rows]))]
    one = rows[np.unique(contact[rows], return_index=True)[1]]
    took = (goal - entered)[one][goal[one] < LATER]
    near = min(int(NEAR * np.median(took)), HOUR) if len(took) else 0
    last = _last(arrays, as_of)[contact[one]]
    return Outcomes(contact[one], account[one], entered[one], goal[one], end[one], last, near // 12, near)


def _last(arrays: LogArrays, as_of: int) -> Ints:
    """(contacts,) the last event known by `as_of`."""
    at = arrays.events
    known = np.where((at.occurred < as_of) & (at.received <= as_of), at.occurred, MISSING)
    last = np.full(len(arrays.contacts), MISSING)
    some = np.flatnonzero(np.diff(at.start))
    last[some] = np.maximum.reduceat(known, at.start[some]) if len(some) else MISSING
    return last


def _never(moment: Ints) -> Ints:
    return np.where(moment == MISSING, LATER, moment)


@dataclass(frozen=True)
class Written:
    """When a field was first written. Counts of contacts.

    Attributes:
        converters, others: who converted and who did not; `with_it`, `others_with_it`: of them, who ever had it.
        late: of the converters who had it, those for whom it was first known at or after the goal; `backdated`: of
            these, those for whom it is dated before.
        outcomes, beside: contacts that had it first after their entry, and those of them for whom that was within
            with their outcome.
        in_time: converters who had it after their entry and before the goal. fresh_others: others who had it after
            their entry; `closing`: those of them for whom nothing happened any more.
        rewritten: converters for whom it was written, not for the first time, with the goal.
        undated: the share of contacts with it for whom it is dated as their entry: it has no time of its own.
    """

    converters: int
    others: int
    with_it: int
    others_with_it: int
    late: int
    backdated: int
    outcomes: int
    beside: int
    in_time: int
    fresh_others: int
    closing: int
    rewritten: int
    undated: float


def written_attribute(arrays: LogArrays, name: str, level: str, found: Outcomes, as_of: int) -> Written:
    """Of an attribute; emptying it is not writing it."""
    facts = arrays.contact_facts if level == "contact" else arrays.account_facts
    entity = found.contact if level == "contact" else found.account
    dated, known, owner, moment = _writings(facts, arrays.names.index(name), as_of)
    there = entity >= 0
    first = np.where(there, dated[entity], LATER)
    learnt = np.where(there, known[entity], LATER)
    # Writings near the goal that are not the first: of each entity one goal is looked at.
    goal = np.full(len(dated), LATER)
    won = there & found.converted
    goal[entity[won]] = found.goal[won]
    again = found.beside(moment, goal[owner]) & (moment > dated[owner])
    rewritten = np.zeros(len(dated), np.bool_)
    rewritten[owner[again]] = True
    return _written(found, first, learnt, int(rewritten[entity[won]].sum()))


def _writings(facts: Facts, name: int, as_of: int) -> tuple[Ints, Ints, npt.NDArray[np.int64], Ints]:
    """(entities,) when the attribute is first dated and first known, `LATER` for never; of each writing whose it is
    and when it is dated."""
    rows = np.flatnonzero(
        (facts.name == name) & (facts.value >= 0) & (facts.occurred < as_of) & (facts.received <= as_of)
    )
    owner = np.searchsorted(facts.start, rows, "right") - 1
    moment = facts.occurred[rows]
    dated, known = (np.full(len(facts.start) - 1, LATER) for _ in range(2))
    np.minimum.at(dated, owner, moment)
    np.minimum.at(known, owner, np.maximum(moment, facts.received[rows]))
    return dated, known, owner, moment


def written_type(arrays: LogArrays, kind: str, level: str, found: Outcomes, as_of: int) -> Written:
    """Of an event type: its first event at or after the entry, at account level by anyone of the account."""
    first = _never(first_of_types(arrays, (kind,), level, as_of, found.contact, found.account, found.entered))
    return _written(found, first, first, 0)


def _written(found: Outcomes, first: Ints, learnt: Ints, rewritten: int) -> Written:
    has, won = first < LATER, found.converted
    late = has & won & (learnt >= found.goal - found.before)
    fresh = has & (first > found.entered)
    near = fresh & found.beside(first, found.outcome)
    return Written(
        converters=int(won.sum()),
        others=int((~won).sum()),
        with_it=int((has & won).sum()),
        others_with_it=int((has & ~won).sum()),
        late=int(late.sum()),
        backdated=int((late & (first < found.goal - found.before)).sum()),
        outcomes=int(fresh.sum()),
        beside=int(near.sum()),
        in_time=int((fresh & won & (first < found.goal - found.before)).sum()),
        fresh_others=int((fresh & ~won).sum()),
        closing=int((fresh & ~won & (first >= found.last - found.after)).sum()),
        rewritten=rewritten,
        undated=float((first[has] == found.entered[has]).mean()) if has.any() else 0.0,
    )

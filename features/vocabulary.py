"""What a log talks about: which types, details and attributes occur how often, before a given time.

The catalogue is derived from this alone. It is small whatever the log's size, so a streamed log can count its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from features.arrays import MISSING, LogArrays


@dataclass(frozen=True)
class Vocabulary:
    """Counts of events and attributes that happened and were received before a given time.

    Attributes:
        details: for each event type how often each detail occurs (None: without one).
        valued: the types of which some event carries a value.
        attributes: for each (level, name) how often each value occurs; emptied ones don't count.
        accounts: whether any event carries an account.
    """

    details: dict[str, Counter[str | None]]
    valued: frozenset[str]
    attributes: dict[tuple[str, str], Counter[str]]
    accounts: bool

    @staticmethod
    def of(arrays: LogArrays, known_by: int) -> Vocabulary:
        """Of a log in memory: events with `occurred_at < known_by` and `received_at <= known_by` (microseconds)."""
        at = arrays.events
        known = (at.occurred < known_by) & (at.received <= known_by)
        number = np.bincount(at.pair[known], minlength=len(arrays.pairs))
        with_value = np.bincount(at.pair[known & (at.value != MISSING)], minlength=len(arrays.pairs))
        details: dict[str, Counter[str | None]] = {}
        valued: set[str] = set()
        for (kind, detail), times, values in zip(arrays.pairs, number.tolist(), with_value.tolist(), strict=True):
            if times:
                details.setdefault(kind, Counter())[detail] += times
            if values:
                valued.add(kind)
        accounts = bool(np.any(known & (at.account >= 0)))
        return Vocabulary(details, frozenset(valued), _attributes(arrays, known_by), accounts)


def _attributes(arrays: LogArrays, known_by: int) -> dict[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    for level, facts in (("contact", arrays.contact_facts), ("account", arrays.account_facts)):
        known = (facts.occurred < known_by) & (facts.received <= known_by) & (facts.value >= 0)
        for code, name in enumerate(arrays.names):
            values = np.bincount(facts.value[known & (facts.name == code)], minlength=len(arrays.values))
            seen = {arrays.values[i]: int(values[i]) for i in np.flatnonzero(values)}
            if seen:
                found[level, name] = Counter(seen)
    return found

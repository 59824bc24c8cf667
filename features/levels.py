"""What a part of a log can answer by itself: a part with whole contacts, and one with whole accounts.

Whoever computes a log in parts (a stream, Spark) does it in two passes. Whole contacts give the columns of contacts
and each row's account as of its cutoff; whole accounts give the columns of accounts. A row's two pieces, put
together, are what `FeatureSet.compute` gives on the whole log, to the last bit: the kernel is the same, codes follow
the order of texts in a part as in the whole, and nothing else of a log plays a part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.schema import ATTRIBUTES, EVENTS
from features.arrays import Codes, Ints, LogArrays
from features.declare import Feature
from features.feature_set import FeatureSet
from features.stage import has_facts
from features.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Operations that look at when events happened, and at neither their values nor (unless named) their details.
_FROM_TIMES = frozenset({"count", "days", "recency", "first", "is"})


@dataclass(frozen=True)
class Computed:
    """Rows that were computed together.

    Attributes:
        contact_ids, cutoffs: (rows,) whose, and as of when (microseconds UTC).
        matrix: (rows, columns) the columns of all feature sets, side by side.
        with_facts: (rows,) whether any attribute of the contact was known.
    """

    contact_ids: pa.Array
    cutoffs: Ints
    matrix: Floats
    with_facts: Flags

    def __len__(self) -> int:
        return len(self.cutoffs)


@dataclass(frozen=True)
class Levels:
    """Feature sets whose columns stand side by side, cut by level."""

    sets: tuple[FeatureSet, ...]

    @cached_property
    def _cut(self) -> dict[str, list[FeatureSet]]:
        return {
            level: [FeatureSet(tuple(f for f in one.features if f.level == level)) for one in self.sets]
            for level in ("contact", "account")
        }

    @cached_property
    def _features(self) -> list[Feature]:
        return [feature for one in self.sets for feature in one.features]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._features)

    @cached_property
    def sides(self) -> tuple[Ints, Ints]:
        """Where the columns of `contact_side` and of `account_side` stand."""
        levels = [feature.level for feature in self._features]
        contact, account = (np.flatnonzero([of == level for of in levels]) for level in ("contact", "account"))
        return contact, account

    @property
    def of_accounts(self) -> bool:
        """Whether there are columns of accounts at all."""
        return len(self.sides[1]) > 0

    @property
    def unread(self) -> list[str]:
        """The optional columns of events that no column of a contact comes from."""
        mine = [feature for feature in self._features if feature.level == "contact"]
        unread = [] if self.of_accounts else ["account_id"]
        if all(feature.op in _FROM_TIMES for feature in mine):
            unread += ["value"] if any(f.detail is not None for f in mine) else ["value", "detail"]
        return unread

    def contact_side(
        self, arrays: LogArrays, contact_ids: pa.Array, cutoffs: Ints, out: Floats | None = None
    ) -> tuple[Floats, Flags]:
        """(rows, contact columns) from arrays that hold these contacts whole; and (rows,) which have facts.

        Args:
            out: the columns of all sets, to be filled, where there is only one set.
        """
        known = np.zeros(len(cutoffs), np.bool_)
        if len(arrays.contact_facts.occurred):
            known = has_facts(arrays, arrays.contact_codes(contact_ids), cutoffs)
        room = out if len(self.sets) == 1 else None
        return _beside([one.compute(arrays, contact_ids, cutoffs, out=room) for one in self._cut["contact"]]), known

    def account_side(self, arrays: LogArrays, contact_ids: pa.Array, cutoffs: Ints, accounts: pa.Array) -> Floats:
        """(rows, account columns) from arrays that hold these accounts whole."""
        return _beside([one.compute(arrays, contact_ids, cutoffs, accounts=accounts) for one in self._cut["account"]])


def _beside(blocks: list[Floats]) -> Floats:
    return blocks[0] if len(blocks) == 1 else np.column_stack(blocks)


def accounts_of(arrays: LogArrays, contact_ids: pa.Array, cutoffs: Ints) -> pa.Array:
    """(rows,) the account of each contact as of its cutoff, null for none; from arrays with whole contacts."""
    codes = arrays.accounts_at(arrays.contact_codes(contact_ids), cutoffs)
    return _texts(arrays.accounts).take(pa.array(codes, mask=codes < 0))


def vocabulary_of(parts: Iterable[Vocabulary]) -> Vocabulary:
    """The vocabulary of a log from those of its parts, in which no event and no attribute stands twice."""
    details: dict[str, Counter[str | None]] = {}
    attributes: dict[tuple[str, str], Counter[str]] = {}
    valued, accounts = set[str](), False
    for part in parts:
        for kind, counts in part.details.items():
            details.setdefault(kind, Counter()).update(counts)
        for name, values in part.attributes.items():
            attributes.setdefault(name, Counter()).update(values)
        valued |= part.valued
        accounts |= part.accounts
    return Vocabulary(details, frozenset(valued), attributes, accounts)


def label_events(arrays: LogArrays, types: Collection[str]) -> pa.Table:
    """The events that label times depend on, from arrays with whole contacts: a small part of a log.

    Those of the given types; and of the others, nameless, those that tell a contact's account. An event tells
    nothing new when the one directly before it, of that contact and in the order (time, account), has the same
    account and was received no later: whoever knows the later one knows the earlier one.
    """
    at = arrays.events
    of_types = np.array([kind in types for kind, _ in arrays.pairs], np.bool_)[at.pair]
    telling = np.flatnonzero(at.account >= 0)
    telling = telling[np.lexsort((at.account[telling], at.occurred[telling], at.contact[telling]))]
    before, here = telling[:-1], telling[1:]
    same = (at.contact[before] == at.contact[here]) & (at.account[before] == at.account[here])
    told = np.zeros(len(at.pair), np.bool_)
    told[here] = same & (at.received[before] <= at.received[here])
    keep = np.flatnonzero(of_types | ((at.account >= 0) & ~told))
    kinds = pa.array([kind if kind in types else "" for kind, _ in arrays.pairs], pa.string())
    return _events(
        contact_id=_named(arrays.contacts, at.contact[keep]),
        account_id=_named(arrays.accounts, at.account[keep]),
        type=_named(kinds, at.pair[keep]),
        occurred_at=pa.array(at.occurred[keep]).cast(EVENTS.field("occurred_at").type),
        received_at=pa.array(at.received[keep]).cast(EVENTS.field("received_at").type),
    )


def label_arrays(parts: Sequence[pa.Table]) -> LogArrays:
    """The arrays of all parts' `label_events`: label times from them are those of the whole log."""
    events = pa.concat_tables(parts) if parts else EVENTS.empty_table()
    return LogArrays.from_tables(events, ATTRIBUTES.empty_table())


def _named(texts: Sequence[str] | pa.Array, codes: Codes) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), _texts(texts))


def _texts(texts: Sequence[str] | pa.Array) -> pa.Array:
    return texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())


def _events(**columns: pa.Array) -> pa.Table:
    """A table of events in which the other columns are null."""
    rows = len(next(iter(columns.values())))
    missing = {field.name: pa.nulls(rows, field.type) for field in EVENTS if field.name not in columns}
    return pa.table({name: (columns | missing)[name] for name in EVENTS.names})

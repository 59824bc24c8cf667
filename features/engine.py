"""Where a log is computed: in memory, streamed from parts on disk, or by Spark. What comes out is the same.

Commands speak to this protocol and don't know where they run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa

from features.arrays import Ints, LogArrays
from features.feature_set import FeatureSet
from features.levels import Computed
from features.stage import has_facts
from features.vocabulary import Vocabulary

#: Rows that are handed out together: a row group of a table on disk.
PORTION = 50_000
#: What becomes of computed rows: one answer for each, in their order. Spark sends the function to its workers.
Answer = Callable[[Computed], list[bytes]]


class Engine(Protocol):
    """A log, and what is computed from it."""

    @property
    def last_occurred(self) -> int:
        """When the last event happened (microseconds UTC)."""
        ...

    def label_arrays(self, types: Collection[str]) -> LogArrays:
        """Arrays that tell the label times of conversions between these event types as the whole log does."""
        ...

    def vocabulary(self, known_by: int) -> Vocabulary:
        """The log's vocabulary before a time (microseconds UTC)."""
        ...

    def contacts(self) -> pa.Array:
        """The ids of all contacts, sorted."""
        ...

    def computed(self, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints) -> Iterator[Computed]:
        """The rows in their order, some at a time, with the columns of all sets side by side.

        Args:
            contact_ids, cutoffs: (rows,) whose, and as of when (microseconds UTC); see `FeatureSet.compute`.
        """
        ...

    def answers(
        self, answer: Answer, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints
    ) -> Iterator[list[bytes]]:
        """What `answer` makes of the computed rows, wherever these are, in the order of the rows."""
        ...


class InMemory:
    """A log that fits in memory."""

    def __init__(self, arrays: LogArrays, threads: int = 2, portion: int = PORTION) -> None:
        self._arrays, self._threads, self._portion = arrays, threads, portion

    @cached_property
    def last_occurred(self) -> int:
        """When the last event happened (microseconds UTC)."""
        return int(self._arrays.events.occurred.max())

    def label_arrays(self, types: Collection[str]) -> LogArrays:
        """The whole log."""
        return self._arrays

    def vocabulary(self, known_by: int) -> Vocabulary:
        """As `Engine`."""
        return Vocabulary.of(self._arrays, known_by)

    def contacts(self) -> pa.Array:
        """As `Engine`."""
        return self._arrays.contacts

    def computed(self, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints) -> Iterator[Computed]:
        """As `Engine`."""
        for begin in range(0, len(cutoffs), self._portion):
            ids, moments = contact_ids[begin : begin + self._portion], cutoffs[begin : begin + self._portion]
            blocks = [one.compute(self._arrays, ids, moments, self._threads) for one in sets]
            known = has_facts(self._arrays, self._arrays.contact_codes(ids), moments)
            yield Computed(ids, moments, np.column_stack(blocks), known)

    def answers(
        self, answer: Answer, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints
    ) -> Iterator[list[bytes]]:
        """As `Engine`."""
        return (answer(some) for some in self.computed(sets, contact_ids, cutoffs))

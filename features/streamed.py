"""A log of any size on one machine: parts with whole contacts, then parts with whole accounts, a few at a time.

The results are those of `FeatureSet.compute` on the whole log, to the last bit, by any number of threads and in parts
of any size. Memory: a few parts; for each row asked some 40 bytes; unfinished results up to a bound, a few portions
beyond it; and for label times their events alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement.schema import ATTRIBUTES, EVENTS
from features.arrays import Ints, LogArrays
from features.dealt import DealtLog, Part
from features.encode import encode
from features.engine import PORTION, Answer
from features.feature_set import FeatureSet
from features.gathered import IN_MEMORY, Floats, Gathered
from features.levels import Computed, Flags, Levels, accounts_of, label_arrays, label_events, vocabulary_of
from features.parts import Parts, Rule, by_part
from features.spread import spread
from features.vocabulary import Vocabulary

#: Rows that are computed together.
_BLOCK = 20_000
_ROWS = pa.schema(
    [("row", pa.int64()), ("contact_id", pa.string()), ("cutoff", pa.int64()), ("account_id", pa.string())]
)
_CONTACT, _ACCOUNT = 0, 1


class Asked:
    """The rows that are asked for, by the part that their contact is in."""

    def __init__(self, contact_ids: pa.Array, cutoffs: Ints, rule: Rule) -> None:
        self._contact_ids, self._cutoffs = contact_ids, cutoffs
        self._part = rule.of(contact_ids)
        self._order, self._bounds = by_part(self._part, rule.count)

    def filled(self) -> list[int]:
        """The numbers of the parts that have rows."""
        found: list[int] = np.flatnonzero(np.diff(self._bounds)).tolist()
        return found

    def unfinished(self, portion: int) -> int:
        """How many portions of so many rows have some rows, but not all, at a time, while parts come in order."""
        begins = np.arange(0, len(self._part), portion)
        if not len(begins):
            return 0
        opened, closed = np.zeros((2, len(self._bounds)), np.int64)
        np.add.at(opened, np.minimum.reduceat(self._part, begins), 1)
        np.add.at(closed, np.maximum.reduceat(self._part, begins) + 1, 1)
        return int(np.cumsum(opened - closed).max())

    def read(self, part: int) -> pa.Table:
        """The rows of one part, in their order."""
        numbers = self._order[self._bounds[part] : self._bounds[part + 1]]
        ids, nobody = self._contact_ids, pa.nulls(len(numbers), pa.string())
        ids = ids[numbers[0] : numbers[-1] + 1] if _in_a_row(numbers) else ids.take(pa.array(numbers))
        return pa.table([pa.array(numbers), ids, pa.array(self._cutoffs[numbers]), nobody], schema=_ROWS)


class StreamedLog:
    """Computes from a log in parts.

    Args:
        threads: parts that are worked on at a time. in_memory: bytes of unfinished results up to
            which no file is made.
        portion: rows that are handed out together. tell: told what is being done, and how much of it is.
    """

    def __init__(
        self,
        log: DealtLog,
        threads: int = 2,
        in_memory: int = IN_MEMORY,
        portion: int = PORTION,
        tell: Callable[[str, float], None] = lambda text, share: None,
    ) -> None:
        self._log, self._threads, self._tell = log, threads, tell
        self._in_memory, self._portion = in_memory, portion

    @property
    def last_occurred(self) -> int:
        """When the last event happened (microseconds UTC)."""
        return self._log.last_occurred

    def label_arrays(self, types: Collection[str]) -> LogArrays:
        """What label times of these types depend on (see `features.levels`): a small part of the log, in memory."""
        parts = self._log.whole_contacts(without=("value", "detail", "properties"))

        def work(part: Part) -> pa.Table:
            return label_events(_arrays(part.events()), types)

        return label_arrays(list(spread(work, self._told("label times", parts), self._threads)))

    def vocabulary(self, known_by: int) -> Vocabulary:
        """The log's vocabulary before a time (microseconds UTC)."""

        def work(part: Part) -> Vocabulary:
            return Vocabulary.of(_arrays(part.events(), part.attributes()), known_by)

        found = list(spread(work, self._told("vocabulary", self._log.whole_contacts()), self._threads))
        found += [Vocabulary.of(_arrays(attributes=some), known_by) for some in self._log.account_attributes()]
        return vocabulary_of(found)

    def contacts(self) -> pa.Array:
        """The ids of all contacts, sorted."""

        def work(part: Part) -> pa.Array:
            return encode(part.events()["contact_id"], part.attributes()["contact_id"])[0]

        parts = self._log.whole_contacts(without=("account_id", "value", "detail", "properties"))
        found = pa.concat_arrays(list(spread(work, self._told("contacts", parts), self._threads)))
        return found.take(pc.sort_indices(found))

    def computed(self, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints) -> Iterator[Computed]:
        """The rows in their order, some at a time, with the columns of all sets side by side.

        Args:
            contact_ids, cutoffs: (rows,) whose, and as of when (microseconds UTC); see `FeatureSet.compute`.
        """
        levels = Levels(sets)
        with self._log.scratch() as name:
            with_facts, begin = np.zeros(len(cutoffs), np.bool_), 0
            for matrix in self._gathered(levels, Path(name), contact_ids, cutoffs, with_facts):
                some = slice(begin, begin + len(matrix))
                yield Computed(contact_ids[some], cutoffs[some], matrix, with_facts[some])
                begin += len(matrix)

    def answers(
        self, answer: Answer, sets: tuple[FeatureSet, ...], contact_ids: pa.Array, cutoffs: Ints
    ) -> Iterator[list[bytes]]:
        """What `answer` makes of the computed rows, in their order."""
        return (answer(some) for some in self.computed(sets, contact_ids, cutoffs))

    def _gathered(
        self,
        levels: Levels,
        folder: Path,
        contact_ids: pa.Array,
        cutoffs: Ints,
        with_facts: Flags,
    ) -> Iterator[Floats]:
        """Both passes; portions of the matrix in the order of the rows, each as soon as it is whole."""
        rows, size = Asked(contact_ids, cutoffs, self._log.by_contact), self._portion
        # Of rows with columns of accounts none is whole before the second pass.
        unfinished = -(-len(cutoffs) // size) if levels.of_accounts else rows.unfinished(size) + self._threads
        gathered = Gathered(folder / "gathered", len(cutoffs), levels.sides, size, unfinished, self._in_memory)
        onward = Parts(folder / "onward", self._log.by_account.count, _ROWS)
        for _ in self._contact_pass(levels, rows, onward, gathered, with_facts):
            yield from gathered.whole()
        for _ in self._account_pass(levels, onward, gathered):
            yield from gathered.whole()
        yield from gathered.rest(self._threads)

    def _contact_pass(
        self, levels: Levels, rows: Asked, onward: Parts, gathered: Gathered, with_facts: Flags
    ) -> Iterator[None]:
        """Columns of contacts; the rows go onward with their account where there are columns of these."""

        def work(part: Part) -> None:
            arrays = _arrays(part.events(), part.attributes())
            for some in _blocks(rows.read(part.number), self._portion):
                ids, moments, numbers = _columns(some)
                room = gathered.room(_CONTACT, numbers)
                block, with_facts[numbers] = levels.contact_side(arrays, ids, moments, room)
                gathered.put(_CONTACT, numbers, block)
                if levels.of_accounts:
                    account = accounts_of(arrays, ids, moments)
                    onward.add(some.set_column(3, "account_id", account), self._log.by_account.of(account))

        wanted = rows.filled()
        parts = self._log.whole_contacts(levels.unread, wanted)
        return spread(work, self._told("contacts", parts, len(wanted)), self._threads)

    def _account_pass(self, levels: Levels, rows: Parts, gathered: Gathered) -> Iterator[None]:
        """Columns of accounts; there are rows only where there are such columns."""

        def work(part: Part) -> None:
            arrays = _arrays(part.events(), part.attributes())
            for some in _blocks(rows.read(part.number), self._portion):
                ids, moments, numbers = _columns(some)
                block = levels.account_side(arrays, ids, moments, some["account_id"].combine_chunks())
                gathered.put(_ACCOUNT, numbers, block)

        wanted = rows.filled()
        if wanted:
            yield from spread(
                work, self._told("accounts", self._log.whole_accounts(wanted), len(wanted)), self._threads
            )

    def _told(self, what: str, parts: Iterator[Part], count: int | None = None) -> Iterator[Part]:
        count = self._log.by_contact.count if count is None else count
        for done, part in enumerate(parts):
            yield part
            self._tell(f"{what}: part {done + 1} of {count}", (done + 1) / count)


def _arrays(events: pa.Table | None = None, attributes: pa.Table | None = None) -> LogArrays:
    events = EVENTS.empty_table() if events is None else events
    return LogArrays.from_tables(events, ATTRIBUTES.empty_table() if attributes is None else attributes, threads=1)


def _columns(rows: pa.Table) -> tuple[pa.Array, Ints, Ints]:
    """The contact ids, cutoffs and numbers of some rows."""
    return rows["contact_id"].combine_chunks(), rows["cutoff"].to_numpy(), rows["row"].to_numpy()


def _in_a_row(numbers: Ints) -> bool:
    """Whether ascending numbers leave none out."""
    return len(numbers) > 0 and int(numbers[-1] - numbers[0]) == len(numbers) - 1


def _blocks(rows: pa.Table, portion: int) -> Iterator[pa.Table]:
    """Rows to be computed together. Those in one piece end with their portion: they are computed where they go."""
    begin, number = 0, rows["row"].to_numpy()
    whole = _in_a_row(number)
    while begin < len(rows):
        count = min(_BLOCK, portion - int(number[begin]) % portion) if whole else _BLOCK
        yield rows.slice(begin, count)
        begin += count

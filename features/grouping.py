"""Rows put in groups: by entity, and by time within it, in linear time and by a few threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from features import kernel_sort, memory
from features.encode import readonly
from features.timeline import MISSING, Codes, Ints


class Rows(Protocol):
    """Some rows' columns, (rows,) each, made when they are asked for: times in microseconds, values in millionths."""

    def __len__(self) -> int: ...
    @property
    def occurred(self) -> Ints: ...
    @property
    def received(self) -> Ints: ...
    def fill_value(self, out: Ints) -> None: ...


@dataclass(frozen=True)
class Grouped:
    """Rows in order: `other` are the codes that came along, `owner` those of the entities; see `Timeline`."""

    start: Ints
    occurred: Ints
    received: Ints
    pair: Codes
    value: Ints
    other: Codes
    owner: Codes


Placed = list[tuple[slice, Rows]]

#: Rows in a bucket, about; and how many buckets are written to at a time.
_BUCKET, _BUCKETS = 1 << 14, 4096


def group(
    entity: Codes, entities: int, pair: Codes, other: Codes, pieces: Sequence[Rows], valued: bool, threads: int = 1
) -> Grouped:
    """Rows grouped by entity and sorted by time; rows at the same time stay in their order.

    New memory costs as much as the work does, so the codes that are given are overwritten by those in order.

    Args:
        entity, pair: (rows,) codes; rows of nobody (-1) are left out. other: (rows,) codes, or empty: all -1.
        pieces: the rows' times and values, some at a time; values are asked for only if `valued`.
        threads: each takes some of the pieces.
    """
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    placed: Placed = [(slice(a, b), some) for a, b, some in zip(ends[:-1], ends[1:], pieces, strict=True)]
    if (found := _as_they_are(entity, entities, pair, other, placed, valued)) is not None:
        return found
    nothing = np.empty(0, np.int64)
    shares = [placed[len(placed) * k // threads : len(placed) * (k + 1) // threads] for k in range(threads)]
    counts = np.zeros((threads, entities), np.int64)

    def count(k: int) -> None:
        for of, _ in shares[k]:
            kernel_sort.count(entity[of], counts[k])

    with hands(threads) as each:
        list(each(count, range(threads)))
        start = _starts(counts.sum(axis=0))
        size, shift = int(start[-1]), _shift(entities, int(start[-1]))
        firsts = np.arange(0, entities, 1 << shift)  # of each bucket
        of_bucket = np.add.reduceat(counts, firsts, axis=1) if entities else counts
        # A thread's rows come after those of the threads before it, bucket by bucket.
        place = start[firsts] + np.cumsum(of_bucket, axis=0) - of_bucket
        records = memory.empty((size, kernel_sort.RECORD), np.int64)

        def scatter(k: int) -> bool:
            late = False
            for of, some in shares[k]:
                times, value = (readonly(some.occurred), readonly(some.received)), nothing
                if valued:
                    some.fill_value(value := np.empty(len(some), np.int64))
                late |= kernel_sort.scatter(entity[of], pair[of], other[of], shift, place[k], *times, value, records)
            return late

        late = any(list(each(scatter, range(threads))))
        cuts = np.searchsorted(start[firsts], size * np.arange(threads + 1) // threads)
        cuts[0], cuts[-1] = 0, len(firsts)
        occurred, received = memory.empty(size, np.int64), memory.empty(size if late else 0, np.int64)
        value = memory.empty(size if valued else 0, np.int64)
        codes = pair[:size], other[:size] if len(other) else memory.empty(size, np.int32), entity[:size]
        columns = occurred, received, value, *codes
        list(each(lambda a, b: kernel_sort.finish(start, shift, a, b, records, *columns), cuts[:-1], cuts[1:]))
    pair, other, owner = codes
    return Grouped(start, occurred, received if late else occurred, pair, value, other, owner)


@contextmanager
def hands(threads: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """A `map` over so many threads; one is our own: to start it would cost more than to group a short history."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map


def _shift(entities: int, rows: int) -> int:
    """How many entities are neighbours, as a power of two: a bucket's records should fit the processor's cache."""
    buckets, shift = min(max(rows // _BUCKET, 1), _BUCKETS), 0
    while (entities - 1) >> shift >= buckets:
        shift += 1
    return shift


def starts(entity: Codes, entities: int) -> Ints:
    """(entities + 1,) where each entity begins among rows sorted by it."""
    return _starts(np.bincount(entity, minlength=entities))


def _starts(counts: Ints) -> Ints:
    start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=start[1:])
    return start


def _as_they_are(
    entity: Codes, entities: int, pair: Codes, other: Codes, placed: Placed, valued: bool
) -> Grouped | None:
    """Rows that are in order already; None where they are not, which is seen at the first that isn't."""
    size, late = len(entity), False
    occurred, received = (memory.empty(size, np.int64) for _ in range(2))
    value, counts = memory.empty(size if valued else 0, np.int64), np.zeros(entities, np.int64)
    before, last = 0, int(MISSING)
    for of, some in placed:
        if len(some) == 0:
            continue
        times = readonly(some.occurred), readonly(some.received)
        ordered, delayed = kernel_sort.copy_in_order(
            entity[of], *times, before, last, occurred[of], received[of], counts
        )
        if not ordered:
            return None
        before, last, late = int(entity[of][-1]), int(times[0][-1]), late or delayed
        if valued:
            some.fill_value(value[of])
    return Grouped(_starts(counts), occurred, received if late else occurred, pair, value, other, entity)

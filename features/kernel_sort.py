"""Grouping rows by entity and time in linear time: into buckets of neighbouring entities, then each bucket's rows by
entity, then each entity's few rows by time.

Numba, like the kernel. Each thread counts and scatters rows of its own (in their order, each to the next place of
its bucket that is the thread's), then finishes buckets of its own.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

MISSING = np.int64(np.iinfo(np.int64).min)
#: Numbers in a row's record while it is on its way.
RECORD = 5
_THREE, _SEVEN = np.uint64(3), np.uint64(7)
#: So many rows are sorted by counting.
FEW = 256


@nb.njit(cache=True, nogil=True)
def copy_in_order(
    entity: Codes,
    occurred: Ints,
    received: Ints,
    before: int,
    last: int,
    to_occurred: Ints,
    to_received: Ints,
    counts: Ints,
) -> tuple[bool, bool]:
    """Copies rows' times and counts them by entity, as long as they are grouped by ascending entity and time.

    Returns:
        Whether all are, coming after (`before`, `last`); and whether any was received later than it occurred.
    """
    late = False
    for row in range(len(entity)):
        if entity[row] < before or (entity[row] == before and occurred[row] < last):
            return False, late
        before, last = entity[row], occurred[row]
        counts[before] += 1
        to_occurred[row] = last
        to_received[row] = received[row]
        late |= received[row] != last
    return True, late


@nb.njit(cache=True, nogil=True)
def count(entity: Codes, counts: Ints) -> None:
    """Adds the number of rows of each entity to `counts`; rows of nobody (-1) don't count."""
    for row in range(len(entity)):
        if entity[row] >= 0:
            counts[entity[row]] += 1


@nb.njit(cache=True, nogil=True)
def scatter(
    entity: Codes,
    pair: Codes,
    other: Codes,
    shift: int,
    place: Ints,
    occurred: Ints,
    received: Ints,
    value: Ints,
    records: Ints,
) -> bool:
    """Writes rows into buckets of neighbouring entities; `place` (buckets,) is where each bucket's next row goes.

    A write to a new place is what costs here: so there are few enough buckets for the processor to keep the end of
    each at hand, and all that a row has goes into one record of `records` (rows, RECORD): time, time received, value,
    both codes in one number, and entity. `value` and `other` may be empty.

    Returns:
        Whether any row was received later than it occurred.
    """
    has_value, has_other, late = len(value) > 0, len(other) > 0, False
    for row in range(len(entity)):
        if entity[row] < 0:
            continue
        bucket = entity[row] >> shift
        to = place[bucket]
        place[bucket] = to + 1
        records[to, 0] = occurred[row]
        records[to, 1] = received[row]
        records[to, 2] = value[row] if has_value else MISSING
        records[to, 3] = np.int64(pair[row]) | (np.int64(other[row] if has_other else -1) << 32)
        records[to, 4] = entity[row]
        late |= received[row] != occurred[row]
    return late


@nb.njit(cache=True, nogil=True)
def order_of(times: Ints, keys: Ints, order: Ints) -> None:
    """Fills `order` with the stable order of some times; `keys` is at least as long.

    A key is a time and, in the last bits, its place: no two are equal. Of a few, each one's rank is how many are
    smaller, which the processor counts several at a time; of more, keys are sorted.
    """
    rows, bits = len(times), 0
    while (1 << bits) < rows:
        bits += 1
    first, last = times.min(), times.max()
    if last - first < 0 or (last - first) >> (62 - bits):  # too far apart for keys
        order[:] = np.argsort(times, kind="mergesort")
        return
    for row in range(rows):
        keys[row] = ((times[row] - first) << bits) | row
    if rows <= FEW:
        for row in range(rows):
            mine, rank = keys[row], 0
            for other in range(rows):
                rank += keys[other] < mine
            order[rank] = row
    else:
        keys[:rows].sort()
        for row in range(rows):
            order[row] = keys[row] & ((1 << bits) - 1)


@nb.njit(cache=True, nogil=True)
def by_entity(start: Ints, low: int, high: int, records: Ints, place: Ints, mine: Ints) -> None:
    """Fills `mine` with the records of the entities in [low, high), entity by entity, each one's in their order."""
    first = start[low]
    for whose in range(low, high):
        place[whose - low] = start[whose] - first
    for row in range(first, start[high]):
        whose = records[row, 4] - low
        to = place[whose]
        place[whose] = to + 1
        for field in range(RECORD - 1):
            mine[to, field] = records[row, field]


@nb.njit(cache=True, nogil=True)
def finish(
    start: Ints,
    shift: int,
    first_bucket: int,
    end_bucket: int,
    records: Ints,
    occurred: Ints,
    received: Ints,
    value: Ints,
    pair: Codes,
    other: Codes,
    owner: Codes,
) -> None:
    """Writes the records of the buckets in [first, end) to columns, entity by entity, each one's in order of time.

    `received`, `value` and `other` may be empty: then nobody asks for them.
    """
    entities, longest, largest = len(start) - 1, np.int64(0), np.int64(0)
    for bucket in range(first_bucket, end_bucket):
        low, high = bucket << shift, min((bucket + 1) << shift, entities)
        largest = max(largest, start[high] - start[low])
        for whose in range(low, high):
            longest = max(longest, start[whose + 1] - start[whose])
    mine, place = np.empty((largest, RECORD - 1), np.int64), np.empty(1 << shift, np.int64)
    order, keys = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for bucket in range(first_bucket, end_bucket):
        low, high = bucket << shift, min((bucket + 1) << shift, entities)
        by_entity(start, low, high, records, place, mine)
        for whose in range(low, high):
            begin, rows, before = start[whose], start[whose + 1] - start[whose], start[whose] - start[low]
            ordered = True
            for row in range(rows):
                occurred[begin + row] = mine[before + row, 0]
                ordered &= row == 0 or occurred[begin + row] >= occurred[begin + row - 1]
            if not ordered:
                order_of(occurred[begin : begin + rows], keys, order[:rows])
            for row in range(rows):
                record, to = mine[before + (row if ordered else order[row])], begin + row
                occurred[to] = record[0]
                if len(received):
                    received[to] = record[1]
                if len(value):
                    value[to] = record[2]
                pair[to] = record[3] & 0xFFFFFFFF
                if len(other):
                    other[to] = record[3] >> 32
                owner[to] = whose


@nb.njit(cache=True, nogil=True)
def to_fixed_point(numbers: Floats, valid: Bytes, first: int, scale: float, limit: float, out: Ints) -> int:
    """Numbers times the scale, rounded half to even, NaN as MISSING; returns -1 or the first row beyond the limit.

    Args:
        valid: Arrow's bitmap, where row r's bit is the (first + r)th; a row whose bit is 0 is MISSING too. Or empty.
    """
    off = False
    for row in range(len(numbers)):
        number = numbers[row]
        off |= abs(number) > limit  # what lies under a null may be, too
        out[row] = MISSING if np.isnan(number) else np.int64(np.rint(number * scale))
    if len(valid):
        for row in range(len(numbers)):  # without a branch: which values are missing nobody could foresee
            bit = np.uint64(first + row)
            there = -np.int64((valid[bit >> _THREE] >> (bit & _SEVEN)) & 1)
            out[row] = (out[row] & there) | (MISSING & ~there)
    if off:
        for row in range(len(numbers)):
            missing = len(valid) and not (valid[(first + row) >> 3] >> ((first + row) & 7)) & 1
            if not missing and abs(numbers[row]) > limit:
                return row
    return -1

"""Grouping rows by entity and time in linear time: a counting sort by entity, then each entity's few rows by time.

Numba, like the kernel. Each thread counts and scatters rows of its own (in their order, each to the next place of
its entity that is the thread's), then finishes entities of its own.
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
RECORD = 4
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
    place: Ints,
    occurred: Ints,
    received: Ints,
    value: Ints,
    records: Ints,
) -> bool:
    """Writes rows to their places; `place` (entities,) is where each entity's next row goes.

    A write to a new place is what costs here. So all that a row has goes into one record of `records` (rows, RECORD),
    which lies in one line of the processor's cache: time, time received, value, and both codes in one number.
    `value` and `other` may be empty.

    Returns:
        Whether any row was received later than it occurred.
    """
    has_value, has_other, late = len(value) > 0, len(other) > 0, False
    for row in range(len(entity)):
        if entity[row] < 0:
            continue
        to = place[entity[row]]
        place[entity[row]] = to + 1
        records[to, 0] = occurred[row]
        records[to, 1] = received[row]
        records[to, 2] = value[row] if has_value else MISSING
        records[to, 3] = np.int64(pair[row]) | (np.int64(other[row]) << 32 if has_other else 0)
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
def finish(
    start: Ints,
    low: int,
    high: int,
    records: Ints,
    occurred: Ints,
    received: Ints,
    value: Ints,
    pair: Codes,
    other: Codes,
    owner: Codes,
) -> None:
    """Writes the records of the entities in [low, high) to columns, each entity's in order of time.

    `received`, `value` and `other` may be empty: then nobody asks for them.
    """
    longest = np.int64(0)
    for whose in range(low, high):
        longest = max(longest, start[whose + 1] - start[whose])
    order, keys = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for whose in range(low, high):
        begin, rows = start[whose], start[whose + 1] - start[whose]
        ordered = True
        for row in range(rows):
            occurred[begin + row] = records[begin + row, 0]
            ordered &= row == 0 or records[begin + row, 0] >= records[begin + row - 1, 0]
        if not ordered:
            order_of(occurred[begin : begin + rows], keys, order[:rows])
        for row in range(rows):
            record = records[begin + (row if ordered else order[row])]
            to = begin + row
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
    for row in range(len(numbers)):
        if len(valid) and not (valid[(first + row) >> 3] >> ((first + row) & 7)) & 1:
            out[row] = MISSING
            continue
        number = numbers[row]
        if np.isnan(number):
            out[row] = MISSING
        elif abs(number) > limit:
            return row
        else:
            out[row] = np.int64(np.rint(number * scale))
    return -1

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

MISSING = np.int64(np.iinfo(np.int64).min)
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
    to_occurred: Ints,
    to_delay: Ints,
    to_value: Ints,
    to_packed: Ints,
) -> bool:
    """Writes rows to their places; `place` (entities,) is where each entity's next row goes.

    A write to a new place is what costs here. So the two codes are packed into one number, and `to_delay`, full of
    zeros, and `to_value`, full of MISSING, are written only where there is something. `value` and `other` may be
    empty.

    Returns:
        Whether any row was received later than it occurred.
    """
    has_value, has_other, late = len(value) > 0, len(other) > 0, False
    for row in range(len(entity)):
        if entity[row] < 0:
            continue
        to = place[entity[row]]
        place[entity[row]] = to + 1
        to_occurred[to] = occurred[row]
        if received[row] != occurred[row]:
            to_delay[to] = received[row] - occurred[row]
            late = True
        if has_value and value[row] != MISSING:
            to_value[to] = value[row]
        to_packed[to] = np.int64(pair[row]) | (np.int64(other[row]) << 32 if has_other else 0)
    return late


@nb.njit(cache=True, nogil=True)
def order_of(times: Ints, keys: Ints, order: Ints) -> None:
    """Fills `order` with the stable order of some times; `keys` is as long.

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
        keys.sort()
        for row in range(rows):
            order[row] = keys[row] & ((1 << bits) - 1)


@nb.njit(cache=True, nogil=True)
def rearrange(column: Ints, order: Ints, spare: Ints) -> None:
    """Puts a column in order, in place; `spare` is as long."""
    for row in range(len(order)):
        spare[row] = column[order[row]]
    column[:] = spare


@nb.njit(cache=True, nogil=True)
def finish(
    start: Ints,
    low: int,
    high: int,
    late: bool,
    occurred: Ints,
    delay: Ints,
    value: Ints,
    packed: Ints,
    pair: Codes,
    other: Codes,
    owner: Codes,
) -> None:
    """Sorts the rows of each entity in [low, high) by time, in place; what is in order already is only looked at.

    Codes are unpacked, owners named, and where any row is `late` delays become times.
    """
    longest = np.int64(0)
    for whose in range(low, high):
        longest = max(longest, start[whose + 1] - start[whose])
    orders, spares = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for whose in range(low, high):
        begin, end = start[whose], start[whose + 1]
        for row in range(begin + 1, end):
            if occurred[row] < occurred[row - 1]:
                order, spare = orders[: end - begin], spares[: end - begin]
                order_of(occurred[begin:end], spare, order)
                rearrange(occurred[begin:end], order, spare)
                rearrange(packed[begin:end], order, spare)
                if late:
                    rearrange(delay[begin:end], order, spare)
                if len(value):
                    rearrange(value[begin:end], order, spare)
                break
        for row in range(begin, end):
            owner[row] = whose
            pair[row] = packed[row] & 0xFFFFFFFF
            if len(other):
                other[row] = packed[row] >> 32
            if late:
                delay[row] += occurred[row]


@nb.njit(cache=True, nogil=True)
def to_fixed_point(numbers: Floats, scale: float, limit: float, out: Ints) -> int:
    """Numbers times the scale, rounded half to even, NaN as MISSING; returns -1 or the first row beyond the limit."""
    for row in range(len(numbers)):
        number = numbers[row]
        if np.isnan(number):
            out[row] = MISSING
        elif abs(number) > limit:
            return row
        else:
            out[row] = np.int64(np.rint(number * scale))
    return -1

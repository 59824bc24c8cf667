"""Grouping rows by entity and time in linear time: a counting sort by entity, then each entity's few rows by time.

Numba, like the kernel: rows are scattered by several threads, each writing the rows of its own range of entities.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

MISSING = np.int64(np.iinfo(np.int64).min)


@nb.njit(cache=True, nogil=True)
def scatter(
    entity: Codes,
    place: Ints,
    low: int,
    high: int,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    value: Ints,
    other: Codes,
    to_occurred: Ints,
    to_received: Ints,
    to_pair: Codes,
    to_value: Ints,
    to_other: Codes,
) -> None:
    """Writes the rows of entities in [low, high) to their places; `place` is where each entity's next row goes.

    `value` and `other` may be empty: then there is nothing to write.
    """
    has_value, has_other = len(value) > 0, len(other) > 0
    for row in range(len(entity)):
        whose = entity[row]
        if whose < low or whose >= high:
            continue
        to = place[whose]
        place[whose] = to + 1
        to_occurred[to] = occurred[row]
        to_received[to] = received[row]
        to_pair[to] = pair[row]
        if has_value:
            to_value[to] = value[row]
        if has_other:
            to_other[to] = other[row]


@nb.njit(cache=True, nogil=True)
def sort_within(
    start: Ints, low: int, high: int, occurred: Ints, received: Ints, pair: Codes, value: Ints, other: Codes
) -> None:
    """Sorts the rows of each entity in [low, high) by time, in place; what is in order already is only looked at."""
    has_value, has_other = len(value) > 0, len(other) > 0
    for whose in range(low, high):
        begin, end = start[whose], start[whose + 1]
        ascending = True
        for row in range(begin + 1, end):
            if occurred[row] < occurred[row - 1]:
                ascending = False
                break
        if ascending:
            continue
        order = np.argsort(occurred[begin:end], kind="mergesort")
        occurred[begin:end] = occurred[begin:end][order]
        received[begin:end] = received[begin:end][order]
        pair[begin:end] = pair[begin:end][order]
        if has_value:
            value[begin:end] = value[begin:end][order]
        if has_other:
            other[begin:end] = other[begin:end][order]


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

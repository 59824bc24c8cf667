"""Point-in-time lookups of single facts: a contact's account, an attribute's value, the next event of some types."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

MISSING = np.int64(np.iinfo(np.int64).min)


@nb.njit(cache=True, nogil=True)
def accounts_at(
    start: Ints, occurred: Ints, received: Ints, account: Codes, entity: Codes, cutoff: Ints, out: Codes
) -> None:
    """The account of each row's contact: that of its last known event with one; at a tie the largest code."""
    for row in range(len(entity)):
        out[row] = -1
        if entity[row] < 0:
            continue
        low, high = start[entity[row]], start[entity[row] + 1]
        position = low + np.searchsorted(occurred[low:high], cutoff[row]) - 1
        when = MISSING
        while position >= low and (out[row] < 0 or occurred[position] == when):
            if received[position] <= cutoff[row] and account[position] > out[row]:
                out[row] = account[position]
                when = occurred[position]
            position -= 1


@nb.njit(cache=True, nogil=True)
def facts_at(
    start: Ints,
    occurred: Ints,
    received: Ints,
    name: Codes,
    value: Codes,
    entity: Codes,
    cutoff: Ints,
    slot_of_name: Codes,
    out: Codes,
) -> None:
    """(rows, slots) the code of each attribute's value as of the cutoff, -1 where missing; ties: largest code."""
    when = np.empty(out.shape[1], np.int64)
    for row in range(len(entity)):
        out[row, :] = -1
        if entity[row] < 0:
            continue
        when[:] = MISSING
        for position in range(start[entity[row]], start[entity[row] + 1]):
            slot = slot_of_name[name[position]]
            moment = occurred[position]
            if slot < 0 or moment >= cutoff[row] or received[position] > cutoff[row] or moment < when[slot]:
                continue
            if moment > when[slot] or value[position] > out[row, slot]:
                when[slot] = moment
                out[row, slot] = value[position]


@nb.njit(cache=True, nogil=True)
def next_event(
    start: Ints,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    wanted: npt.NDArray[np.bool_],
    entity: Codes,
    since: Ints,
    known_by: int,
    out: Ints,
) -> None:
    """For each row the time of the entity's first wanted event at or after `since`; MISSING when none is known."""
    for row in range(len(entity)):
        out[row] = MISSING
        if entity[row] < 0:
            continue
        low, high = start[entity[row]], start[entity[row] + 1]
        for position in range(low + np.searchsorted(occurred[low:high], since[row]), high):
            if wanted[pair[position]] and received[position] <= known_by:
                out[row] = occurred[position]
                break

"""The kernel: one pass back from each cutoff fills integer tables, a finishing program makes columns of them.

The only file with numba. Everything is integer arithmetic until one floating-point operation at the end, so
that batch, single and streamed scores agree to the last bit. Compiled once and cached on disk; it releases
the interpreter lock, so that several threads may each do a share of the rows.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

MISSING = np.int64(np.iinfo(np.int64).min)
DAY = np.int64(86_400_000_000)
VALUE_SCALE = 1_000_000.0
#: Sums stay below this, so that adding one more value can never overflow.
SUM_LIMIT = np.int64(2**62)

# Operation codes of the finishing program.
COUNT, SUM, DAYS, DISTINCT, COLLEAGUES, RECENCY, FIRST, LAST_VALUE, LAST_DETAIL = range(9)
# What a slot needs beyond counts and times, as bits.
NEEDS_SUM, NEEDS_DAYS, NEEDS_DISTINCT, NEEDS_PEOPLE, NEEDS_VALUE, NEEDS_DETAIL = 1, 2, 4, 8, 16, 32


@nb.njit(cache=True, nogil=True)
def first_at_or_after(occurred: Ints, low: int, high: int, moment: int) -> int:
    """The first position in [low, high) whose time is at or after the moment."""
    while low < high:
        middle = (low + high) // 2
        if occurred[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@nb.njit(cache=True, nogil=True)
def accounts_at(
    start: Ints, occurred: Ints, received: Ints, account: Codes, entity: Codes, cutoff: Ints, out: Codes
) -> None:
    """The account of each row's contact: that of its last known event with one; at a tie the largest code."""
    for row in range(len(entity)):
        out[row] = -1
        if entity[row] < 0:
            continue
        low = start[entity[row]]
        position = first_at_or_after(occurred, low, start[entity[row] + 1], cutoff[row]) - 1
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
def fill(
    start: Ints,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    value: Ints,
    contact: Codes,
    entity: Codes,
    self_contact: Codes,
    cutoff: Ints,
    key_of_pair: Codes,
    detail_of_pair: Codes,
    slots_start: Codes,
    slots: Codes,
    needs: Codes,
    windows: Ints,
    op: Codes,
    op_slot: Codes,
    op_window: Codes,
    column: Codes,
    category: Codes,
    people: int,
    out: Floats,
) -> int:
    """Fills the columns of `out` (rows, columns) that this level's program names.

    Args:
        entity: (rows,) whose events to look at, -1 for nobody. self_contact: (rows,) who the row is about.
        key_of_pair: (pairs,) which slots an event belongs to: `slots[slots_start[k]:slots_start[k + 1]]`.
        detail_of_pair: (pairs,) codes of details in the order of their texts, -1 for none.
        windows: ascending widths in microseconds; a last, unbounded one is understood.
        op, op_slot, op_window, column: the finishing program. category: (ops, details) places of details.
        people: how many contacts there are.

    Returns:
        -1, or the first row in which a sum would overflow.
    """
    n_slots, n_windows = len(needs), len(windows) + 1
    count = np.zeros((n_slots, n_windows), np.int64)
    total = np.zeros((n_slots, n_windows), np.int64)
    active = np.zeros((n_slots, n_windows), np.int64)
    details = np.zeros((n_slots, n_windows), np.int64)
    others = np.zeros((n_slots, n_windows), np.int64)
    last, first = np.empty(n_slots, np.int64), np.empty(n_slots, np.int64)
    last_day = np.empty(n_slots, np.int64)
    value_time, last_value = np.empty(n_slots, np.int64), np.empty(n_slots, np.int64)
    detail_time, last_detail = np.empty(n_slots, np.int64), np.empty(n_slots, np.int64)
    distinct_of, people_of = np.full(n_slots, -1, np.int64), np.full(n_slots, -1, np.int64)
    n_distinct = n_people = 0
    for slot in range(n_slots):
        if needs[slot] & NEEDS_DISTINCT:
            distinct_of[slot] = n_distinct
            n_distinct += 1
        if needs[slot] & NEEDS_PEOPLE:
            people_of[slot] = n_people
            n_people += 1
    # A stamp holds the row that last saw this detail (contact), so that nothing needs clearing.
    n_details = detail_of_pair.max() + 1 if n_distinct and len(detail_of_pair) else 0
    seen_detail = np.full((n_distinct, n_details), -1, np.int32)
    seen_person = np.full((n_people, people if n_people else 0), -1, np.int32)

    for row in range(len(entity)):
        count[:] = 0
        total[:] = 0
        active[:] = 0
        details[:] = 0
        others[:] = 0
        last[:] = MISSING
        first[:] = MISSING
        last_day[:] = -1
        value_time[:] = MISSING
        last_value[:] = MISSING
        detail_time[:] = MISSING
        last_detail[:] = -1
        moment = cutoff[row]
        if entity[row] >= 0:
            low = start[entity[row]]
            bucket = 0
            position = first_at_or_after(occurred, low, start[entity[row] + 1], moment) - 1
            while position >= low:
                here = position
                position -= 1
                if received[here] > moment:
                    continue
                when = occurred[here]
                age = moment - when
                while bucket < n_windows - 1 and age > windows[bucket]:
                    bucket += 1
                its_pair = pair[here]
                key = key_of_pair[its_pair]
                for at in range(slots_start[key], slots_start[key + 1]):
                    slot = slots[at]
                    count[slot, bucket] += 1
                    first[slot] = when
                    if last[slot] == MISSING:
                        last[slot] = when
                    need = needs[slot]
                    if need == 0:
                        continue
                    if need & NEEDS_DAYS:
                        day = (age - 1) // DAY
                        if day != last_day[slot]:
                            last_day[slot] = day
                            active[slot, bucket] += 1
                    if need & NEEDS_DISTINCT and detail_of_pair[its_pair] >= 0:
                        stamp = seen_detail[distinct_of[slot]]
                        details[slot, bucket] += stamp[detail_of_pair[its_pair]] != row
                        stamp[detail_of_pair[its_pair]] = row
                    if need & NEEDS_PEOPLE and contact[here] != self_contact[row]:
                        stamp = seen_person[people_of[slot]]
                        others[slot, bucket] += stamp[contact[here]] != row
                        stamp[contact[here]] = row
                    if need & NEEDS_SUM and value[here] != MISSING:
                        total[slot, bucket] += value[here]
                        if total[slot, bucket] > SUM_LIMIT or total[slot, bucket] < -SUM_LIMIT:
                            return row
                    if need & NEEDS_VALUE and value[here] != MISSING:
                        if value_time[slot] == MISSING:
                            value_time[slot] = when
                        if value_time[slot] == when and value[here] > last_value[slot]:
                            last_value[slot] = value[here]
                    if need & NEEDS_DETAIL and detail_of_pair[its_pair] >= 0:
                        if detail_time[slot] == MISSING:
                            detail_time[slot] = when
                        if detail_time[slot] == when and detail_of_pair[its_pair] > last_detail[slot]:
                            last_detail[slot] = detail_of_pair[its_pair]
        for slot in range(n_slots):
            for bucket in range(1, n_windows):
                count[slot, bucket] += count[slot, bucket - 1]
                active[slot, bucket] += active[slot, bucket - 1]
                details[slot, bucket] += details[slot, bucket - 1]
                others[slot, bucket] += others[slot, bucket - 1]
                total[slot, bucket] += total[slot, bucket - 1]
                if total[slot, bucket] > SUM_LIMIT or total[slot, bucket] < -SUM_LIMIT:
                    return row
        for step in range(len(op)):
            code, slot, bucket = op[step], op_slot[step], op_window[step]
            # Unbounded when the window is "ever"; no age comes near it.
            reach = windows[bucket] if bucket < n_windows - 1 else np.int64(2**62)
            result = np.nan
            if code == COUNT:
                result = float(count[slot, bucket])
            elif code == SUM:
                result = total[slot, bucket] / VALUE_SCALE
            elif code == DAYS:
                result = float(active[slot, bucket])
            elif code == DISTINCT:
                result = float(details[slot, bucket])
            elif code == COLLEAGUES:
                result = float(others[slot, bucket])
            elif code == RECENCY:
                if last[slot] != MISSING and moment - last[slot] <= reach:
                    result = (moment - last[slot]) / DAY
            elif code == FIRST:
                if first[slot] != MISSING:
                    result = min(moment - first[slot], reach) / DAY
            elif code == LAST_VALUE:
                if last_value[slot] != MISSING and moment - value_time[slot] <= reach:
                    result = last_value[slot] / VALUE_SCALE
            elif code == LAST_DETAIL and last_detail[slot] >= 0 and moment - detail_time[slot] <= reach:
                result = float(category[step, last_detail[slot]])
            out[row, column[step]] = result
    return -1


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
        high = start[entity[row] + 1]
        for position in range(first_at_or_after(occurred, start[entity[row]], high, since[row]), high):
            if wanted[pair[position]] and received[position] <= known_by:
                out[row] = occurred[position]
                break

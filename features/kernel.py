"""The kernel: one pass back from each cutoff fills integer tables, a finishing program makes columns of them.

Everything is integer arithmetic until the floating-point operation that ends a column, so that batch, streamed,
Spark's and single scores agree to the last bit. Compiled once and cached on disk; it releases the interpreter
lock, so that several threads may each do a share of the rows.

What is known of a row is one flat `state` of integers, laid out by `features.program`. A *slot* is what
declarations about the same events share: some tables, each with its cells in the state. A table with windows has a
cell for each ring of ages: ring r holds the ages above windows[r - 1] and up to windows[r], the last one all that are
older; at the end `widen` adds the rings up to windows.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from features.kernel_prefetch import prefetch_events

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

MISSING = np.int64(np.iinfo(np.int64).min)
LARGEST = np.int64(np.iinfo(np.int64).max)
DAY = np.int64(86_400_000_000)
HOUR = np.int64(3_600_000_000)
SECOND = np.int64(1_000_000)
VALUE_SCALE = 1_000_000.0
#: Sums stay below this, so that adding one more value can never overflow.
SUM_LIMIT = np.int64(2**62)
#: No age comes near it.
EVER = np.int64(2**62)
#: 1970-01-01, where the clock's microseconds begin, was a Thursday.
FIRST_WEEKDAY = np.int64(3)

#: The tables, each with its cells: those named, then one for each window (w) of each of its windowed parts.
#: TIMES newest, oldest, count w; TOTAL w; RANGE low w, high w; ACTIVE day, w; DISTINCT stamp, w; PEOPLE stamp, w;
#: VALUE time, value; DETAIL time, detail; GAPS gap, its age, the time before, sum w, squares w; CLOCK w for 24 hours
#: and 7 weekdays.
TIMES, TOTAL, RANGE, ACTIVE, DISTINCT, PEOPLE, VALUE, DETAIL, GAPS, CLOCK = range(10)
TABLES = 10
#: A task is one number: a table in its lowest bits, above them where its cells begin in the state. (That of TIMES,
#: which every slot has, is the latter alone.)
TABLE_BITS, TABLE_MASK = 4, 15
#: What `walk` knows of a pair: where its tasks begin, those that aren't TIMES begin, and all end; its detail's code.
BEGIN_TIMES, BEGIN, END, ITS_DETAIL = range(4)

#: Cells are addressed without signs: numba asks of every signed index whether it counts from the end.
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)
DAY_HOURS = np.uint64(24)

#: The operations of the finishing program, on the cells FIRST and OTHER of a step.
(
    OP_NUMBER, OP_SUM, OP_VALUE, OP_AGO, OP_FIRST, OP_GAP, OP_GAP_MEAN, OP_GAP_SPREAD, OP_RATIO, OP_CLOCK,
    OP_CATEGORY,
) = range(11)  # fmt: skip
CODE, FIRST, OTHER, EXTRA, WINDOW, COLUMN = range(6)


@nb.njit(cache=True, nogil=True)
def walk(
    row: int,
    low: int,
    high: int,
    moment: int,
    me: int,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    value: Ints,
    contact: Codes,
    of_pair: Codes,
    tasks: Codes,
    windows: Ints,
    state: Ints,
    stamps: Codes,
) -> bool:
    """Notes the events of a row, those at [low, high), from its cutoff back; False when a sum gets too large.

    One function, though long: numba counts references at every call that takes an array, and doing that for every
    event costs three times what the event itself does.
    """
    w, ring = np.uint64(len(windows) + 1), np.uint64(0)
    for back in range(low + np.searchsorted(occurred[low:high], moment) - 1, low - 1, -1):
        here = np.uint64(back)
        if received[here] > moment:
            continue
        when, its_value, kind = occurred[here], value[here], np.uint64(pair[here])
        detail, age = of_pair[kind, ITS_DETAIL], moment - when
        while ring + ONE < w and age > windows[ring]:
            ring += ONE
        for nth in range(of_pair[kind, BEGIN_TIMES], of_pair[kind, BEGIN]):
            at = np.uint64(tasks[np.uint64(nth)])
            state[at] = max(state[at], when)
            state[at + ONE] = when
            state[at + TWO + ring] += 1
        for nth in range(of_pair[kind, BEGIN], of_pair[kind, END]):
            task = tasks[np.uint64(nth)]
            table, at = task & TABLE_MASK, np.uint64(task >> TABLE_BITS)
            if table == TOTAL:
                if its_value != MISSING:
                    state[at + ring] += its_value
                    if abs(state[at + ring]) > SUM_LIMIT:
                        return False
            elif table == RANGE:
                if its_value != MISSING:
                    state[at + ring] = min(state[at + ring], its_value)
                    state[at + w + ring] = max(state[at + w + ring], its_value)
            elif table == ACTIVE:
                day = (age - 1) // DAY
                state[at + ONE + ring] += day != state[at]
                state[at] = day
            elif table == DISTINCT:
                if detail >= 0:
                    stamp = np.uint64(state[at] + detail)
                    state[at + ONE + ring] += stamps[stamp] != row
                    stamps[stamp] = row
            elif table == PEOPLE:
                if contact[here] != me:
                    stamp = np.uint64(state[at] + contact[here])
                    state[at + ONE + ring] += stamps[stamp] != row
                    stamps[stamp] = row
            elif table == VALUE:
                if its_value != MISSING and (state[at] == MISSING or state[at] == when):
                    state[at] = when
                    state[at + ONE] = max(state[at + ONE], its_value)
            elif table == DETAIL:
                if detail >= 0 and (state[at] == MISSING or state[at] == when):
                    state[at] = when
                    state[at + ONE] = max(state[at + ONE], detail)
            elif table == GAPS:
                newer = state[at + TWO]
                state[at + TWO] = when
                if newer != LARGEST:
                    gap = newer - when
                    if state[at] == MISSING:
                        state[at] = gap
                        state[at + ONE] = age
                    state[at + THREE + ring] += gap
                    state[at + THREE + w + ring] += (gap // SECOND) * (gap // SECOND)
            else:
                again = occurred[here]  # `when`, hidden from LLVM: it would do these divisions for every event
                hour, weekday = (again // HOUR) % 24, (again // DAY + FIRST_WEEKDAY) % 7
                state[at + w * np.uint64(hour) + ring] += 1
                state[at + w * (DAY_HOURS + np.uint64(weekday)) + ring] += 1
    return True


@nb.njit(cache=True, nogil=True)
def widen(state: Ints, w: int, sums: Codes, totals: Codes, lows: Codes) -> bool:
    """From rings to windows, for the tables that begin at the given cells; False when a sum gets too large."""
    for first in sums:
        for cell in range(np.uint64(first) + ONE, np.uint64(first + w)):
            state[cell] += state[cell - ONE]
    for first in totals:
        for cell in range(np.uint64(first) + ONE, np.uint64(first + w)):
            state[cell] += state[cell - ONE]
            if abs(state[cell]) > SUM_LIMIT:
                return False
    for first in lows:
        width = np.uint64(w)
        for cell in range(np.uint64(first) + ONE, np.uint64(first + w)):
            state[cell] = min(state[cell], state[cell - ONE])
            state[cell + width] = max(state[cell + width], state[cell + width - ONE])
    return True


@nb.njit(cache=True, nogil=True, forceinline=True)
def clock_share(state: Ints, first: int, w: int, mask: int) -> float:
    """The share of the events at the hours (bits 0 to 23) or on the weekdays (24 to 30) of the mask."""
    low, high = (0, 24) if mask < (1 << 24) else (24, 31)
    inside = everything = np.int64(0)
    for cell in range(low, high):
        everything += state[first + w * cell]
        inside += state[first + w * cell] * ((mask >> cell) & 1)
    share: float = inside / everything if everything else np.nan
    return share


@nb.njit(cache=True, nogil=True, forceinline=True)
def gap_spread(total: int, squares: int, gaps: int) -> float:
    """Standard deviation in days, from the sums of gaps (microseconds) and of their squares (whole seconds)."""
    mean = float(total // SECOND) / gaps
    spread: float = np.sqrt(max(squares / gaps - mean * mean, 0.0)) / 86_400.0
    return spread


@nb.njit(cache=True, nogil=True)
def finish(state: Ints, steps: Codes, windows: Ints, moment: int, category: Codes, out: Floats) -> None:
    """Writes a row's columns from its complete state; NaN where missing."""
    w = len(windows) + 1
    for nth in range(len(steps)):
        at = np.uint64(nth)
        code, first, other = steps[at, CODE], np.uint64(steps[at, FIRST]), np.uint64(steps[at, OTHER])
        cell, column = state[first], np.uint64(steps[at, COLUMN])
        if code == OP_NUMBER:
            out[column] = float(cell)
            continue
        window = np.uint64(steps[at, WINDOW])
        reach = windows[window] if steps[at, WINDOW] < w - 1 else EVER
        result = np.nan
        if code == OP_SUM:
            result = cell / VALUE_SCALE
        elif code == OP_AGO:
            if cell != MISSING and moment - cell <= reach:
                result = (moment - cell) / DAY
        elif code == OP_RATIO:
            if state[other]:
                result = cell / state[other]
        elif code == OP_FIRST:
            if cell != LARGEST:
                result = min(moment - cell, reach) / DAY
        elif code == OP_VALUE:
            alone = steps[at, OTHER] < 0
            if cell != MISSING and cell != LARGEST and (alone or moment - state[other] <= reach):
                result = cell / VALUE_SCALE
        elif code == OP_GAP:
            if cell != MISSING and state[first + ONE] <= reach:
                result = cell / DAY
        elif code == OP_GAP_MEAN:
            if state[other] > 1:
                result = cell / (DAY * (state[other] - 1))
        elif code == OP_GAP_SPREAD:
            if state[other] > 2:
                result = gap_spread(cell, state[first + np.uint64(w)], state[other] - 1)
        elif code == OP_CLOCK:
            result = clock_share(state, steps[at, FIRST], w, steps[at, EXTRA])
        elif cell != MISSING and moment - cell <= reach:
            result = float(category[steps[at, EXTRA], state[first + ONE]])
        out[column] = result


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
    tasks_start: Codes,
    tasks: Codes,
    blank: Ints,
    stamps: Codes,
    sums: Codes,
    totals: Codes,
    lows: Codes,
    windows: Ints,
    steps: Codes,
    category: Codes,
    out: Floats,
) -> int:
    """Fills the columns of `out` (rows, columns) that this level's program names.

    Args:
        entity: (rows,) whose events to look at, -1 for nobody. self_contact: (rows,) who the row is about.
        key_of_pair: (pairs,) what an event is noted in: TIMES `tasks[tasks_start[2 * k]:tasks_start[2 * k + 1]]`, and
            other tables, which follow up to `tasks_start[2 * k + 2]`.
        detail_of_pair: (pairs,) codes of details in the order of their texts, -1 for none.
        tasks: (tasks,) see TABLE_BITS.
        blank: the state of a row without events. stamps: which row last saw a detail (a person), -1 at first.
        sums, totals, lows: where windowed tables begin that add up, add up checked, or are ranges.
        windows: ascending widths in microseconds; a last, unbounded one is understood.
        steps: the finishing program. category: (last details, details) places of details.

    Returns:
        -1, or the first row in which a sum would overflow.
    """
    of_pair = np.empty((len(key_of_pair), 4), np.int32)
    for kind in range(len(key_of_pair)):
        of_pair[kind, BEGIN_TIMES : END + 1] = tasks_start[2 * key_of_pair[kind] : 2 * key_of_pair[kind] + 3]
        of_pair[kind, ITS_DETAIL] = detail_of_pair[kind]
    state = np.empty_like(blank)
    for row in range(len(entity)):
        state[:] = blank
        whose, moment, following = entity[row], cutoff[row], entity[min(row + 1, len(entity) - 1)]
        if following >= 0 and following != whose:
            prefetch_events(start[following], start[following + 1], occurred, received, pair, value)
        if whose >= 0 and not walk(
            row, start[whose], start[whose + 1], moment, self_contact[row], occurred, received, pair, value, contact,
            of_pair, tasks, windows, state, stamps,
        ):  # fmt: skip
            return row
        if not widen(state, len(windows) + 1, sums, totals, lows):
            return row
        finish(state, steps, windows, moment, category, out[row])
    return -1

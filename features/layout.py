"""Where a program's integer cells stand in the kernel's flat state, and which operation reads which of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features import kernel
from features.arrays import Codes, Ints

_LARGEST, _MISSING = int(kernel.LARGEST), int(kernel.MISSING)
_CLOCK_CELLS = 24 + 7
_NO_STAMPS = np.zeros(0, np.int32)
#: Blank states that are kept.
_REMEMBERED = 1000

#: Each table's single cells and its windowed parts, by what they hold when nothing has been seen.
_BLANK: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    kernel.TIMES: ((_MISSING, _LARGEST), (0,)),
    kernel.TOTAL: ((), (0,)),
    kernel.RANGE: ((), (_LARGEST, _MISSING)),
    kernel.ACTIVE: ((-1,), (0,)),
    kernel.DISTINCT: ((0,), (0,)),
    kernel.PEOPLE: ((0,), (0,)),
    kernel.VALUE: ((_MISSING, _MISSING), ()),
    kernel.DETAIL: ((_MISSING, -1), ()),
    kernel.GAPS: ((_MISSING, _MISSING, _LARGEST), (0, 0)),
    kernel.CLOCK: ((), (0,) * _CLOCK_CELLS),
}

#: For each operation the kernel's code, the table it reads, and where in it: a single cell (below zero: -1 is the
#: first) or a windowed part.
_OPERATIONS = {
    "count": (kernel.OP_NUMBER, kernel.TIMES, 0),
    "sum": (kernel.OP_SUM, kernel.TOTAL, 0),
    "min": (kernel.OP_VALUE, kernel.RANGE, 0),
    "max": (kernel.OP_VALUE, kernel.RANGE, 1),
    "days": (kernel.OP_NUMBER, kernel.ACTIVE, 0),
    "distinct": (kernel.OP_NUMBER, kernel.DISTINCT, 0),
    "colleagues": (kernel.OP_NUMBER, kernel.PEOPLE, 0),
    "recency": (kernel.OP_AGO, kernel.TIMES, -1),
    "first": (kernel.OP_FIRST, kernel.TIMES, -2),
    "stage_age": (kernel.OP_FIRST, kernel.TIMES, -2),
    "gap_last": (kernel.OP_GAP, kernel.GAPS, -1),
    "gap_mean": (kernel.OP_GAP_MEAN, kernel.GAPS, 0),
    "gap_spread": (kernel.OP_GAP_SPREAD, kernel.GAPS, 0),
    "trend": (kernel.OP_RATIO, kernel.TIMES, 0),
    "per": (kernel.OP_RATIO, kernel.TIMES, 0),
    "hours": (kernel.OP_CLOCK, kernel.CLOCK, 0),
    "weekdays": (kernel.OP_CLOCK, kernel.CLOCK, 0),
    "last_value": (kernel.OP_VALUE, kernel.VALUE, -2),
    "last_detail": (kernel.OP_CATEGORY, kernel.DETAIL, -1),
}


@dataclass(frozen=True)
class Layout:
    """The cells of a number of slots.

    Attributes:
        place: (slots, TABLES) where a slot's cells of a table begin, -1 where it needs none.
        blank: (cells,) the state without events.
        sums, totals, lows: where windowed parts begin that add up, add up checked, or are ranges.
        windows: how many, with the unbounded one.
    """

    place: Codes
    blank: Ints
    sums: Codes
    totals: Codes
    lows: Codes
    windows: int

    @staticmethod
    def of(slots: int, windows: int, needed: Iterable[tuple[int, str]]) -> Layout:
        """The layout for these (slot, operation) needs; every slot has its times."""
        tables = {(slot, kernel.TIMES) for slot in range(slots)}
        tables |= {(slot, _OPERATIONS[op][1]) for slot, op in needed}
        place = np.full((slots, kernel.TABLES), -1, np.int32)
        blank: list[int] = []
        sums, totals, lows = list[int](), list[int](), list[int]()
        for slot, table in sorted(tables):
            single, parts = _BLANK[table]
            place[slot, table] = len(blank)
            blank += single
            if table == kernel.RANGE:
                lows.append(len(blank))
            else:
                (totals if table == kernel.TOTAL else sums).extend(
                    len(blank) + i * windows for i in range(len(parts))
                )
            blank += [value for value in parts for _ in range(windows)]
        starts = [np.array(cells, np.int32) for cells in (sums, totals, lows)]
        return Layout(place, np.array(blank, np.int64), starts[0], starts[1], starts[2], windows)

    @staticmethod
    def operation(op: str) -> tuple[int, int, int]:
        """The kernel's code of an operation, its table, and its part of it."""
        return _OPERATIONS[op]

    def tasks(self, slots: Iterable[int]) -> tuple[list[int], list[int]]:
        """The kernel's tasks for these slots: where each one's TIMES begin, and the other tables, in their order."""
        placed = [(table, at) for slot in slots for table, at in enumerate(self.place[slot].tolist()) if at >= 0]
        times = [at for table, at in placed if table == kernel.TIMES]
        return times, [at << kernel.TABLE_BITS | table for table, at in placed if table != kernel.TIMES]

    def cell(self, slot: int, table: int, part: int, window: int) -> int:
        """Where a slot's single cell (part -1, -2), or the window's cell of a part, stands."""
        first = int(self.place[slot, table])
        return first - 1 - part if part < 0 else first + len(_BLANK[table][0]) + part * self.windows + window

    def count(self, slot: int, window: int) -> int:
        """Where the number of a slot's events within a window stands."""
        return self.cell(slot, kernel.TIMES, 0, window)

    @cached_property
    def _stamped(self) -> tuple[Ints, Ints]:
        """The cells that tell where a slot's stamps of details, and of people, begin."""
        columns = (self.place[:, table] for table in (kernel.DISTINCT, kernel.PEOPLE))
        details, people = (column[column >= 0].astype(np.int64) for column in columns)
        return details, people

    def stamped(self, details: int, people: int) -> tuple[Ints, Codes]:
        """The blank state, and the stamps for a log with so many details and contacts."""
        of_details, of_people = self._stamped
        if not len(of_details) and not len(of_people):
            return self.blank, _NO_STAMPS
        stamps = np.empty(len(of_details) * details + len(of_people) * people, np.int32)
        stamps.fill(-1)
        blank = self._blanks.get((details, people))
        if blank is None:
            if len(self._blanks) >= _REMEMBERED:
                self._blanks.clear()
            blank = self.blank.copy()
            blank[of_details] = np.arange(len(of_details)) * details
            blank[of_people] = len(of_details) * details + np.arange(len(of_people)) * people
            self._blanks[details, people] = blank
        return blank, stamps

    @cached_property
    def _blanks(self) -> dict[tuple[int, int], Ints]:
        """Blank states by numbers of details and people: those of single contacts come again and again."""
        return {}

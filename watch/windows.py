"""The window that is looked at, and those before it that say what is usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.times import DAY

Ints = npt.NDArray[np.int64]

#: So many windows before say what is usual.
BEFORE = 12


@dataclass(frozen=True)
class Windows:
    """Windows of `span` microseconds that end at `as_of` (microseconds UTC), the latest being number 0."""

    as_of: int
    span: int
    begin: int

    @property
    def before(self) -> int:
        """How many whole windows there are before the latest, at most `BEFORE`."""
        return max(0, min(BEFORE, (self.as_of - self.begin) // self.span - 1))

    @property
    def first(self) -> int:
        """Where the oldest of them begins."""
        return self.as_of - (self.before + 1) * self.span

    def place(self, times: Ints) -> Ints:
        """(times,) the window of each: 0 for the latest, -1 for none of them."""
        number = (self.as_of - 1 - times) // self.span
        return np.where((number >= 0) & (number <= self.before), number, -1)

    @property
    def text(self) -> str:
        """The length of a window in words."""
        number = self.span / DAY
        return f"{number:g} day" + ("" if number == 1 else "s")

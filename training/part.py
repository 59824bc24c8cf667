"""The rows a model is learnt from, with what fitting needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.split import Rows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Rows ordered by cutoff.

    Attributes:
        matrix: (rows, features), NaN where missing. converted: (rows,).
        groups: (rows,) what stays together in a fold: accounts. cutoff: (rows,), horizon: microseconds.
        names: the columns'. categories: which columns hold places in a list of categories.
        monotone: for each column 1 where more of it may only raise the probability, -1 lower it, 0 either.
    """

    matrix: Floats
    converted: Bools
    groups: Rows
    cutoff: Ints
    horizon: int
    names: tuple[str, ...]
    categories: tuple[int, ...] = ()
    monotone: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, rows: Rows) -> Part:
        """Some of the rows."""
        return replace(
            self,
            matrix=self.matrix[rows],
            converted=self.converted[rows],
            groups=self.groups[rows],
            cutoff=self.cutoff[rows],
        )

    def early_and_late(self, latest_share: float) -> tuple[Rows, Rows]:
        """The rows of the latest share of the time, and before them those whose horizon had passed by then."""
        latest = int(self.cutoff[-1] - latest_share * (self.cutoff[-1] - self.cutoff[0]))
        return np.flatnonzero(self.cutoff < latest - self.horizon), np.flatnonzero(self.cutoff >= latest)

    def both(self, rows: Rows) -> int:
        """How many of the rows there are of the rarer class."""
        yes = int(self.converted[rows].sum())
        return min(yes, len(rows) - yes)

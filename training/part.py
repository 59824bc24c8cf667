"""The rows a model is learnt from, with what fitting needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.split import Rows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: What is to be chosen (settings, a rung, columns to leave out) is chosen on so many rows, drawn evenly over time:
#: more of them choose the same.
ENOUGH = 50_000
_CHUNK = 4096


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
            matrix=rows_of(self.matrix, rows),
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

    def evenly(self) -> Part:
        """Enough rows to choose by, drawn evenly over time; itself where there are no more."""
        return self if len(self) <= ENOUGH else self.take(evenly(np.arange(len(self))))


def evenly(rows: Rows) -> Rows:
    """Enough of the row numbers to choose by, drawn evenly."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), ENOUGH)).astype(int))
    return np.asarray(rows[places])


def rows_of(matrix: Floats, rows: Rows) -> Floats:
    """Some rows, ascending; no copy where they follow one another."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return matrix[rows[0] : rows[-1] + 1]
    return matrix[rows]


def columns_of(matrix: Floats, columns: Ints) -> Floats:
    """Some columns, ascending, in the memory that the matrix has: it is overwritten."""
    rows, width = len(matrix), len(columns)
    if width == matrix.shape[1]:
        return matrix
    flat = matrix.reshape(-1)
    for begin in range(0, rows, _CHUNK):
        some = matrix[begin : begin + _CHUNK, columns]
        flat[begin * width : begin * width + some.size] = some.reshape(-1)
    return flat[: rows * width].reshape(rows, width)

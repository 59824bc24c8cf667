"""How many times as often something is seen in one class as in the other, with exact bounds.

The ratio P(seen | converted) / P(seen | not) does not depend on the base rate: 20 means that one sighting turns odds
of 1 : 9 into 20 : 9. Its lower bound is the lower Clopper–Pearson limit of one share over the upper limit of the
other, so a handful of rows proves nothing, and a huge table flags no trifle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import Codes

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Bins that are taken for the purest have at least this ratio in the other half.
PICKED = 10.0


@dataclass(frozen=True)
class Ratio:
    """Something was seen in `seen` of `of` rows of one class and in `others_seen` of `others` of the other.

    `converters` tells whether the first are those that converted. `least`: the ratio's lower bound. `bins`: what was
    seen.
    """

    converters: bool
    seen: int
    of: int
    others_seen: int
    others: int
    least: float
    bins: Ints

    @property
    def share(self) -> float:
        """Of the first class."""
        return self.seen / self.of

    @property
    def others_share(self) -> float:
        """Of the other class."""
        return self.others_seen / self.others


def limits(seen: int, of: int, alpha: float) -> tuple[float, float]:
    """One-sided Clopper–Pearson limits of a share, each missed with probability alpha at most."""
    from scipy.stats import beta

    low = float(beta.ppf(alpha, seen, of - seen + 1)) if seen else 0.0
    return low, float(beta.ppf(1 - alpha, seen + 1, of - seen)) if seen < of else 1.0


def ratio(seen: Bools, converted: Bools, converters: bool, alpha: float, bins: Ints | None = None) -> Ratio:
    """How much more often the rows `seen` are of one class. Both classes must be there."""
    mine = converted if converters else ~converted
    a, n, b, m = int((seen & mine).sum()), int(mine.sum()), int((seen & ~mine).sum()), int((~mine).sum())
    least = limits(a, n, alpha / 2)[0] / limits(b, m, alpha / 2)[1]
    return Ratio(converters, a, n, b, m, least, np.zeros(0, np.int64) if bins is None else bins)


def purest(codes: Codes, bins: int, converted: Bools, converters: bool, alpha: float) -> Ratio | None:
    """The values that (nearly) only one class has: found in every second row, counted in the others, and the other
    way round. Rows are in the order of time, one a contact. None where no bin is pure."""
    even = np.arange(len(codes)) % 2 == 0
    seen, found = np.zeros(len(codes), np.bool_), np.zeros(bins, np.bool_)
    for learn in (even, ~even):
        mine, other = (
            np.bincount(codes[learn & of], minlength=bins)
            for of in ((converted, ~converted) if converters else (~converted, converted))
        )
        odds = ((mine + 0.5) / (mine.sum() + 1)) / ((other + 0.5) / (other.sum() + 1))
        picked = odds >= PICKED
        seen[~learn] = picked[codes[~learn]]
        found |= picked
    return ratio(seen, converted, converters, alpha, np.flatnonzero(found)) if found.any() else None

"""The lower rungs of the ladder: the base rate, and a regularised logistic regression.

Both are sums of one part for each column, so their effects are exact: a part less its mean over the training rows
(linear SHAP: Lundberg and Lee 2017, corollary 1, for independent columns).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """A column of numbers: weight × (root(x) - centre), where x is held within the training range.

    root(x) = sign(x) × sqrt(|x|) tames counts and amounts. `missing` is the part of a missing value, `mean` the
    part's mean over the training rows.
    """

    column: int
    low: float
    high: float
    centre: float
    weight: float
    missing: float
    mean: float

    def part(self, values: Floats) -> Floats:
        """(rows,) values → (rows,) log-odds."""
        held = root(np.clip(values, self.low, self.high))
        return np.where(np.isnan(values), self.missing, self.weight * (held - self.centre))


@dataclass(frozen=True)
class Category:
    """A column of places in a list: a weight for each place; places beyond the last share `other`."""

    column: int
    weights: tuple[float, ...]
    other: float
    missing: float
    mean: float

    def part(self, values: Floats) -> Floats:
        """(rows,) places → (rows,) log-odds."""
        table = np.array([*self.weights, self.other, self.missing])
        place = np.where(np.isnan(values), len(self.weights) + 1, np.minimum(values, len(self.weights)))
        return table[place.astype(np.int64)]


def root(values: Floats) -> Floats:
    """The square root of the size, with the sign: unlike a logarithm, the same bits on every machine."""
    return np.sign(values) * np.sqrt(np.abs(values))


@dataclass(frozen=True)
class Additive:
    """An intercept and a part for each column that has one; without any it is the base rate.

    Attributes:
        kind: "logistic" or "base_rate". columns: how many a row has.
    """

    kind: str
    columns: int
    intercept: float
    quantities: tuple[Quantity, ...] = ()
    categories: tuple[Category, ...] = ()

    @property
    def _parts(self) -> list[Quantity | Category]:
        return [*self.quantities, *self.categories]

    def margins(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows,) uncalibrated log-odds, added up column by column."""
        total = np.full(len(matrix), self.intercept)
        for one in self._parts:
            total = total + one.part(matrix[:, one.column])
        return total

    def contributions(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows, features + 1): each part less its training mean; the expectation last."""
        out = np.zeros((len(matrix), self.columns + 1))
        for one in self._parts:
            out[:, one.column] = one.part(matrix[:, one.column]) - one.mean
        out[:, -1] = self.intercept + sum(one.mean for one in self._parts)
        return out

    def text(self) -> str:
        """The model as JSON; numbers round-trip bit for bit."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False) + "\n"

    @staticmethod
    def parse(text: str) -> Additive:
        """What `text` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is not.
        """
        body: dict[str, Any] = json.loads(text)
        body["quantities"] = tuple(Quantity(**one) for one in body["quantities"])
        body["categories"] = tuple(
            Category(**{**one, "weights": tuple(one["weights"])}) for one in body["categories"]
        )
        return Additive(**body)


def base_rate_rung(rate: float, columns: int) -> Additive:
    """The same log-odds for everyone."""
    return Additive("base_rate", columns, float(np.log(rate / (1 - rate))))

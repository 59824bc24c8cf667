"""Slices of the test part: did the promises come true for this source, this country, this grade, this score band?

Every table of promised beside true is one cut of the same rows: tenths, score bands, grades, attributes, accounts
seen in training or not. Intervals are from a bootstrap that draws whole accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.score import GRADES
from training.judge import Interval
from training.split import group_of

if TYPE_CHECKING:
    from training.train import Trained

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: With fewer rows, fewer conversions both promised and seen, or fewer accounts, a slice is named but not judged.
LEAST_ROWS, LEAST_CONVERTED, LEAST_ACCOUNTS = 50, 10, 10
#: Whoever works a list from the top works about this share of it.
SHARE_CHOSEN = 0.1
_DRAWS = 200


@dataclass(frozen=True)
class Slice:
    """Some rows of the test part. `promised` and `rate` are means of the probability and of the outcome.

    Attributes:
        gap: promised less true, and its 95 % interval; None where the rows are too few to judge.
        true: the rate with its interval; None where too few.
        chosen, grade_a: the shares that are in the highest tenth of all rows, and that have the grade A.
    """

    by: str
    value: str
    rows: int
    converted: int
    rate: float
    promised: float
    gap: Interval | None
    true: Interval | None
    chosen: float
    grade_a: float

    @property
    def strays(self) -> bool:
        """Whether the promise is further from the truth than chance explains."""
        return self.gap is not None and (self.gap.low > 0 or self.gap.high < 0)


@dataclass(frozen=True)
class Judgeable:
    """The test part, as what can be cut: (rows,) each."""

    converted: Bools
    probability: Floats
    percentile: Ints
    groups: Ints
    seed: int

    @staticmethod
    def of(trained: Trained) -> Judgeable:
        """The test part of a trained model; it must have one."""
        part = trained.split.test
        log_odds = trained.model.log_odds(trained.matrix[part])
        return Judgeable(
            trained.rows.converted[part],
            trained.test_probability,
            trained.model.reference.percentile(log_odds),
            group_of(trained.rows)[part],
            trained.seed,
        )

    @cached_property
    def chosen(self) -> Floats:
        """(rows,) 1 in the highest tenth, 0 below it; rows tied at its edge share what is left of it."""
        return _highest(self.probability, SHARE_CHOSEN)

    @property
    def tells_apart(self) -> bool:
        """Whether anyone is promised more than anyone else."""
        return bool(np.ptp(self.probability) > 1e-12)

    @property
    def chosen_rate(self) -> float:
        """The share of the highest tenth that converted."""
        return float(self.chosen @ self.converted / self.chosen.sum())

    def cut(self, by: str, labels: Sequence[str], codes: Ints, judge_all: bool = False) -> list[Slice]:
        """One slice for each label that has rows; `codes` (rows,) are places in `labels`.

        Args:
            judge_all: also where there are few rows, as in a picture that shows them all.
        """
        is_a = self.percentile >= GRADES[0][0]
        columns = [np.ones(len(codes)), self.converted, self.probability, self.chosen, is_a]
        rows, yes, promised, chosen, graded = (np.bincount(codes, one, len(labels)) for one in columns)
        gap, true, accounts = self._drawn(codes, len(labels))
        slices = []
        for k in np.flatnonzero(rows):
            n = rows[k]
            seen = max(yes[k], promised[k])
            enough = n >= LEAST_ROWS and seen >= LEAST_CONVERTED and accounts[k] >= LEAST_ACCOUNTS
            rate = _rate_interval(float(yes[k] / n), true[:, k], int(accounts[k]))
            apart = _gap_interval(float((promised[k] - yes[k]) / n), gap[:, k], rate)
            slices.append(
                Slice(
                    by,
                    labels[int(k)],
                    int(n),
                    int(yes[k]),
                    float(yes[k] / n),
                    float(promised[k] / n),
                    apart if enough or judge_all else None,
                    rate if enough or judge_all else None,
                    float(chosen[k] / n),
                    float(graded[k] / n),
                )
            )
        return slices

    def _drawn(self, codes: Ints, labels: int) -> tuple[Floats, Floats, Ints]:
        """(draws, labels) gaps and rates, in draws of accounts with replacement; (labels,) accounts."""
        from scipy.sparse import coo_array

        groups, place = np.unique(self.groups, return_inverse=True)

        def sums(values: npt.NDArray[np.float64] | Bools) -> Any:
            return coo_array((values.astype(float), (codes, place)), shape=(labels, len(groups))).tocsr()

        rows, yes, promised = sums(np.ones(len(codes))), sums(self.converted), sums(self.probability)
        generator = np.random.default_rng(self.seed)
        gap, true = np.empty((_DRAWS, labels)), np.empty((_DRAWS, labels))
        for draw in range(_DRAWS):
            times = np.bincount(generator.integers(0, len(groups), len(groups)), minlength=len(groups)).astype(float)
            with np.errstate(invalid="ignore", divide="ignore"):  # a slice that this draw has nobody of
                true[draw] = (yes @ times) / (rows @ times)
                gap[draw] = (promised @ times) / (rows @ times) - true[draw]
        return gap, true, np.diff(rows.indptr)


def _highest(probability: Floats, share: float) -> Floats:
    wanted = share * len(probability)
    threshold = np.sort(probability)[::-1][max(0, int(np.ceil(wanted)) - 1)]
    above, at = probability > threshold, probability == threshold
    return np.asarray(above + at * ((wanted - above.sum()) / at.sum()))


def _rate_interval(rate: float, draws: Floats, accounts: int) -> Interval:
    """Of a rate. Where none or all converted, draws say nothing: then Clopper-Pearson's exact limit by account."""
    drawn = _interval(rate, draws)
    unseen = 1.0 - 0.025 ** (1.0 / accounts)
    if rate == 0.0:
        return Interval(rate, 0.0, unseen)
    return Interval(rate, 1.0 - unseen, 1.0) if rate == 1.0 else drawn


def _gap_interval(gap: float, draws: Floats, true: Interval) -> Interval:
    """Of promised less true; as wide as the rate's where that is an exact limit."""
    drawn = _interval(gap, draws)
    if true.value in (0.0, 1.0):
        promised = gap + true.value
        return Interval(gap, min(drawn.low, promised - true.high), max(drawn.high, promised - true.low))
    return drawn


def _interval(value: float, draws: Floats) -> Interval:
    seen = draws[np.isfinite(draws)]
    low, high = np.percentile(seen, [2.5, 97.5]) if len(seen) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))

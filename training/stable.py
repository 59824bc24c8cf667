"""Which columns hold still: a column whose values drift with the calendar misleads a model that looks ahead.

Every log begins somewhere: counts and ages grow with it, and what they meant last year they don't mean next
year. For each column the Kolmogorov–Smirnov distance between the earlier and the later half of the training rows
is measured. How much of it is too much is settled by trying: a small model is fitted on the earliest rows, one
horizon before the latest ones, with and without the drifting columns, and judged on the latest. Columns are only
left out where that helps by more than chance would: the loosest bound within one standard error of the best one.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.calibration import inverse_logit
from training.fit import fixed_settings
from training.judge import row_losses
from training.tune import CANDIDATES

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: The bounds tried: all columns, then fewer and fewer.
BOUNDS = (1.0, 0.15, 0.1, 0.08, 0.06)
#: The latest share of the training time, on which the bounds are judged, and the trees of the small model.
_LATEST, _TREES = 0.3, 150
_LEAST = 50


@dataclass(frozen=True)
class Stability:
    """How far each column drifted (0 to 1), the bound chosen, and the log loss that each bound had."""

    drift: Floats
    bound: float
    log_losses: dict[float, float]

    @property
    def kept(self) -> Ints:
        """The columns within the bound."""
        return np.flatnonzero(self.drift <= self.bound)


def find_stable(
    matrix: Floats, converted: Bools, cutoff: Ints, horizon: int, categories: list[int], seed: int
) -> Stability:
    """Measures the drift of each column of the training part and chooses the bound.

    Args:
        matrix: (rows, features), ordered by cutoff. cutoff: (rows,), horizon: microseconds.
    """
    drift = _drift(matrix)
    if drift.max(initial=0.0) <= BOUNDS[-1]:
        return Stability(drift, BOUNDS[0], {})
    latest = int(cutoff[-1] - _LATEST * (cutoff[-1] - cutoff[0]))
    early, late = np.flatnonzero(cutoff < latest - horizon), np.flatnonzero(cutoff >= latest)
    if any(min(converted[part].sum(), (~converted[part]).sum()) < _LEAST for part in (early, late)):
        return Stability(drift, BOUNDS[0], {})
    losses: dict[float, Floats] = {}
    known: dict[int, Floats] = {}  # bounds that leave out the same columns are one question
    for bound in BOUNDS:
        columns = np.flatnonzero(drift <= bound)
        if len(columns) in known:
            losses[bound] = known[len(columns)]
        elif len(columns):
            places = [place for place, column in enumerate(columns) if column in categories]
            data = lgb.Dataset(
                matrix[np.ix_(early, columns)], converted[early].astype(float), categorical_feature=places
            )
            settings = {
                **fixed_settings(seed),
                **CANDIDATES[0],
                "learning_rate": 0.08,
                "max_bin": 63,
                "num_threads": 1,
            }
            booster = lgb.train(settings, data, _TREES)
            margins = booster.predict(matrix[np.ix_(late, columns)], raw_score=True, num_threads=1)
            losses[bound] = row_losses(converted[late], inverse_logit(np.asarray(margins)))
            known[len(columns)] = losses[bound]
    return Stability(drift, _loosest(losses), {bound: float(of.mean()) for bound, of in losses.items()})


def _loosest(losses: dict[float, Floats]) -> float:
    """The first bound whose rows lose no more than one (paired) standard error above the best bound's."""
    best = min(losses.values(), key=lambda of: float(of.mean()))
    for bound, of in losses.items():
        worse = of - best
        if worse.mean() <= worse.std() / np.sqrt(len(worse)):
            return bound
    raise AssertionError("the best bound is no worse than itself")


def _drift(matrix: Floats) -> Floats:
    """(features,) the Kolmogorov–Smirnov distance between the two halves; missing is a value of its own."""
    half = len(matrix) // 2
    filled = np.where(np.isnan(matrix), -np.inf, matrix)
    return np.array([_distance(filled[:half, i], filled[half:, i]) for i in range(matrix.shape[1])])


def _distance(one: Floats, other: Floats) -> float:
    places = np.unique(np.concatenate([one, other]))
    below = np.searchsorted(np.sort(one), places, "right") / max(len(one), 1)
    return float(np.abs(below - np.searchsorted(np.sort(other), places, "right") / max(len(other), 1)).max())

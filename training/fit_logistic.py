"""The middle rung: logistic regression with an L2 penalty, from few rows steadier than trees.

Numbers enter as square roots, standardised, with an indicator where missing; categories as one column a place.
How strong the penalty is, is chosen by the same grouped cross-validation as for the trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from features.spread import spread
from models.additive import Additive, Category, Quantity, root
from models.calibration import inverse_logit
from training.folds import Fold, by_account
from training.judge import log_loss
from training.part import Part

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Inverse penalties tried, from stiff to supple.
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
#: Weights keep so many significant digits: what lies below differs between processors.
_DIGITS = 9


@dataclass(frozen=True)
class _Design:
    """How columns become inputs of the regression.

    Attributes:
        low, high, centre, scale: (features,) of numbers; scale 0 leaves the column out.
        places: for each category column how many places it has.
    """

    low: Floats
    high: Floats
    centre: Floats
    scale: Floats
    places: dict[int, int]

    @staticmethod
    def of(matrix: Floats, categories: Sequence[int]) -> _Design:
        columns = matrix.shape[1]
        low, high, centre, scale = (np.zeros(columns) for _ in range(4))
        places: dict[int, int] = {}
        for column in range(columns):
            known = matrix[~np.isnan(matrix[:, column]), column]
            if not len(known):
                continue
            if column in categories:
                places[column] = int(known.max()) + 1
                continue
            low[column], high[column] = np.quantile(known, [0.005, 0.995])
            held = root(np.clip(known, low[column], high[column]))
            centre[column], scale[column] = held.mean(), held.std()
        scale[scale < 1e-9] = 0.0
        return _Design(low, high, centre, scale, places)

    def inputs(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows, inputs): numbers, then their missing ones, then a column for each place."""
        numbers = np.flatnonzero(self.scale)
        held = root(np.clip(matrix[:, numbers], self.low[numbers], self.high[numbers]))
        scaled = (held - self.centre[numbers]) / self.scale[numbers]
        missing = np.isnan(matrix[:, numbers])
        parts = [np.where(missing, 0.0, scaled), missing.astype(np.float64)]
        for column, places in self.places.items():
            known = np.where(np.isnan(matrix[:, column]), places, np.minimum(matrix[:, column], places))
            parts.append((known[:, None] == np.arange(places + 1)[None, :]).astype(np.float64))
        return np.concatenate(parts, axis=1)

    def rung(self, weights: Floats, intercept: float, matrix: Floats) -> Additive:
        """The model of these weights, with each part's mean over the rows of the matrix."""
        weights = np.array([float(f"{weight:.{_DIGITS}g}") for weight in weights])
        numbers = np.flatnonzero(self.scale)
        quantities = []
        for i, column in enumerate(numbers.tolist()):
            one = Quantity(
                column,
                float(self.low[column]),
                float(self.high[column]),
                float(self.centre[column]),
                float(weights[i] / self.scale[column]),
                float(weights[len(numbers) + i]),
                0.0,
            )
            quantities.append(Quantity(**{**one.__dict__, "mean": float(one.part(matrix[:, column]).mean())}))
        categories, at = [], 2 * len(numbers)
        for column, places in self.places.items():
            # A place that was never seen says nothing; neither does a missing value's own weight stand for it.
            body = tuple(float(weight) for weight in weights[at : at + places])
            level = Category(column, body, 0.0, float(weights[at + places]), 0.0)
            categories.append(Category(**{**level.__dict__, "mean": float(level.part(matrix[:, column]).mean())}))
            at += places + 1
        return Additive("logistic", matrix.shape[1], float(intercept), tuple(quantities), tuple(categories))


@dataclass(frozen=True)
class FittedLine:
    """A logistic regression, its inverse penalty, and the out-of-fold margins of the rows it was fitted on."""

    rung: Additive
    strength: float
    out_of_fold: Floats
    cv_log_loss: float


def fit_logistic(part: Part, seed: int, strengths: Sequence[float] = STRENGTHS) -> FittedLine:
    """The best of a few penalties, refitted on all rows; more than fifty thousand teach a line nothing new."""
    drawn = part.evenly()
    design = _Design.of(drawn.matrix, part.categories)
    inputs, outcome = design.inputs(drawn.matrix), drawn.converted
    margins = np.zeros((len(strengths), len(drawn)))

    def hold_out(fold: Fold) -> None:
        learn, judge = fold
        for place, (weights, intercept) in enumerate(_regress(inputs[learn], outcome[learn], strengths)):
            margins[place, judge] = inputs[judge] @ weights + intercept

    with threadpool_limits(1):  # the order of sums, and with it the bits, must not depend on the cores
        list(spread(hold_out, by_account(drawn, seed), threads=2))
        losses = [log_loss(outcome, inverse_logit(one)) for one in margins]
        best = int(np.argmin(losses))
        ((weights, intercept),) = _regress(inputs, outcome, strengths[best : best + 1])
    rung = design.rung(weights, intercept, drawn.matrix)
    out_of_fold = margins[best] if drawn is part else rung.margins(part.matrix)
    return FittedLine(rung, strengths[best], out_of_fold, losses[best])


def _regress(inputs: Floats, outcome: Bools, strengths: Sequence[float]) -> Iterator[tuple[Floats, float]]:
    """Weights and intercept for each penalty; with one class only, or without inputs, none and the smoothed rate."""
    if outcome.all() or not outcome.any() or not inputs.shape[1]:
        rate = (outcome.sum() + 0.5) / (len(outcome) + 1)
        yield from [(np.zeros(inputs.shape[1]), float(np.log(rate / (1 - rate))))] * len(strengths)
        return
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(max_iter=500, tol=1e-7, warm_start=True)  # each begins where the stiffer one ended
    for strength in strengths:
        line.set_params(C=strength).fit(inputs, outcome)
        yield np.array(line.coef_[0], np.float64), float(line.intercept_[0])

"""The ladder: base rate → logistic regression → LightGBM, each rung taken only where it wins out of time.

The rungs are fitted on the earliest training rows and compared on the latest, one horizon later; where that would
leave less than half of the rows to learn from, by their out-of-fold margins (folds by account). A higher rung
must beat the one below it in most bootstrap draws (of whole accounts). The test part never takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.additive import base_rate_rung
from models.booster import Rung
from models.calibration import fit_affine, inverse_logit
from training.fit import fit_booster, refit
from training.fit_logistic import fit_logistic
from training.judge import resamples, row_losses
from training.split import Rows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Progress = Callable[[str, float], None]

#: The share of bootstrap draws in which a rung must be better than the one below. That there is anything to tell
#: people by is a claim that needs proof; of two models that both tell, the likely better one is taken.
SURE = {"logistic": 0.9, "lightgbm": 0.6}
#: The latest share of the training time, on which the rungs are compared; of each class it needs so many rows.
_LATEST, _LEAST = 0.3, 30
#: With fewer than this share of the rows to learn from, what trees make of all of them would not be shown.
_FAIR = 0.5
_DRAWS = 400


@dataclass(frozen=True)
class Step:
    """A rung beside the one below it: log loss of both, and in which share of the draws it was the better one."""

    rung: str
    below: str
    log_loss: float
    log_loss_below: float
    surely: float

    @property
    def taken(self) -> bool:
        """Whether that is proof enough."""
        return self.surely >= SURE[self.rung]


@dataclass(frozen=True)
class Fitted:
    """The rung that was reached, what it was chosen by, and the out-of-fold margins of the rows it was fitted on."""

    rung: Rung
    settings: dict[str, Any]
    trees: int
    out_of_fold: Floats
    cv_log_loss: float
    tried: list[dict[str, Any]] = field(default_factory=list)
    ladder: tuple[Step, ...] = ()
    judged_on: str = ""


def climb(
    matrix: Floats,
    converted: Bools,
    groups: Rows,
    cutoff: npt.NDArray[np.int64],
    horizon: int,
    names: tuple[str, ...],
    categories: list[int],
    seed: int,
    trials: int = 0,
    progress: Progress | None = None,
) -> Fitted:
    """Fits every rung on the training part and returns the highest that is proven.

    Args:
        matrix: (rows, features), ordered by cutoff. groups: (rows,) accounts. cutoff, horizon: microseconds.
    """
    rate = float(converted.mean())
    base = base_rate_rung(rate, matrix.shape[1])
    if matrix.shape[1] == 0:
        return Fitted(
            base, {}, 0, base.margins(matrix), float(row_losses(converted, np.full(len(matrix), rate)).mean())
        )
    trees = fit_booster(matrix, converted, groups, names, categories, seed, trials, progress)
    line = fit_logistic(matrix, converted, groups, categories, seed)
    early, late = _in_time(converted, cutoff, horizon)
    if len(late):
        judged_on = "the latest training rows, one horizon after those it was fitted on"
        early_line = fit_logistic(matrix[early], converted[early], groups[early], categories, seed)
        early_trees = refit(matrix[early], converted[early], names, categories, trees, seed)
        margins = {
            "base rate": np.full(len(late), _logit(converted[early].mean())),
            "logistic": _calibrated(early_line.out_of_fold, converted[early], early_line.rung.margins(matrix[late])),
            "lightgbm": early_trees.margins(matrix[late]),
        }
    else:
        late, judged_on = np.arange(len(matrix)), "out-of-fold margins, since history is short"
        margins = {
            "base rate": base.margins(matrix),
            "logistic": _calibrated(line.out_of_fold, converted, line.out_of_fold),
            "lightgbm": _calibrated(trees.out_of_fold, converted, trees.out_of_fold),
        }
    losses = {name: row_losses(converted[late], inverse_logit(of)) for name, of in margins.items()}
    steps, reached = _steps(losses, groups[late], seed)
    tried = trees.tried
    if reached == "lightgbm":
        found = Fitted(trees.booster, trees.settings, trees.trees, trees.out_of_fold, trees.cv_log_loss, tried)
    elif reached == "logistic":
        found = Fitted(line.rung, {"C": line.strength}, 0, line.out_of_fold, line.cv_log_loss, tried)
    else:
        flat = base.margins(matrix)
        found = Fitted(base, {}, 0, flat, float(row_losses(converted, inverse_logit(flat)).mean()), tried)
    return replace(found, ladder=steps, judged_on=judged_on)


def _steps(losses: dict[str, Floats], groups: Rows, seed: int) -> tuple[tuple[Step, ...], str]:
    """Each rung against the highest proven one below it, and the rung reached."""
    draws = resamples(groups, seed, _DRAWS)
    steps: list[Step] = []
    reached, *higher = losses
    for name in higher:
        gain = losses[reached] - losses[name]
        surely = float(np.mean([gain[rows].mean() > 0 for rows in draws]))
        steps.append(Step(name, reached, float(losses[name].mean()), float(losses[reached].mean()), surely))
        reached = name if steps[-1].taken else reached
    return tuple(steps), reached


def _in_time(converted: Bools, cutoff: npt.NDArray[np.int64], horizon: int) -> tuple[Rows, Rows]:
    """The earliest rows and, one horizon later, the latest; none where either has too few of a class."""
    latest = int(cutoff[-1] - _LATEST * (cutoff[-1] - cutoff[0]))
    parts = np.flatnonzero(cutoff < latest - horizon), np.flatnonzero(cutoff >= latest)
    if len(parts[0]) < _FAIR * len(cutoff) or any(
        min(converted[part].sum(), (~converted[part]).sum()) < _LEAST for part in parts
    ):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return parts


def _calibrated(fitted_on: Floats, converted: Bools, margins: Floats) -> Floats:
    return fit_affine(fitted_on, converted).log_odds(margins)


def _logit(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))

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
from training.draws import drawn
from training.fit import ChosenTrees, choose_trees, grow, grow_whole
from training.fit_logistic import FittedLine, fit_logistic
from training.judge import row_losses
from training.part import Part
from training.split import Rows
from training.tune import Budget

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Progress = Callable[[str, float], None]

#: The share of bootstrap draws in which a rung must be better than the one below. That there is anything to tell
#: people by is a claim that needs more proof; of two models that both tell, the likely better one is taken.
SURE = {"logistic": 0.75, "lightgbm": 0.6}
#: Where a sample compares them, a tie goes to the trees: they will learn from all rows, to which a line is blind.
_SURE_OF_SAMPLE = {**SURE, "lightgbm": 0.4}
#: With fewer rows of the rarer class than this, chance is quick to flatter: any rung needs this much.
_FEW, _SURE_OF_FEW = 100, 0.9
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
    needed: float

    @property
    def taken(self) -> bool:
        """Whether that is proof enough."""
        return self.surely >= self.needed


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


def climb(part: Part, seed: int, budget: Budget | None = None, progress: Progress | None = None) -> Fitted:
    """Fits every rung on the training part and returns the highest that is proven.

    Of very many rows an even sample chooses the rung and its settings. Trees then learn from all; to a line more
    rows than the sample's teach nothing new.
    """
    sample, rate = part.evenly(), float(part.converted.mean())
    base = base_rate_rung(rate, part.matrix.shape[1])
    flat = base.margins(part.matrix)
    of_base = Fitted(base, {}, 0, flat, float(row_losses(part.converted, inverse_logit(flat)).mean()))
    if part.matrix.shape[1] == 0:
        return of_base
    trees, line = choose_trees(sample, seed, budget, progress, sample is not part), fit_logistic(sample, seed)
    late, margins, judged_on = _compared(sample, trees, line, seed)
    losses = {name: row_losses(sample.converted[late], inverse_logit(of)) for name, of in margins.items()}
    few = sample.both(np.arange(len(sample))) < _FEW
    sure = {name: max(of, _SURE_OF_FEW * few) for name, of in (SURE if sample is part else _SURE_OF_SAMPLE).items()}
    steps, reached = _steps(losses, sample.groups[late], seed, sure)
    if progress:
        progress(f"fitting the rung that was reached: {reached}", 1.0)
    if reached == "lightgbm":
        found = _of_trees(part, sample, trees, seed)
    elif reached == "logistic":
        out_of_fold = line.out_of_fold if sample is part else line.rung.margins(part.matrix)
        found = Fitted(line.rung, {"C": line.strength}, 0, out_of_fold, line.cv_log_loss)
    else:
        found = of_base
    return replace(found, tried=trees.tried, ladder=steps, judged_on=judged_on)


def _of_trees(part: Part, sample: Part, chosen: ChosenTrees, seed: int) -> Fitted:
    booster, chosen = (grow(part, chosen, seed), chosen) if sample is part else grow_whole(part, sample, chosen, seed)
    return Fitted(booster, chosen.settings, chosen.trees, chosen.out_of_fold, chosen.cv_log_loss)


def _compared(part: Part, trees: ChosenTrees, line: FittedLine, seed: int) -> tuple[Rows, dict[str, Floats], str]:
    """The rows to compare the rungs on, each rung's log-odds there, and what rows these are."""
    early, late = part.early_and_late(_LATEST)
    if len(early) >= _FAIR * len(part) and min(part.both(early), part.both(late)) >= _LEAST:
        before, after = part.take(early), part.matrix[late]
        early_line = fit_logistic(before, seed, (line.strength,))
        log_odds = {
            "base rate": np.full(len(late), _logit(before.converted.mean())),
            "logistic": _calibrated(early_line.out_of_fold, before.converted, early_line.rung.margins(after)),
            "lightgbm": grow(before, trees, seed).margins(after),
        }
        return late, log_odds, "the latest training rows, one horizon after those it was fitted on"
    log_odds = {
        "base rate": np.full(len(part), _logit(part.converted.mean())),
        "logistic": _calibrated(line.out_of_fold, part.converted, line.out_of_fold),
        "lightgbm": _calibrated(trees.out_of_fold, part.converted, trees.out_of_fold),
    }
    return np.arange(len(part)), log_odds, "out-of-fold margins, since history is short"


def _steps(
    losses: dict[str, Floats], groups: Rows, seed: int, sure: dict[str, float]
) -> tuple[tuple[Step, ...], str]:
    """Each rung against the highest proven one below it, and the rung reached; `sure`: the draws that each needs."""
    steps: list[Step] = []
    reached, *higher = losses
    for name in higher:
        gain = losses[reached] - losses[name]
        surely = float(np.mean([np.sum(times * gain) > 0 for times in drawn(groups, seed, _DRAWS)]))
        steps.append(
            Step(name, reached, float(losses[name].mean()), float(losses[reached].mean()), surely, sure[name])
        )
        reached = name if steps[-1].taken else reached
    return tuple(steps), reached


def _calibrated(fitted_on: Floats, converted: Bools, margins: Floats) -> Floats:
    return fit_affine(fitted_on, converted).log_odds(margins)


def _logit(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))

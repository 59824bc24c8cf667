"""The figures of each contender on the test part, with bootstrap standard errors, and whether the targets hold.

Draws are of whole accounts, as in the report of a training. What is paired is measured on the same draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.features.measuring import table
from training.draws import drawn
from training.judge import average_precision, calibration_error, log_loss, roc_auc, row_losses

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DRAWS = 200
#: The calibration error that a steady base rate allows.
ECE = 0.02


@dataclass(frozen=True)
class Answer:
    """Someone's probabilities for the test part, (rows,), and the seconds it took to learn them."""

    probability: Floats
    seconds: float | None = None


@dataclass(frozen=True)
class Tested:
    """The test part: outcomes and accounts, (rows,) each."""

    converted: Bools
    groups: npt.NDArray[np.int64]

    def standard_error(self, values: Floats) -> float:
        """Of the mean of the rows' values, (rows,); the draws are the same in every call."""
        draws = drawn(self.groups, 0, DRAWS)
        return float(np.std([np.average(values, weights=times) for times in draws]))

    def chance(self, probability: Floats) -> float:
        """The calibration error that chance leaves: these probabilities' own, were each the very truth."""
        generator = np.random.default_rng(0)
        drawn = (generator.random(len(probability)) < probability for _ in range(DRAWS))
        return float(np.mean([calibration_error(one, probability) for one in drawn]))

    def paired(self, one: Floats, other: Floats) -> tuple[float, float]:
        """By how much one's log loss is above the other's, and the standard error of that."""
        gap = row_losses(self.converted, one) - row_losses(self.converted, other)
        return float(gap.mean()), self.standard_error(gap)


def told(tested: Tested, answers: Mapping[str, Answer]) -> str:
    """A line for each contender."""
    converted = tested.converted
    body = []
    for name, answer in answers.items():
        p = answer.probability
        error = tested.standard_error(row_losses(converted, p))
        figures = [roc_auc(converted, p), average_precision(converted, p), log_loss(converted, p), error]
        seconds = "" if answer.seconds is None else f"{answer.seconds:.1f}"
        body.append([name, *(f"{one:.4f}" for one in figures), f"{calibration_error(converted, p):.4f}", seconds])
    return table(["", "ROC AUC", "average precision", "log loss", "± s.e.", "ECE", "seconds"], body)


@dataclass(frozen=True)
class Target:
    """What was asked, what was measured, and whether it holds."""

    holds: bool
    text: str

    def __str__(self) -> str:
        return f"{'holds ' if self.holds else 'MISSED'} {self.text}"


def targets(
    tested: Tested, mine: Floats, uncorrected: Floats, peers: Mapping[str, Floats], auc: float | None, drifts: bool
) -> Sequence[Target]:
    """The targets of a table.

    Args:
        mine, uncorrected: (rows,) mqm's probabilities, with and without its recent-base-rate correction.
        auc: the ROC AUC to reach. drifts: whether the base rate moves; then half the uncorrected error is asked.
    """
    converted, found = tested.converted, []
    if auc is not None:
        mine_auc = roc_auc(converted, mine)
        found.append(Target(mine_auc >= auc, f"ROC AUC {mine_auc:.4f}, asked {auc}"))
    if peers:
        best = min(peers, key=lambda name: log_loss(converted, peers[name]))
        gap, error = tested.paired(mine, peers[best])
        text = f"log loss {gap:+.4f} beside the best peer's ({best}), paired s.e. {error:.4f}"
        found.append(Target(gap <= error, text))
    ece, without = calibration_error(converted, mine), calibration_error(converted, uncorrected)
    asked = without / 2 if drifts else ECE
    text = (
        f"ECE {ece:.4f} (uncorrected {without:.4f}; chance alone leaves {tested.chance(mine):.4f}), asked {asked:.4f}"
    )
    return [*found, Target(ece <= asked, text)]

"""The bootstrap: draws of whole accounts with replacement, as how often each row is taken.

No row is copied. All of a draw's metrics come from rows that were sorted once, by weighted sums: what
`training.judge` says of the rows repeated so often, in a quarter of its time and in the memory of a few columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibration import inverse_logit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_NAN = float("nan")
#: Log-odds that vary less than this, squared, cannot be told to have a slope.
_FLAT = 1e-18
#: Newton's error is about the square of the last step.
_CLOSE = 1e-5


def drawn(groups: Ints, seed: int, draws: int) -> Iterator[Ints]:
    """(rows,) how often each draw takes each row: accounts with replacement, all their rows."""
    found, place = np.unique(groups, return_inverse=True)
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(generator.integers(0, len(found), len(found)), minlength=len(found))[place]


@dataclass(frozen=True)
class Sorted:
    """Outcomes and probabilities, ascending by probability.

    Attributes:
        order: (rows,) the rows in that order. converted, probability, log_odds: (rows,) of them.
        losses: (rows,) negative log-likelihoods.
        last_of_tie: where each run of equal probabilities ends.
        line: slope and intercept of the calibration line of all rows, where the draws' search begins.
    """

    order: Ints
    converted: Floats
    probability: Floats
    log_odds: Floats
    losses: Floats
    last_of_tie: Ints
    line: tuple[float, float]

    @staticmethod
    def of(converted: Bools, probability: Floats, losses: Floats, line: tuple[float, float]) -> Sorted:
        """Sorts once; rows with equal probabilities stay in their order."""
        order = np.argsort(probability, kind="stable")
        p = probability[order]
        held = np.clip(p, 1e-9, 1 - 1e-9)
        ends = np.flatnonzero(np.append(np.diff(p) != 0, True))
        log_odds = np.log(held / (1 - held))
        return Sorted(order, converted[order].astype(np.float64), p, log_odds, losses[order], ends, line)

    def metrics(self, times: Ints) -> dict[str, float]:
        """All metrics of `training.judge.METRICS` of the rows, each taken so many times.

        Args:
            times: (rows,) in the rows' own order, not the sorted one.
        """
        weight = times[self.order].astype(np.float64)
        yes = weight * self.converted
        rows, all_yes = np.concatenate([[0.0], np.cumsum(weight)]), np.concatenate([[0.0], np.cumsum(yes)])
        slope, intercept = self._line(weight)
        return {
            "log_loss": float(weight @ self.losses) / rows[-1],
            "brier": float(weight @ (self.probability - self.converted) ** 2) / rows[-1],
            "roc_auc": self._roc_auc(rows, all_yes),
            "average_precision": self._average_precision(rows, all_yes),
            "lift_at_10pct": self._lift(rows, all_yes),
            "calibration_error": self._calibration_error(weight, rows, all_yes),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
        }

    def _roc_auc(self, rows: Floats, yes: Floats) -> float:
        all_yes, no = yes[-1], rows[-1] - yes[-1]
        if not all_yes or not no:
            return _NAN
        hits = np.diff(yes[self.last_of_tie + 1], prepend=0.0)
        misses = np.diff((rows - yes)[self.last_of_tie + 1], prepend=0.0)
        below = np.cumsum(misses) - misses
        return float(hits @ (below + misses / 2) / (all_yes * no))

    def _average_precision(self, rows: Floats, yes: Floats) -> float:
        if not yes[-1]:
            return _NAN
        begins = np.concatenate([[0], self.last_of_tie[:-1] + 1])  # a threshold takes a whole run of ties
        hits, taken = (yes[-1] - yes[begins])[::-1], (rows[-1] - rows[begins])[::-1]
        precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
        return float(np.sum(np.diff(hits, prepend=0.0) * precision) / yes[-1])

    def _lift(self, rows: Floats, yes: Floats, share: float = 0.1) -> float:
        if not yes[-1]:
            return _NAN
        top = max(1.0, share * rows[-1])
        edge = int(np.searchsorted(rows, rows[-1] - np.ceil(top), side="right")) - 1  # holds the last one at the top
        end = int(self.last_of_tie[np.searchsorted(self.last_of_tie, edge)]) + 1
        begin = int(np.searchsorted(self.probability, self.probability[edge]))
        above, at = rows[-1] - rows[end], rows[end] - rows[begin]
        hits = yes[-1] - yes[end] + (yes[end] - yes[begin]) / at * (top - above)
        return float(hits / top / (yes[-1] / rows[-1]))

    def _calibration_error(self, weight: Floats, rows: Floats, yes: Floats, bins: int = 10) -> float:
        """Where a bin's edge falls among repeats of one row, it is cut between them."""
        total = int(rows[-1])
        sizes = np.full(min(bins, total), total // min(bins, total))
        sizes[: total % len(sizes)] += 1
        edges = np.concatenate([[0], np.cumsum(sizes)])
        promised = np.concatenate([[0.0], np.cumsum(weight * self.probability)])
        gaps = np.diff(np.interp(edges, rows, promised)) - np.diff(np.interp(edges, rows, yes))
        return float(np.abs(gaps).sum() / total)

    def _line(self, weight: Floats) -> tuple[float, float]:
        x, y, total, yes = self.log_odds, self.converted, weight.sum(), weight @ self.converted
        mean = weight @ x / total
        if weight @ (x - mean) ** 2 / total < _FLAT or yes in (0, total):
            return _NAN, _NAN
        slope, intercept = self.line if np.isfinite(self.line).all() else (1.0, 0.0)
        for _ in range(50):
            q = inverse_logit(slope * x + intercept)
            bend, miss = weight * q * (1 - q), weight * (q - y)
            hessian = np.array([[bend @ (x * x) + 1e-9, bend @ x], [bend @ x, bend.sum() + 1e-9]])
            step = np.linalg.solve(hessian, np.array([miss @ x, miss.sum()]))
            shorter = min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
            slope, intercept = slope - shorter * float(step[0]), intercept - shorter * float(step[1])
            if np.abs(step).max() < _CLOSE:
                break
        return slope, intercept

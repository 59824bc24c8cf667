"""Judging probabilities against what came true, with bootstrap intervals by account.

Metrics are those the field uses: log loss, Brier, ROC-AUC, PR-AUC, lift@10 %, calibration error (expected
calibration error over ten bins of equal size), calibration slope and intercept (Cox 1958).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.spread import spread
from models.calibration import inverse_logit
from training.draws import Sorted, drawn

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SMALLEST = 1e-12


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def log_loss(converted: Bools, probability: Floats) -> float:
    """Mean negative log-likelihood, in nats a row."""
    return float(row_losses(converted, probability).mean())


def row_losses(converted: Bools, probability: Floats) -> Floats:
    """(rows,) each row's negative log-likelihood, in nats."""
    p = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return -np.where(converted, np.log(p), np.log1p(-p))


def brier(converted: Bools, probability: Floats) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((probability - converted) ** 2))


def roc_auc(converted: Bools, probability: Floats) -> float:
    """The chance that a row that converted is ranked above one that did not; NaN with one class only."""
    from scipy.stats import rankdata

    yes = int(converted.sum())
    no = len(converted) - yes
    if not yes or not no:
        return float("nan")
    ranks = rankdata(probability)
    return float((ranks[converted].sum() - yes * (yes + 1) / 2) / (yes * no))


def average_precision(converted: Bools, probability: Floats) -> float:
    """The area under the precision-recall curve, as average precision; ties share one threshold."""
    if not converted.any():
        return float("nan")
    order = np.argsort(-probability, kind="stable")
    last_of_tie = np.append(np.diff(probability[order]) != 0, True)
    hits = np.cumsum(converted[order])[last_of_tie]
    precision = hits / (np.flatnonzero(last_of_tie) + 1)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / hits[-1])


def lift_at(converted: Bools, probability: Floats, share: float = 0.1) -> float:
    """How many times the base rate converts in the top share; ties are counted in proportion."""
    rate = converted.mean()
    if rate == 0:
        return float("nan")
    top = max(1.0, share * len(converted))
    threshold = np.sort(probability)[::-1][int(np.ceil(top)) - 1]
    above, at = probability > threshold, probability == threshold
    hits = converted[above].sum() + converted[at].mean() * (top - above.sum())
    return float(hits / top / rate)


def calibration_error(converted: Bools, probability: Floats, bins: int = 10) -> float:
    """Expected calibration error: mean |predicted - actual| over bins of equal size, weighted by their size."""
    parts = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(probability)))
    return float(
        sum(len(part) * abs(probability[part].mean() - converted[part].mean()) for part in parts) / len(probability)
    )


def calibration_line(converted: Bools, probability: Floats) -> tuple[float, float]:
    """(slope, intercept) of a logistic regression of the outcome on the log-odds; (1, 0) is perfect."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    x = np.log(p / (1 - p))
    if x.std() < 1e-9 or converted.all() or not converted.any():
        return float("nan"), float("nan")
    design, theta = np.column_stack([x, np.ones_like(x)]), np.array([1.0, 0.0])
    for _ in range(50):
        q = inverse_logit(design @ theta)
        hessian = (design * (q * (1 - q))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (q - converted))
        theta = theta - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    return float(theta[0]), float(theta[1])


METRICS: dict[str, Callable[[Bools, Floats], float]] = {
    "log_loss": log_loss,
    "brier": brier,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "lift_at_10pct": lift_at,
    "calibration_error": calibration_error,
    "calibration_slope": lambda y, p: calibration_line(y, p)[0],
    "calibration_intercept": lambda y, p: calibration_line(y, p)[1],
}


def judge(
    converted: Bools, probability: Floats, groups: npt.NDArray[np.int64], seed: int, draws: int = 200
) -> dict[str, Interval]:
    """Every metric with its 95 % interval from a bootstrap that draws whole accounts."""
    (judged,) = judge_each(converted, [probability], groups, seed, draws)
    return judged


def judge_each(
    converted: Bools, contenders: Sequence[Floats], groups: npt.NDArray[np.int64], seed: int, draws: int = 200
) -> list[dict[str, Interval]]:
    """As `judge`, for several (rows,) probabilities of the same rows: each draw of the bootstrap serves all."""
    from threadpoolctl import threadpool_limits

    figures = [{name: metric(converted, one) for name, metric in METRICS.items()} for one in contenders]
    tables = [
        Sorted.of(converted, one, row_losses(converted, one), (of["calibration_slope"], of["calibration_intercept"]))
        for one, of in zip(contenders, figures, strict=True)
    ]
    with threadpool_limits(1):  # the order of sums, and with it the bits, must not depend on the cores
        work = spread(lambda times: [table.metrics(times) for table in tables], drawn(groups, seed, draws), threads=2)
        sampled = list(zip(*work, strict=True))
    return [
        {name: _interval(value, np.array([one[name] for one in some])) for name, value in of.items()}
        for of, some in zip(figures, sampled, strict=True)
    ]


def _interval(value: float, sampled: Floats) -> Interval:
    low, high = np.nanpercentile(sampled, [2.5, 97.5]) if np.isfinite(sampled).any() else (np.nan, np.nan)
    return Interval(value, float(low), float(high))

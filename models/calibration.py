"""Calibration: an affine map of the margin in log-odds (Platt 1999), so that reasons stay exactly additive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: The map is drawn to the identity as if by so many rows of evidence: with few positives a free slope is noise.
_PRIOR_SLOPE_SD = 0.5
_PRIOR_INTERCEPT_SD = 2.0


@dataclass(frozen=True)
class Affine:
    """log_odds = intercept + slope × margin."""

    slope: float = 1.0
    intercept: float = 0.0

    def log_odds(self, margin: Floats) -> Floats:
        """(rows,) margins → calibrated log-odds."""
        return self.intercept + self.slope * margin


def fit_affine(margin: Floats, converted: npt.NDArray[np.bool_], weight: Floats | None = None) -> Affine:
    """The map that makes the log loss of these rows smallest, with a weak pull towards the identity.

    The pull is a normal prior on slope (sd 0.5 about 1) and intercept (sd 2 about 0). Newton's method; the
    problem is convex. The slope stays above 0.05, since a calibration must not turn the ranking round.
    """
    y = converted.astype(np.float64)
    w = np.ones_like(y) if weight is None else weight
    theta = np.array([1.0, 0.0])
    centre = np.array([1.0, 0.0])
    precision = np.array([1.0 / _PRIOR_SLOPE_SD**2, 1.0 / _PRIOR_INTERCEPT_SD**2])
    design = np.column_stack([margin, np.ones_like(margin)])
    for _ in range(100):
        p = inverse_logit(design @ theta)
        gradient = design.T @ (w * (p - y)) + precision * (theta - centre)
        hessian = (design * (w * p * (1.0 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        size = float(np.max(np.abs(step)))
        theta = theta - step * min(1.0, 2.0 / max(size, 1e-300))
        if size < 1e-12:
            break
    return Affine(float(max(theta[0], 0.05)), float(theta[1]))


def inverse_logit(log_odds: Floats) -> Floats:
    """Probabilities of log-odds, without overflow."""
    positive = 1.0 / (1.0 + np.exp(-np.abs(log_odds)))
    return np.where(log_odds >= 0, positive, 1.0 - positive)

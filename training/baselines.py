"""The baselines of every report: the base rate, and the rule of thumb "whoever did something last comes first"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.feature_set import FeatureSet
from models.calibration import fit_affine, inverse_logit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def base_rate(converted: Bools, rows: int) -> Floats:
    """(rows,) the share that converted among the rows known before."""
    return np.full(rows, converted.mean())


def recency_rule(features: FeatureSet, known: Floats, converted: Bools, asked: Floats) -> Floats | None:
    """(rows,) a probability from the days since the last event alone; None without such a column.

    Args:
        known: (rows, features) rows to fit on, with their outcome; asked: rows to answer for.
    """
    if "any_event_recency" not in features.names:
        return None
    column = features.names.index("any_event_recency")
    rate = float(np.clip(converted.mean(), 1e-6, 1 - 1e-6))
    far = np.nanmax(known[:, column], initial=1.0)

    def freshness(matrix: Floats) -> Floats:
        return -np.log1p(np.nan_to_num(matrix[:, column], nan=far))

    centre = float(np.mean(freshness(known)))
    offset = np.log(rate / (1 - rate))
    line = fit_affine(offset + freshness(known) - centre, converted)
    return inverse_logit(line.log_odds(offset + freshness(asked) - centre))

"""The baselines of every report: the base rate, and the rule of thumb "whoever did something last comes first"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.calibration import fit_affine, inverse_logit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def base_rate(converted: Bools, rows: int) -> Floats:
    """(rows,) the share that converted among the rows known before."""
    return np.full(rows, converted.mean())


def recency_rule(known: Floats, converted: Bools, asked: Floats) -> Floats:
    """(rows,) a probability from the days since the last event alone.

    Args:
        known: (rows,) days since the last event, NaN where there was none, of the rows to fit on, with their outcome.
        asked: (rows,) the same for the rows to answer for.
    """
    rate = float(np.clip(converted.mean(), 1e-6, 1 - 1e-6))
    far = np.nanmax(known, initial=1.0)

    def freshness(days: Floats) -> Floats:
        return -np.log1p(np.nan_to_num(days, nan=far))

    centre = float(np.mean(freshness(known)))
    offset = np.log(rate / (1 - rate))
    line = fit_affine(offset + freshness(known) - centre, converted)
    return inverse_logit(line.log_odds(offset + freshness(asked) - centre))

"""The baselines of every report: the base rate, the rule of thumb "whoever did something last comes first", and
a naive Bayes over attributes (the method of Odoo's predictive lead scoring)."""

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


#: Every count of the naive Bayes starts here, so that a value never seen is unlikely, not impossible.
_SMOOTHING = 0.1


def naive_bayes(known: Floats, converted: Bools, asked: Floats) -> Floats:
    """(rows,) P(converted) × Π P(value | converted), over both outcomes; a missing value says nothing.

    Args:
        known: (rows, attributes) places in lists of categories, NaN where missing, of the rows to count, with
            their outcome. asked: the same for the rows to answer for.
    """
    log_odds = np.full(len(asked), np.log(max(converted.sum(), 0.5) / max((~converted).sum(), 0.5)))
    for column in range(known.shape[1]):
        seen = ~np.isnan(known[:, column])
        places = int(np.nanmax([known[:, column].max(initial=0, where=seen), 0])) + 2
        counts = np.full((2, places), _SMOOTHING)
        np.add.at(counts, (converted[seen].astype(int), known[seen, column].astype(int)), 1.0)
        shares = np.log(counts / counts.sum(axis=1, keepdims=True))
        here = ~np.isnan(asked[:, column])
        place = np.minimum(asked[here, column], places - 1).astype(int)
        log_odds[here] += shares[1, place] - shares[0, place]
    return inverse_logit(log_odds)

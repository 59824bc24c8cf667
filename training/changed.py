"""Since when the world is another: the time at which a model's promises begin to fit otherwise.

Two calibration lines, one before and one after, are held against a single one (a likelihood ratio over some twenty
times). Rows of one contact come true together, so the ratio is divided by the rows that a contact has on average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.calibration import inverse_logit
from training.judge import calibration_line, row_losses
from training.label_times import LabelTimes

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: What the ratio must reach: by chance alone the best of twenty times, two lines apart, comes to about 6.
_RATIO = 15.0
_TIMES = 20
#: Each side needs so many rows of the rarer class.
_LEAST = 30


def changed_at(log_odds: Floats, rows: LabelTimes) -> int | None:
    """The cutoff (microseconds UTC) since which the log-odds (rows,) fit otherwise; None where they do not."""
    if len(rows) < 4 * _LEAST:
        return None
    each = len(rows) / len(np.unique(rows.contact))
    whole = _loss(log_odds, rows.converted)
    best: tuple[float, int | None] = (_RATIO, None)
    for place in np.linspace(0, len(rows), _TIMES + 2).astype(int)[1:-1]:
        before, after = slice(0, place), slice(place, len(rows))
        if min(_rarer(rows.converted[before]), _rarer(rows.converted[after])) < _LEAST:
            continue
        apart = _loss(log_odds[before], rows.converted[before]) + _loss(log_odds[after], rows.converted[after])
        ratio = 2 * (whole - apart) / each
        if ratio > best[0]:
            best = ratio, int(rows.cutoff[place])
    return best[1]


def _loss(log_odds: Floats, converted: Bools) -> float:
    slope, intercept = calibration_line(converted, inverse_logit(log_odds))
    if slope != slope:  # everyone is promised the same, or came to the same
        return float(row_losses(converted, np.full(len(converted), converted.mean())).sum())
    return float(row_losses(converted, inverse_logit(intercept + slope * log_odds)).sum())


def _rarer(converted: Bools) -> int:
    yes = int(converted.sum())
    return min(yes, len(converted) - yes)

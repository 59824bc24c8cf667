"""The recent base rate: a shift of the intercept that follows what has come true lately, measured before it is used.

A model calibrated months ago promises the rate of months ago. At any time the outcomes of the latest mature rows
are known; the shift makes their mean probability their frequency (an intercept, drawn to zero). It moves every
score alike, so reasons stay exact. Whether, and over how many rows, is chosen on what was known before the test part
begins: on the later half of it, beside the level that the earlier half had, since the calibration's own intercept may
have been fitted on these rows. The test part is judged with the shift as it would have been on each day, beside no
shift at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.calibration import inverse_logit
from training.judge import row_losses

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: So many of the latest mature rows are looked at; the choice is among these and none.
WINDOWS = (250, 1_000, 4_000)
#: The shift is drawn to zero as by a normal prior of this width (in log-odds).
_PRIOR_SD = 1.0
#: A shift is held for a share of the time, as a nightly job would.
_STEPS = 100
#: Choosing needs so many rows, and so many that converted.
_LEAST_ROWS, _LEAST_CONVERTED = 500, 50


@dataclass(frozen=True)
class Recent:
    """The correction that was chosen.

    Attributes:
        window: how many of the latest mature rows it looks at; 0: there is no correction.
        log_losses: on the rows it was chosen on, at the earlier half's level (0) and with each window.
        shifts: (rows,) in log-odds, as it would have been at each row's cutoff. now: as it is at as_of.
    """

    window: int
    log_losses: dict[int, float]
    shifts: Floats
    now: float


def recent_rate(log_odds: Floats, converted: Bools, cutoff: Ints, horizon: int, known_by: int, as_of: int) -> Recent:
    """Chooses the window on rows mature by `known_by` and rolls it over all rows.

    Args:
        log_odds: (rows,) calibrated, of rows in the order of their cutoffs, none of which was fitted on.
        known_by, as_of: microseconds UTC.
    """
    nothing = np.zeros(len(cutoff))
    before = np.flatnonzero(cutoff + horizon <= known_by)
    chosen_on = before[len(before) // 2 :]
    enough = (
        len(chosen_on) >= _LEAST_ROWS
        and min(converted[chosen_on].sum(), (~converted[chosen_on]).sum()) >= _LEAST_CONVERTED
    )
    if not enough:
        return Recent(0, {}, nothing, 0.0)
    rolled = {window: roll(log_odds, converted, cutoff, horizon, window) for window in WINDOWS}
    earlier = before[: len(before) // 2]
    held = shift(log_odds[earlier], converted[earlier])
    losses = {
        window: row_losses(converted[chosen_on], inverse_logit((log_odds + shifts)[chosen_on]))
        for window, shifts in {0: nothing + held, **rolled}.items()
    }
    best = min(WINDOWS, key=lambda window: float(losses[window].mean()))
    gain = losses[0] - losses[best]
    told = {window: float(of.mean()) for window, of in losses.items()}
    if gain.mean() <= gain.std() / np.sqrt(len(gain)):
        return Recent(0, told, nothing, 0.0)
    mature = np.flatnonzero(cutoff + horizon <= as_of)[-best:]
    return Recent(best, told, rolled[best], shift(log_odds[mature], converted[mature]))


def roll(log_odds: Floats, converted: Bools, cutoff: Ints, horizon: int, window: int) -> Floats:
    """(rows,) the shift known at each row's cutoff, from the latest rows that were mature by then."""
    shifts = np.zeros(len(cutoff))
    edges = np.unique(np.linspace(0, len(cutoff), _STEPS + 1).astype(int))
    for begin, end in pairwise(edges):
        mature = int(np.searchsorted(cutoff + horizon, cutoff[begin], "right"))
        some = slice(max(0, mature - window), mature)
        shifts[begin:end] = shift(log_odds[some], converted[some])
    return shifts


def shift(log_odds: Floats, converted: Bools) -> float:
    """The intercept that makes mean probability meet frequency, drawn to zero; Newton's method."""
    theta, precision = 0.0, 1.0 / _PRIOR_SD**2
    for _ in range(50):
        p = inverse_logit(log_odds + theta)
        step = (float((p - converted).sum()) + precision * theta) / (float((p * (1 - p)).sum()) + precision)
        theta -= max(-2.0, min(2.0, step))
        if abs(step) < 1e-12:
            break
    return theta

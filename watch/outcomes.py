"""Looks at what came true: promises beside outcomes, as soon as outcomes can tell.

A row is mature a horizon after its cutoff; until then it tells how much it should have told by its age: conversions
come over the horizon in a known course (of the rows before), so promises times that course are what should have come
so far. Whole accounts are taken as independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.arrays import MISSING, LogArrays
from models.calibration import inverse_logit
from models.propensity import PropensityModel
from training.judge import calibration_line, lift_at, row_losses
from training.label_times import LabelTimes, first_goal, label_times
from training.split import group_of
from watch.looked import Looked
from watch.windows import Windows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: So many standard errors from what chance does; there are few looks at outcomes, and each counts.
_SURE = 4.0
#: The first week after a change has little to show: it is heard sooner, and still once in some forty years at most.
_SURE_SOON = 3.5
#: What matters: so many times as many conversions as promised among the latest; among the mature; a loss so much
#: above what true promises would lose; a calibration slope below this; a lift so much below.
_TIMES, _TIMES_MATURE, _EXCESS, _SLOPE, _LIFT = 1.4, 1.3, 0.03, 0.8, 0.75
_LEAST = 20
_DRAWS = 400
#: So many windows of mature rows are looked at together.
_TOGETHER = 4


@dataclass(frozen=True)
class Promised:
    """Rows with what was promised and what has come so far: (rows,) each.

    Attributes:
        after: microseconds from the cutoff to the conversion, -1 for none yet. mature: whether the horizon passed.
    """

    rows: LabelTimes
    probability: Floats
    after: Ints
    mature: Bools
    groups: Ints

    def take(self, some: Ints) -> Promised:
        """Some of them."""
        return Promised(
            self.rows.take(some), self.probability[some], self.after[some], self.mature[some], self.groups[some]
        )


def every_row(arrays: LogArrays, model: PropensityModel, as_of: int) -> LabelTimes:
    """Label times as known at `as_of` (microseconds UTC), mature or not; those that are not hold no outcome."""
    conversion = model.conversion
    return label_times(arrays, replace(conversion, horizon=1), as_of, conversion.since)


def promised(
    arrays: LogArrays, rows: LabelTimes, probability: Floats, model: PropensityModel, as_of: int
) -> Promised:
    """What came of promises, as known at `as_of`."""
    horizon = model.conversion.horizon
    goal = first_goal(arrays, model.conversion, as_of, rows.contact, rows.account, rows.cutoff)
    after = np.where((goal != MISSING) & (goal < rows.cutoff + horizon), goal - rows.cutoff, -1)
    told = replace(rows, conversion=model.conversion, converted=after >= 0)
    return Promised(told, probability, after, rows.cutoff + horizon <= as_of, group_of(rows))


def looks(told: Promised, windows: Windows, usual_lift: float) -> Iterator[Looked]:
    """Promises beside what came.

    Args:
        told: rows that the model has not learnt from. usual_lift: of the model when it was judged; NaN if unknown.
    """
    mature = told.take(np.flatnonzero(told.mature))
    yield from _level(told, mature, windows)
    since = windows.as_of - told.rows.conversion.horizon - _TOGETHER * windows.span
    late = mature.take(np.flatnonzero(mature.rows.cutoff >= since))
    if min(late.rows.converted.sum(), (~late.rows.converted).sum()) < _LEAST:
        return
    week = f"the latest {_TOGETHER} windows of {windows.text}"
    yes, hoped = float(late.rows.converted.sum()), float(late.probability.sum())
    sure = _errors(late.rows.converted - late.probability, late.groups)
    alarm = abs(sure) > _SURE and not 1 / _TIMES_MATURE < yes / hoped < _TIMES_MATURE
    text = f"Of {len(late.rows):,} mature rows of {week} {yes:,.0f} converted, {hoped:,.0f} were promised."
    yield Looked("calibration", "mature rows", yes / hoped, 1.0, sure, alarm, text)
    losses = row_losses(late.rows.converted, late.probability)
    p = late.probability
    fair = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    sure = _errors(losses - fair, late.groups)
    excess = float(losses.mean() / fair.mean() - 1)
    text = f"Log loss of {week} {losses.mean():.4f}; if its promises were true it would be {fair.mean():.4f}."
    yield Looked(
        "decay", "log loss", float(losses.mean()), float(fair.mean()), sure, sure > _SURE and excess > _EXCESS, text
    )
    yield from _slope(late, week)
    yield from _lift(late, usual_lift, week)


def _level(told: Promised, mature: Promised, windows: Windows) -> Iterator[Looked]:
    """Conversions so far of those who came in the latest window, beside what should have come by now.

    Each entry counts once, by its first row. If promises are true, the misses vary as independent conversions do, or
    as much more as those of the mature rows did.
    """
    told, mature = told.take(_first_rows(told)), mature.take(_first_rows(mature))
    latest = told.take(np.flatnonzero(windows.place(told.rows.cutoff) == 0))
    came = np.sort(mature.after[mature.rows.converted])
    if len(came) < _LEAST or not len(latest.rows):
        return
    share = np.searchsorted(came, windows.as_of - latest.rows.cutoff, "left") / len(came)
    hoped, yes = latest.probability * share, latest.after >= 0
    if hoped.sum() < _LEAST / 2:
        return
    chance, p = float(np.sum(hoped * (1 - hoped))), mature.probability
    misses = _sums(mature.rows.converted - p, mature.groups)
    restless = max(1.0, float(np.sum(misses**2) / np.sum(p * (1 - p))))
    sure = float(2 * (np.sqrt(yes.sum()) - np.sqrt(hoped.sum())) / np.sqrt(chance / hoped.sum() * restless))
    times = float(yes.sum() / hoped.sum())
    alarm = abs(sure) > _SURE_SOON and not 1 / _TIMES < times < _TIMES
    text = (
        f"Of {len(latest.rows):,} who came in the latest {windows.text} {yes.sum():,} have converted so far; by "
        f"their age {hoped.sum():,.0f} should have."
    )
    yield Looked("base rate", "conversions so far", times, 1.0, sure, alarm, text)


def _first_rows(told: Promised) -> Ints:
    """The rows that no other of the same contact precedes within a horizon."""
    rows = told.rows
    order = np.lexsort((rows.cutoff, rows.contact))
    contact, cutoff = rows.contact[order], rows.cutoff[order]
    follows = np.zeros(len(order), np.bool_)
    follows[1:] = (contact[1:] == contact[:-1]) & (cutoff[1:] - cutoff[:-1] <= rows.conversion.horizon)
    return np.sort(order[~follows])


def _slope(late: Promised, week: str) -> Iterator[Looked]:
    """The calibration slope: that of a model which no longer tells people apart is 0 (errors robust by account)."""
    p = np.clip(late.probability, 1e-9, 1 - 1e-9)
    x, y = np.log(p / (1 - p)), late.rows.converted
    slope, intercept = calibration_line(y, p)
    if slope != slope:
        return
    design, q = np.column_stack([x, np.ones_like(x)]), inverse_logit(slope * x + intercept)
    bread = np.linalg.inv((design * (q * (1 - q))[:, None]).T @ design)
    scores = np.column_stack([_sums(design[:, k] * (y - q), late.groups) for k in (0, 1)])
    error = float(np.sqrt((bread @ (scores.T @ scores) @ bread)[0, 0]))
    sure = (slope - 1) / max(error, 1e-12)
    text = f"The calibration slope of {week} is {slope:.2f}: 1 is right, 0 tells nobody apart."
    yield Looked("decay", "calibration slope", slope, 1.0, sure, sure < -_SURE and slope < _SLOPE, text)


def _lift(late: Promised, usual: float, week: str) -> Iterator[Looked]:
    if usual != usual:
        return
    lift = lift_at(late.rows.converted, late.probability)
    generator = np.random.default_rng(0)
    found, place = np.unique(late.groups, return_inverse=True)
    order = np.argsort(-late.probability, kind="stable")
    drawn = []
    for _ in range(_DRAWS // 2):
        times = np.bincount(generator.integers(0, len(found), len(found)), minlength=len(found))[place][order]
        yes, rows = times * late.rows.converted[order], np.cumsum(times)
        top = np.searchsorted(rows, 0.1 * rows[-1])
        drawn.append(yes[: top + 1].sum() / max(rows[top], 1) / max(yes.sum() / rows[-1], 1e-9))
    sure = float((lift - usual) / max(np.std(drawn), 1e-9))
    alarm = sure < -_SURE and lift < _LIFT * usual
    text = f"The top tenth of {week} converted {lift:.1f} times as often as everyone; when it was judged {usual:.1f}."
    yield Looked("lift", "top tenth", lift, usual, sure, alarm, text)


def _errors(misses: Floats, groups: Ints) -> float:
    """The sum of misses in standard errors, whole accounts being independent."""
    sums = _sums(misses, groups)
    return float(sums.sum() / max(np.sqrt(np.sum(sums**2)), 1e-12))


def _sums(misses: Floats, groups: Ints) -> Floats:
    """(groups,) the sum of each account's misses."""
    return np.asarray(np.bincount(np.unique(groups, return_inverse=True)[1], misses), np.float64)

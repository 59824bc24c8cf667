"""Looks at what came true: promises beside outcomes, as soon as outcomes can tell.

A row is mature a horizon after its cutoff; until then it tells how much it should have told by its age: conversions
come over the horizon in a known course (of the rows before), so promises times that course are what should have come
so far. What chance alone does is a wild bootstrap by account: each account's misses keep their size and lose their
sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.arrays import MISSING, LogArrays
from models.propensity import PropensityModel
from training.judge import lift_at, row_losses
from training.label_times import LabelTimes, first_goal, label_times
from training.split import group_of
from watch.looked import Looked
from watch.windows import Windows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: So many standard errors from what chance does; there are few looks at outcomes, and each counts.
_SURE = 4.0
#: What matters: so many times as many conversions as promised among the latest; among the mature; a loss so much
#: above what true promises would lose; a lift so much below.
_TIMES, _TIMES_MATURE, _EXCESS, _LIFT = 1.4, 1.2, 0.03, 0.75
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
    told = replace(rows, converted=after >= 0)
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
    yield from _lift(late, usual_lift, week)


def _level(told: Promised, mature: Promised, windows: Windows) -> Iterator[Looked]:
    """Conversions so far of those who came in the latest window, beside what should have come by now."""
    latest = told.take(np.flatnonzero(windows.place(told.rows.cutoff) == 0))
    came = np.sort(mature.after[mature.rows.converted])
    if len(came) < _LEAST or not len(latest.rows):
        return
    age = windows.as_of - latest.rows.cutoff
    share = np.searchsorted(came, age, "left") / len(came)
    hoped, yes = latest.probability * share, latest.after >= 0
    if hoped.sum() < _LEAST / 2:
        return
    sure = float((yes.sum() - hoped.sum()) / max(_spread(yes - hoped, hoped, latest.groups), 1e-9))
    times = float(yes.sum() / hoped.sum())
    alarm = abs(sure) > _SURE and not 1 / _TIMES < times < _TIMES
    text = (
        f"Of {len(latest.rows):,} rows of the latest {windows.text} {yes.sum():,} have converted so far; "
        f"by their age {hoped.sum():,.0f} should have."
    )
    yield Looked("base rate", "conversions so far", times, 1.0, sure, alarm, text)


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
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], misses)
    return float(sums.sum() / max(np.sqrt(np.sum(sums**2)), 1e-12))


def _spread(misses: Floats, hoped: Floats, groups: Ints) -> float:
    """The standard error of a sum that is no smaller than that of as many independent conversions as were hoped."""
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], misses)
    return float(np.sqrt(max(np.sum(sums**2), hoped.sum())))

"""The audit before training: which attributes and event types know the outcome already.

Every field is looked at alone, in four ways: when it was written beside when the outcome came; how well it ranks out
of time, and how much better under a random split; whether one class alone has it or some of its values; and what it
is. What crosses a bound is a suspect and is left out of training, unless it is kept by name. (Kaufman, Rosset and
Perlich 2012, "Leakage in data mining", is the source of the idea; the bounds stand in `audit_rules`.)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from engagement.times import DAY, HOUR, MINUTE, SECOND
from features.arrays import LogArrays
from training import audit_rules as rules
from training.audit_fields import Column, Field, Fields
from training.audit_flow import Period, TypeFlow, arrival, flows, periods
from training.audit_looks import Look, looks_of, together, units_of
from training.audit_power import Power, power
from training.audit_ratio import Ratio, purest, ratio
from training.audit_report import CLEAR, KEPT, NOTED, SUSPECT, Audit, Audited, Evidence, Figures
from training.audit_timing import Outcomes, outcomes_of, written_attribute, written_type
from training.label_times import LabelTimes, label_times

#: One-class values are told where chance explains them with at most this probability (over all values of a field).
_CHANCE, _VALUES = 0.01, 5
#: What is worth a note about the log: the factor between two periods' base rates, the share of a type received more
#: than a day late, and the share that repeats another event.
_DRIFT, _LATE, _REPEATED = 2.0, 0.1, 0.05


@dataclass(frozen=True)
class _View:
    """What all fields are judged on; `near` is what "with the outcome" means, in words. `alpha`, `z`: each limit's
    share of 5 %, and as a number of standard errors."""

    looks: list[Look]
    outcomes: Outcomes
    as_of: int
    near: str
    alpha: float
    z: float


def audit(
    arrays: LogArrays,
    conversion: Conversion,
    settings: FeatureSettings,
    as_of: int,
    keep: Collection[str] = (),
    rows: LabelTimes | None = None,
) -> Audit:
    """Looks at every attribute and event type of the log, also those that `settings` leave out already.

    Args:
        as_of: microseconds UTC; nothing that happened or was received later is used.
        keep: names of attributes and event types that stay, whatever speaks against them.
        rows: the label times, where they are at hand.

    Raises:
        NotEnoughData: nobody in the stage, or no mature row.
    """
    if rows is None:
        rows = label_times(arrays, conversion, as_of, conversion.since)
    looks = looks_of(arrays, rows)
    fields = Fields.of(arrays, together(looks), settings.lookback_days)
    view = _view(arrays, rows, looks, fields.columns)
    outcome = {conversion.goal_type: "goal", **dict.fromkeys(conversion.ends, "end")}
    known = {conversion.start_type, *outcome}
    judged = [_judge(arrays, view, field, field.name in keep, field.name in known) for field in fields]
    order = (SUSPECT, KEPT, NOTED, CLEAR)
    judged.sort(key=lambda one: (order.index(one.verdict), one.kind, -(one.figures.auc or 0.0), one.name))
    unit, moved = units_of(rows), tuple(flows(arrays, as_of))
    over_time = periods(rows, unit)
    return Audit(
        conversion,
        as_of,
        len(rows),
        int(unit.max()) + 1,
        int(rows.converted.sum()),
        tuple(outcome.items()),
        tuple(judged),
        over_time,
        arrival(view.outcomes, conversion.horizon),
        moved,
        tuple(_notes(over_time, moved)),
    )


def _view(arrays: LogArrays, rows: LabelTimes, looks: list[Look], columns: int) -> _View:
    from scipy.stats import norm

    alpha = 0.05 / max(4 * columns * len(looks), 1)  # four limits for each column
    found = outcomes_of(arrays, rows.conversion, rows.as_of)
    near = f"{_moment(found.before)} before to {_moment(found.after)} after"
    return _View(looks, found, rows.as_of, near, alpha, float(norm.isf(alpha)))


def _judge(arrays: LogArrays, view: _View, field: Field, kept: bool, is_stage: bool) -> Audited:
    write = written_attribute if field.kind == "attribute" else written_type
    written = write(arrays, field.name, field.level, view.outcomes, view.as_of)
    evidence: list[Evidence] = []
    if not is_stage:
        evidence += rules.of_timing(field, written, view.near, view.alpha)
    purity = [_ratios(view, look, field) for look in view.looks if look.enough]
    often, present, values, when = max(purity, key=lambda one: one[0], default=(0.0, None, [], ""))
    if present is not None:
        evidence += rules.of_ratio(field, present, values, when, view.alpha)
    ahead, beside = _strongest(view, field)
    evidence += rules.of_power(field, ahead, beside, view.z)
    least = rules.least_auc(beside, view.z) if beside else None
    entry = view.looks[0]
    filled = int(field.present[entry.part].sum())
    evidence += rules.of_nature(field, filled, _order(entry, field.columns[0]), written.undated, least or 0.0)
    figures = Figures(
        written,
        ahead.auc if ahead else None,
        least,
        beside.auc if beside else None,
        often or None,
        _one_class(entry, field.columns[0]) if field.kind == "attribute" else (),
    )
    evidence.sort(key=lambda one: not one.grave)
    return Audited(field.name, field.kind, field.level, figures, tuple(evidence), kept)


def _strongest(view: _View, field: Field) -> tuple[Power | None, Power | None]:
    """Out of time and under a random split, of the column and look that rank best out of time."""
    best: tuple[Power | None, Power | None] = (None, None)
    for look in view.looks:
        for column in field.columns:
            codes, bins = column.codes[look.part], len(column.labels)
            ahead = power(codes, bins, look.converted, look.in_time)
            if ahead and (best[0] is None or ahead.auc > best[0].auc):
                best = ahead, power(codes, bins, look.converted, look.at_random)
    return best


def _ratios(view: _View, look: Look, field: Field) -> tuple[float, Ratio | None, list[tuple[Column, Ratio]], str]:
    """Whether one class has the field at all, the purest values of its columns, the purest first; the largest ratio
    of these comes before them, the look's age after."""
    seen = field.present[look.part]
    present = max((ratio(seen, look.converted, yes, view.alpha) for yes in (True, False)), key=lambda one: one.least)
    values: list[tuple[Column, Ratio]] = []
    for column in field.columns:
        for converters in (True, False):
            codes, bins = column.codes[look.part], len(column.labels)
            found = purest(codes, bins, look.converted, converters, view.alpha)
            values += [(column, found)] if found else []
    values.sort(key=lambda one: -one[1].least)
    return max([present.least, *(one.least for _, one in values)]), present, values, look.when


def _order(look: Look, column: Column) -> float | None:
    """The rank correlation of a number with time; None for texts."""
    from scipy.stats import spearmanr

    if column.numbers is None:
        return None
    numbers = column.numbers[look.part]
    known = ~np.isnan(numbers)
    if known.sum() < 50 or len(np.unique(numbers[known])) < 2:
        return 0.0
    return float(spearmanr(numbers[known], look.rows.cutoff[known]).statistic)


def _one_class(look: Look, column: Column) -> tuple[tuple[str, int, bool], ...]:
    """Values of one class only that chance does not explain, the most frequent first."""
    codes, bins = column.codes[look.part], len(column.labels)
    number, yes = np.bincount(codes, minlength=bins), np.bincount(codes[look.converted], minlength=bins)
    base = look.converted.mean()
    found = []
    for code in np.flatnonzero((number > 0) & ((yes == 0) | (yes == number))).tolist():
        converted = bool(yes[code])
        if (base if converted else 1 - base) ** number[code] * bins <= _CHANCE:
            found.append((column.labels[code], int(number[code]), converted))
    return tuple(sorted(found, key=lambda one: -one[1])[:_VALUES])


def _moment(micros: int) -> str:
    """A short time in words."""
    for name, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        if micros >= length:
            number = f"{micros / length:.3g}"
            return f"{number} {name}" + ("" if number == "1" else "s")
    return "a second"


def _notes(over_time: tuple[Period, ...], moved: tuple[TypeFlow, ...]) -> list[str]:
    """What is odd about the log as a whole."""
    told = []
    enough = [one for one in over_time if one.rows]
    high, low = max(enough, key=lambda one: one.low), min(enough, key=lambda one: one.high)
    if high.low >= _DRIFT * low.high:
        told.append(
            f"the base rate is {low.rate:.1%} in one period and {high.rate:.1%} in another: a random split would "
            f"flatter a model, and its calibration will suffer."
        )
    for flow in moved:
        if flow.broken:
            told.append(f"{flow.type}: {flow.broken}")
        if flow.late >= _LATE:
            told.append(
                f"{flow.type}: {flow.late:.0%} received more than a day after they happened (99% within "
                f"{flow.delay:.3g} days): at a cutoff the newest are not known yet."
            )
        if flow.repeated >= _REPEATED:
            told.append(f"{flow.type}: {flow.repeated:.0%} repeat another event exactly: imported twice?")
    return told

"""The report's tables: the parts of the history, metrics beside baselines, promised beside true, the ladder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engagement.times import format_time
from training.judge import Interval
from training.report_html import Safe, join, table, tag
from training.report_svg import percent
from training.report_words import RUNGS, points
from training.slices import LEAST_ACCOUNTS, LEAST_CONVERTED, LEAST_ROWS, Slice
from training.split import Rows, group_of

if TYPE_CHECKING:
    from training.train import Trained

#: What each metric is called, what it says, and what is best: the lowest, the highest, or nearest to a number.
METRICS: dict[str, tuple[str, str, str | float]] = {
    "log_loss": ("Log loss", "surprise at what came true, in nats; lower is better", "low"),
    "brier": ("Brier score", "mean squared error; lower is better", "low"),
    "roc_auc": ("ROC AUC", "how often a converter is ranked above another; 0.5 is chance", "high"),
    "average_precision": ("PR AUC", "how pure the top of the list is; higher is better", "high"),
    "lift_at_10pct": ("Lift of the top tenth", "times the base rate", "high"),
    "calibration_error": ("Calibration error", "mean gap between promised and true, over tenths", "low"),
    "calibration_slope": ("Calibration slope", "below 1: promises too extreme; above: too timid", 1.0),
    "calibration_intercept": ("Calibration intercept", "at promises of one half; 0 is right", 0.0),
}
#: A table of slices of more attributes than these would be read by nobody; the rest is in report.json.
MOST_ATTRIBUTES = 12


def parts(trained: Trained) -> Safe:
    """Train, calibrate and test: rows, accounts, conversions, time."""
    split, groups = trained.split, group_of(trained.rows)

    def row(name: str, part: Rows) -> list[object]:
        if not len(part):
            return [name, "0", "", "", "", ""]
        yes, cutoff = trained.rows.converted[part], trained.rows.cutoff[part]
        first, last = (format_time(int(cutoff[k]))[:10] for k in (0, -1))
        accounts = len(np.unique(groups[part]))
        return [
            name,
            f"{len(part):,}",
            f"{accounts:,}",
            f"{int(yes.sum()):,}",
            percent(float(yes.mean())),
            first,
            last,
        ]

    head = ["Part", "Rows", "Accounts", "Converted", "Rate", "From", "To"]
    told = (("Train", split.train), ("Calibrate", split.calibrate), ("Test", split.test))
    return table(head, [row(name, part) for name, part in told])


def metrics(trained: Trained) -> Safe:
    """Every metric with its interval, the model beside the baselines; the best of each row stands out."""

    def row(key: str) -> list[object]:
        name, says, best = METRICS[key]
        figures = [one.metrics[key] for one in trained.judged]
        wins = _best([figure.value for figure in figures], best)
        cells = [_figure(figure, best=k == wins) for k, figure in enumerate(figures)]
        return [join([name, tag("small", says)]), *cells]

    names = [one.name[0].upper() + one.name[1:] for one in trained.judged]
    return table(["", *names], [row(key) for key in METRICS])


def promises(slices: Sequence[Slice], head: str) -> Safe:
    """Promised beside true, a row for each slice; for grades and score bands."""
    top = max([*(one.promised for one in slices), *(one.rate for one in slices), 1e-9])
    rows = [
        [one.value, f"{one.rows:,}", percent(one.promised), _true(one), _meter(one.promised, one.rate, top)]
        for one in slices
    ]
    return table([head, "Rows", "Promised", "Came true", "Promised (line), true (bar)"], rows, class_="even")


def slices(found: Sequence[Slice], title: str) -> Safe:
    """One attribute's slices: rates, the gap with its interval, and who is selected; the small ones below."""
    told, few = [one for one in found if one.gap], [one for one in found if not one.gap]
    parts: list[object] = [tag("h3", title)]
    if told:
        head = ["", "Rows", "Promised", "Came true", "Gap, points", "In the top tenth", "Grade A"]
        parts.append(table(head, [_slice(one) for one in told], class_="even seven"))
    if few:
        names = ", ".join(f"{one.value} ({one.rows:,} rows)" for one in few)
        parts.append(tag("p", f"Too few to judge: {names}.", class_="note"))
    return tag("div", *parts)


def slice_notes(found: Sequence[Slice]) -> Safe:
    """How to read the slices: what stands out, and what chance alone would let stand out."""
    judged = [one for one in found if one.gap]
    stray = sum(one.strays for one in judged)
    enough = (
        f"at least {LEAST_ROWS} rows, {LEAST_CONVERTED} conversions promised or seen, and {LEAST_ACCOUNTS} accounts"
    )
    return tag(
        "p",
        f"Judged are slices with {enough}. Of {len(judged)}, {stray} have a gap between promised and true that its "
        f"95% interval does not explain, shown in colour; chance alone would make it about {len(judged) / 20:.0f}. "
        "Selection: the share of the slice that is among the tenth ranked highest of all, and that has the grade A. ",
    )


def ladder(trained: Trained) -> Safe:
    """Which rung beat which, on what, and how surely."""
    if not trained.fitted.ladder:
        return tag("p", "There was no column to learn from: the base rate is all there is.")
    rows = [
        [
            RUNGS.get(step.rung, step.rung),
            RUNGS.get(step.below, "the base rate alone"),
            f"{step.log_loss:.4f}",
            f"{step.log_loss_below:.4f}",
            f"{step.surely:.0%}",
            tag("span", "taken", class_="best") if step.taken else "not taken",
        ]
        for step in trained.fitted.ladder
    ]
    head = ["Rung", "Against", "Log loss", "Of the other", "Better in so many draws", ""]
    return join([tag("p", f"Compared on {trained.fitted.judged_on}."), table(head, rows)])


def _slice(one: Slice) -> list[object]:
    gap: object = ""
    if one.gap:
        class_ = "stray" if one.strays else None
        gap = join(
            [
                tag("span", points(one.gap.value), class_=class_),
                tag("small", f"{points(one.gap.low)} to {points(one.gap.high)}"),
            ]
        )
    chosen = [percent(share) for share in (one.chosen, one.grade_a)]
    return [one.value, f"{one.rows:,}", percent(one.promised), percent(one.rate), gap, *chosen]


def _true(one: Slice) -> Safe:
    told = f"{percent(one.true.low)} to {percent(one.true.high)}" if one.true else ""
    return join([tag("span", percent(one.rate), class_="stray" if one.strays else None), tag("small", told)])


def _meter(promised: float, rate: float, top: float) -> Safe:
    bar, mark = (f"{100 * value / top:.1f}%" for value in (rate, promised))
    return tag("span", tag("i", style=f"width:{bar}"), tag("u", style=f"left:{mark}"), class_="meter")


def _figure(interval: Interval, best: bool) -> Safe:
    if interval.value != interval.value:
        return Safe("–")
    low, value, high = (f"{one:.3f}".replace("-", "−") for one in (interval.low, interval.value, interval.high))
    return join([tag("span", value, class_="best" if best else None), tag("small", f"{low} to {high}")])


def _best(values: list[float], best: str | float) -> int:
    """The place of the best value; -1 where none is known."""
    far = [value if best == "low" else -value if best == "high" else abs(value - float(best)) for value in values]
    known = [one for one in far if one == one]
    return far.index(min(known)) if known else -1

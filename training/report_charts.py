"""The charts of the test part: reliability, gain, lift, precision and recall; and the rate over the whole history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engagement.times import format_time
from training.judge import average_precision
from training.report_html import Safe, tag
from training.report_svg import Chart, percent
from training.slicing import by_tenth

if TYPE_CHECKING:
    from training.slices import Judgeable
    from training.train import Trained

Floats = npt.NDArray[np.float64]

#: A curve has at most so many corners; the history is cut into so many parts.
_CORNERS, _PERIODS = 160, 30
#: A part of the history with fewer rows has no rate worth drawing.
_LEAST_ROWS = 20


def reliability(test: Judgeable) -> Safe:
    """Tenths of the rows: promised against true."""
    tenths = by_tenth(test)
    highs = [one.true.high for one in tenths if one.true] + [one.promised for one in tenths]
    top = min(1.0, max(highs) * 1.08 or 1.0)
    chart = Chart((0, top), (0, top))
    chart.axes("promised", "came true", percent, percent)
    chart.path([(0, 0), (top, top)], "faint")
    for one in tenths:
        if one.true:
            chart.path([(one.promised, one.true.low), (one.promised, min(top, one.true.high))], "line")
        told = f"promised {percent(one.promised)}, came true {percent(one.rate)} of {one.rows:,} rows"
        chart.dot(one.promised, one.rate, told)
    return _figure(
        "Promises and what came of them",
        chart.svg("Reliability diagram: promised probability against the share that converted"),
        "Each dot is a tenth of the test rows, with its 95% interval. On the dashed line promises come true.",
    )


def gain(test: Judgeable) -> Safe:
    """How many of those who convert are in the share of rows ranked highest."""
    share, caught = gain_curve(test)
    chart = Chart((0, 1), (0, 1))
    chart.axes("share of the list worked, best first", "share of converters reached", percent, percent)
    chart.path([(0, 0), (1, 1)], "faint")
    chart.path(_corners(share, caught), "line")
    for at in (0.1, 0.2, 0.5):
        reached = float(np.interp(at, share, caught))
        chart.dot(at, reached)
        chart.label(at + 0.025, reached - 0.055, percent(reached), class_="strong")
    return _figure(
        "Who is reached by working from the top (gain)",
        chart.svg("Gain curve"),
        "Dots: the top 10%, 20% and 50% of the list. Dashed: a list in random order.",
    )


def lift(test: Judgeable) -> Safe:
    """How many times the base rate each tenth of the list converts."""
    share, caught = gain_curve(test)
    lifts = np.diff(np.interp(np.linspace(0, 1, 11), share, caught)) * 10
    chart = Chart((0, 10), (0, max(1.2, float(lifts.max()) * 1.12)))
    chart.axes("tenth of the list, best first", "times the base rate", lambda v: "", lambda v: f"{v:g}×")
    for tenth, value in enumerate(lifts.tolist()):
        chart.bar(tenth + 0.12, tenth + 0.88, 0, value)
        chart.text(chart.across(tenth + 0.5), chart.size[1] - 21, str(tenth + 1), "middle")
        chart.text(chart.across(tenth + 0.5), chart.up(value) - 4, f"{value:.1f}", "middle", "strong")
    chart.path([(0, 1), (10, 1)], "faint")
    return _figure(
        "Lift, tenth by tenth",
        chart.svg("Lift of each tenth"),
        "How many times as often as everyone each tenth of the list converted; the dashed line is everyone.",
    )


def precision_recall(test: Judgeable) -> Safe:
    """How pure the list is, the further one goes down."""
    share, caught = gain_curve(test)
    rate = float(test.converted.mean())
    precision = caught[1:] / np.maximum(share[1:], 1e-12) * rate
    chart = Chart((0, 1), (0, min(1.0, float(precision.max()) * 1.05)))
    chart.axes("recall: share of converters reached", "precision: share that converts", percent, percent)
    chart.path([(0, rate), (1, rate)], "faint")
    chart.path(_corners(caught[1:], precision), "line")
    area = average_precision(test.converted, test.probability)
    return _figure(
        "Precision and recall",
        chart.svg("Precision-recall curve"),
        f"Area under the curve {area:.2f}; in random order {rate:.2f}. Short lists, at the left, swing by chance.",
    )


def history(trained: Trained) -> Safe:
    """The conversion rate over time, and which part each time belongs to."""
    rows, split = trained.rows, trained.split
    first, last = int(rows.cutoff[0]), int(rows.cutoff[-1]) + 1
    place = ((rows.cutoff - first) * _PERIODS // (last - first)).astype(np.int64)
    number, yes = np.bincount(place, minlength=_PERIODS), np.bincount(place, rows.converted, _PERIODS)
    seen = np.flatnonzero(number >= min(_LEAST_ROWS, number.max()))
    rates = yes[seen] / number[seen]
    chart = Chart((0, _PERIODS), (0, float(rates.max()) * 1.2 or 1.0), size=(900, 210))
    for name, part in (("train", split.train), ("calibrate", split.calibrate), ("test", split.test)):
        if len(part):
            a, b = ((float(rows.cutoff[k]) - first) / (last - first) * _PERIODS for k in (part[0], part[-1]))
            chart.bar(a, b, *chart.y, class_="band")
            chart.label((a + b) / 2, chart.y[1] * 0.92, name, "middle", "strong")
    chart.axes("", "converted", lambda v: _date(first + v / _PERIODS * (last - first)), percent)
    chart.path([(k + 0.5, rate) for k, rate in zip(seen.tolist(), rates.tolist(), strict=True)], "line")
    gap = "" if not len(split.test) else f"Between the parts lies a gap of {rows.conversion.horizon_text}. "
    return _figure(
        "Conversion rate over the history",
        chart.svg("Conversion rate over time, with the parts of the split"),
        f"{gap}Each row stands at the time that it was asked about; its outcome came within the horizon after.",
        "long",
    )


def gain_curve(test: Judgeable) -> tuple[Floats, Floats]:
    """(shares of rows, shares of converters reached), from 0 to 1; tied rows are one straight step."""
    order = np.argsort(-test.probability, kind="stable")
    last_of_tie = np.flatnonzero(np.append(np.diff(test.probability[order]) != 0, True))
    hits = np.cumsum(test.converted[order])[last_of_tie]
    share = (last_of_tie + 1) / len(order)
    return np.append(0.0, share), np.append(0.0, hits / max(1, int(test.converted.sum())))


def _corners(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """Points of a curve, fewer than there are, both ends among them."""
    some = np.unique(np.linspace(0, len(x) - 1, min(_CORNERS, len(x))).astype(int))
    return list(zip(x[some].tolist(), y[some].tolist(), strict=True))


def _date(micros: float) -> str:
    return format_time(int(micros))[:10]


def _figure(title: str, drawing: Safe, caption: str, class_: str | None = None) -> Safe:
    return tag("figure", tag("h3", title), drawing, tag("figcaption", caption), class_=class_)

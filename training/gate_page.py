"""The gate's evidence as one HTML page: the decision first, every test beside its bound, then pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engagement.times import format_time
from models.calibration import inverse_logit
from training.gate import Trial, Verdict
from training.hold_out import HoldOut
from training.judge import log_loss
from training.report_html import Safe, join, page, section, table, tag
from training.report_style import STYLE
from training.report_svg import Chart, percent, plain
from training.tested import Tested

Floats = npt.NDArray[np.float64]


def gate_page(trial: Trial) -> str:
    """The whole page; nothing is fetched and nothing runs."""
    verdict, held = trial.verdict, trial.held
    return page(
        f"{verdict.conversion} version {verdict.version}: the gate",
        STYLE,
        _opening(verdict),
        _tests(verdict),
        *([_beside(held), _pictures(held)] if held is not None else []),
    )


def _opening(verdict: Verdict) -> Safe:
    against = f"the champion, version {verdict.champion}" if verdict.champion else "the baselines: the first champion"
    refused = verdict.refused
    said = f"Version {verdict.version} " + ("may be champion" if not refused else "is refused")
    lead = (
        f"It passed all {len(verdict.tests)} tests."
        if not refused
        else f"{len(refused)} of {len(verdict.tests)} tests failed; it stays the challenger."
    )
    return tag(
        "header",
        tag("p", f"The gate · {verdict.conversion} · known by {format_time(verdict.as_of)[:10]}", class_="eyebrow"),
        tag("h1", said),
        tag("p", lead, class_="lead"),
        tag(
            "p",
            f"Held against {against}, on {verdict.rows:,} mature rows that were never learnt from, "
            f"{verdict.converted:,} of which converted.",
        ),
        *(tag("p", text, class_="warm") for text in refused),
    )


def _tests(verdict: Verdict) -> Safe:
    rows = [[one.name, _badge(one), _number(one.figure), _number(one.bound), ""] for one in verdict.tests]
    told = tag("ul", *(tag("li", tag("strong", one.name), f": {one.text}") for one in verdict.tests))
    return section("Every test", table(["Test", "", "Figure", "Bound", ""], rows), tag("h3", "In words"), told)


def _badge(one: Tested) -> Safe:
    return tag("span", "passed" if one.passed else "refused", class_="badge" if one.passed else "badge suspect")


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else plain(round(value, 5)).replace("-", "−")


def _beside(held: HoldOut) -> Safe:
    """Everyone's log loss."""
    losses = {"challenger": log_loss(held.converted, held.probability)}
    if held.champion_probability is not None:
        losses["champion"] = log_loss(held.converted, held.champion_probability)
    losses |= {name: log_loss(held.converted, one) for name, one in held.baselines.items()}
    rows = [[name, f"{loss:.4f}"] for name, loss in sorted(losses.items(), key=lambda one: one[1])]
    return section("Log loss on the hold-out, the best first", table(["", "Log loss"], rows, class_="even"))


def _pictures(held: HoldOut) -> Safe:
    drawn = [_reliability(held)]
    if held.champion is not None:
        drawn.append(_shift(held, held.champion))
    return section("Pictures", tag("div", *drawn, class_="pair"))


def _reliability(held: HoldOut) -> Safe:
    """Tenths of the rows: promised against true, the champion's hollow."""
    told = [("fill", held.probability)]
    if held.champion_probability is not None:
        told.append(("hollow", held.champion_probability))
    points = {name: _tenths(held, probability) for name, probability in told}
    top = min(1.0, 1.08 * max(max(one) for found in points.values() for one in found) or 1.0)
    chart = Chart((0, top), (0, top))
    chart.axes("promised", "came true", percent, percent)
    chart.path([(0, 0), (top, top)], "faint")
    for name, found in points.items():
        if name == "hollow":
            chart.path(found, "faint")
        else:
            chart.path(found, "line")
            for promised, true in found:
                chart.dot(promised, true, f"promised {percent(promised)}, came true {percent(true)}")
    caption = "Tenths of the rows; the line with dots is the challenger, the dashed ones the champion and the truth."
    return _figure("Promises and what came of them", chart.svg("Reliability diagram"), caption)


def _tenths(held: HoldOut, probability: Floats) -> list[tuple[float, float]]:
    parts = np.array_split(np.argsort(probability, kind="stable"), 10)
    return [(float(probability[p].mean()), float(held.converted[p].mean())) for p in parts if len(p)]


def _shift(held: HoldOut, champion: Floats) -> Safe:
    """Each row's two promises."""
    theirs, mine = inverse_logit(champion), held.probability
    some = np.unique(np.linspace(0, len(mine) - 1, min(len(mine), 1500)).astype(int))
    top = min(1.0, 1.05 * float(max(theirs.max(), mine.max())))
    chart = Chart((0, top), (0, top))
    chart.axes("the champion promised", "the challenger promises", percent, percent)
    chart.path([(0, 0), (top, top)], "faint")
    chart.cloud(theirs[some], mine[some])
    return _figure("Whose score moves", chart.svg("Scores of both"), "One speck for each row of the hold-out.")


def _figure(title: str, drawing: Safe, caption: str) -> Safe:
    return join([tag("figure", tag("h3", title), drawing, tag("figcaption", caption))])

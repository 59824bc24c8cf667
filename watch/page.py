"""The watch as one HTML page: quiet or not, what to do, promises and what came of them, what arrives, who comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engagement.times import format_time
from models.score import GRADES, grade_of
from training.judge import lift_at
from training.report_html import Safe, page, section, table, tag
from training.report_style import STYLE
from training.report_svg import Chart, drawing, percent, plain
from watch.looked import CURES, Looked
from watch.monitor import Monitored

#: Columns of people shown, those furthest from usual first; JSON has them all.
_COLUMNS = 15
#: A period of the picture of promises needs so many mature rows.
_LEAST = 20
_PERIODS = 16


def watch_page(found: Monitored) -> str:
    """The whole page; nothing is fetched and nothing runs."""
    stream = [one for one in found.looks if one.kind in ("volume", "stopped")]
    people = sorted((one for one in found.looks if one.kind in ("column", "scores")), key=lambda one: -one.sure)
    return page(
        f"{found.model.conversion.name}: the watch",
        STYLE,
        _opening(found),
        _promises(found),
        section(
            "What arrives",
            tag("p", f"Events received in the latest {found.windows.text}, and in each such window before."),
            _table(stream),
        ),
        section("Who comes", *_people(people)),
    )


def _people(looks: Sequence[Looked]) -> list[Safe]:
    if not looks:
        return [tag("p", "Too few entered the stage in a window to say; take longer ones (--days).")]
    told = "How many of the people lie elsewhere than before, column by column; the furthest first."
    return [tag("p", told), _table(looks[:_COLUMNS])]


def _opening(found: Monitored) -> Safe:
    windows, alarms = found.windows, found.alarms
    said = "Quiet." if not alarms else "1 alarm." if len(alarms) == 1 else f"{len(alarms)} alarms."
    lead = f"The latest {windows.text} beside the {windows.before} such windows before; {len(found.looks)} looks."
    told = [
        tag(
            "div",
            tag("p", tag("strong", one.text), class_=None),
            tag("p", f"What to do: {CURES[one.kind]}"),
            tag("p", f"{abs(one.sure):.0f} standard errors from usual ({one.kind})", class_="note"),
            class_="warm",
        )
        for one in alarms
    ]
    name, version = found.model.conversion.name, found.model.version
    when = format_time(windows.as_of)[:16].replace("T", " ")
    return tag(
        "header",
        tag("p", f"The watch · {name} · model {version} · as of {when}", class_="eyebrow"),
        tag("h1", said),
        tag("p", lead, class_="lead"),
        *told,
    )


def _promises(found: Monitored) -> Safe:
    mature = found.mature
    if len(mature.rows) < _LEAST:
        text = f"Only {len(mature.rows)} promises are mature: nothing to say yet."
        return section("Did the promises come true?", tag("p", text))
    yes, promised = mature.rows.converted, mature.probability
    whose = "Scores that were given" if found.given else "Rows that the model has not learnt from"
    lift = lift_at(yes, promised)
    parts: list[object] = [
        tag(
            "p",
            f"{whose}, {len(yes):,} of them mature: promised {percent(float(promised.mean()))}, came true "
            f"{percent(float(yes.mean()))}. The top tenth converted {lift:.1f} times as often as everyone.",
        ),
        tag("div", _over_time(mature.rows.cutoff, yes, promised), class_="pair"),
        _grades(found),
    ]
    told = [one for one in found.looks if one.kind in ("base rate", "calibration", "decay", "lift")]
    parts.append(tag("ul", *(tag("li", one.text) for one in told)))
    return section("Did the promises come true?", *parts)


def _over_time(cutoff: npt.NDArray[np.int64], yes: npt.NDArray[np.bool_], promised: npt.NDArray[np.float64]) -> Safe:
    """Promised and true, period by period."""
    first, last = int(cutoff.min()), int(cutoff.max()) + 1
    place = ((cutoff - first) * _PERIODS // (last - first)).astype(np.int64)
    number = np.bincount(place, minlength=_PERIODS)
    seen = np.flatnonzero(number >= _LEAST)
    true, said = (np.bincount(place, of, _PERIODS)[seen] / number[seen] for of in (yes, promised))
    error = 1.96 * np.sqrt(np.maximum(true * (1 - true), 1e-9) / number[seen])
    top = float(max((true + error).max(), said.max())) * 1.1 if len(seen) else 1.0
    chart = Chart((0, _PERIODS), (0, min(1.0, top)), size=(900, 240))
    dates = [format_time(int(first + k / _PERIODS * (last - first)))[:10] for k in range(_PERIODS + 1)]
    chart.axes("", "converted", lambda v: dates[min(int(v), _PERIODS)], percent)
    for at, value, off in zip(seen.tolist(), true.tolist(), error.tolist(), strict=True):
        chart.path([(at + 0.5, max(0.0, value - off)), (at + 0.5, min(top, value + off))], "grid")
        chart.dot(at + 0.5, value, f"from {dates[at]}: came true {percent(value)} of {number[at]:,}")
    chart.path([(at + 0.5, value) for at, value in zip(seen.tolist(), said.tolist(), strict=True)], "line")
    caption = (
        "The line is what was promised, dots are what came true, with 95% intervals of rows taken as independent."
    )
    title, picture = tag("h3", "Promised and true over time"), chart.svg("Promised and true over time")
    return tag("figure", title, picture, tag("figcaption", caption), class_="long")


def _grades(found: Monitored) -> Safe:
    grades = np.array([grade_of(int(one)) for one in found.percentile])[found.told.mature]
    mature = found.mature
    rows = []
    for _, grade in GRADES:
        some = grades == grade
        if some.any():
            promised, true = mature.probability[some].mean(), mature.rows.converted[some].mean()
            rows.append([grade, f"{some.sum():,}", percent(float(promised)), percent(float(true))])
    return table(["Grade", "Rows", "Promised", "Came true"], rows, class_="even")


def _table(looks: Sequence[Looked]) -> Safe:
    rows = [
        [
            tag("span", one.what, class_="stray" if one.alarm else None),
            plain(float(f"{one.now:.3g}")),
            plain(float(f"{one.usual:.3g}")),
            f"{one.sure:+.1f}".replace("-", "−"),
            _spark(one),
        ]
        for one in looks
    ]
    return table(["", "Now", "Usual", "Standard errors", "The windows before, and now"], rows)


def _spark(one: Looked) -> Safe:
    """The windows before as a line, the latest as a dot."""
    if not one.series:
        return Safe("")
    values = [*one.series, one.now]
    top = max(values) or 1.0
    width, height = 160, 30
    places = [
        (4 + k / (len(values) - 1) * (width - 8), height - 3 - v / top * (height - 6)) for k, v in enumerate(values)
    ]
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    told = ", ".join(f"{value:.3g}" for value in values)
    parts = [tag("path", d=d, class_="line"), tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, class_="fill")]
    return tag(
        "span", drawing((width, height), f"{one.what}: {told}", parts), style="display:inline-block;width:10rem"
    )

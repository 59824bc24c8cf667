"""Two versions side by side as one HTML page: whose scores move, how far, and which reasons gained or lost."""

from __future__ import annotations

import numpy as np

from engagement.times import format_time
from models.score import GRADES
from training.report_html import Safe, join, page, section, table, tag
from training.report_style import STYLE
from training.report_svg import Chart, percent, signed
from watch.compare import Compared, Moved

#: Reasons shown, those whose weight changed most first; JSON has them all. Parts told of each mover's difference.
_REASONS, _PARTS = 20, 4
#: Specks drawn, the people of each some places apart in the order of the first version's scores.
_DRAWN = 2_000


def compare_page(found: Compared) -> str:
    """The whole page; nothing is fetched and nothing runs."""
    return page(
        f"{found.conversion}: version {found.versions[0]} beside {found.versions[1]}",
        STYLE,
        _opening(found),
        section("Whose scores move", tag("div", _cloud(found), _grades(found), class_="pair")),
        section("Which reasons gain or lose", *_reasons(found)),
        section("Who moves furthest", *_movers(found)),
    )


def _opening(found: Compared) -> Safe:
    moved = np.abs(found.after - found.before)
    when = format_time(found.as_of)[:16].replace("T", " ")
    grades = sum(found.regraded.values())
    tiles = [
        (f"{100 * np.median(moved):.1f} points", "half of all scores move by less"),
        (f"{100 * np.quantile(moved, 0.9):.1f} points", "one in ten moves by more"),
        (f"{grades / len(moved):.0%}", f"have another grade ({grades:,})"),
        (f"{found.top_kept:.0%}", "of the highest tenth stay in it"),
    ]
    return tag(
        "header",
        tag("p", f"Two versions · {found.conversion} · as of {when}", class_="eyebrow"),
        tag("h1", f"Version {found.versions[0]} → {found.versions[1]}"),
        tag(
            "p",
            f"{len(moved):,} people, promised on average {percent(float(found.before.mean()))} → "
            f"{percent(float(found.after.mean()))}. Rank correlation {found.rank_correlation:.3f}.",
            class_="lead",
        ),
        tag("div", *(tag("div", tag("b", number), tag("span", told), class_="tile") for number, told in tiles),
            class_="tiles"),
    )  # fmt: skip


def _cloud(found: Compared) -> Safe:
    order = np.argsort(found.before, kind="stable")
    some = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), _DRAWN)).astype(int))]
    top = min(1.0, 1.05 * float(max(found.before.max(), found.after.max())))
    chart = Chart((0, top), (0, top))
    chart.axes(f"version {found.versions[0]}", f"version {found.versions[1]}", percent, percent)
    chart.path([(0, 0), (top, top)], "faint")
    chart.cloud(found.before[some], found.after[some])
    caption = "One speck for each person; on the dashed line nothing has changed."
    return tag("figure", tag("h3", "Both scores"), chart.svg("Scores of both"), tag("figcaption", caption))


def _grades(found: Compared) -> Safe:
    """How many moved from each grade to each other."""
    grades = [grade for _, grade in GRADES]
    rows = []
    for old in grades:
        cells = [found.regraded.get(f"{old} → {new}", 0) for new in grades]
        rows.append([old, *("" if old == new else f"{n:,}" for new, n in zip(grades, cells, strict=True))])
    told = tag("p", "From the grade at the left to the one above.", class_="note")
    return tag("div", tag("h3", "Other grades"), told, table(["", *grades], rows))


def _reasons(found: Compared) -> list[Safe]:
    told = (
        "How much a reason pushes on average, up or down, in log-odds; and how much more it speaks for a conversion "
        "than before. A push of 0.7 doubles the odds or halves them."
    )
    rows = [
        [one.code, f"{one.before:.3f}", f"{one.after:.3f}", signed(one.difference, ".3f")]
        for one in found.reasons[:_REASONS]
    ]
    head = ["", *(f"Weighs in {version}" for version in found.versions), "Speaks for it more by"]
    more = len(found.reasons) - len(rows)
    rest = [tag("p", f"{more:,} more changed less.", class_="note")] if more > 0 else []
    return [tag("p", told), table(head, rows, class_="even"), *rest]


def _movers(found: Compared) -> list[Safe]:
    return [_mover(one) for one in found.movers] or [tag("p", "Nobody was asked for.")]


def _mover(one: Moved) -> Safe:
    before, after = one.before, one.after
    head = f"{after.contact_id}: {before.probability:.1%} ({before.grade}) → {after.probability:.1%} ({after.grade})"
    parts = [tag("li", f"{signed(part.difference, '.3f')}  {part.text}") for part in one.changes[:_PARTS]]
    rest = one.changes[_PARTS:]
    if rest:
        others = f"{signed(sum(part.difference for part in rest), '.3f')}  {len(rest)} further differences"
        parts.append(tag("li", others, class_="note"))
    return join([tag("h3", head), tag("ul", *parts)])

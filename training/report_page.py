"""The report as one HTML page: what the model answers and how well, in plain words first, then figures, then limits.

Nothing is fetched and nothing runs; it holds no wall clock, so that the same training writes the same page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from engagement.times import DAY, format_time
from training import report_charts as charts
from training import report_method as method
from training import report_tables as tables
from training.report_html import Safe, page, safe, section, tag
from training.report_moves import Moves, dependence, swarm
from training.report_style import STYLE
from training.report_svg import percent
from training.report_words import beside, column_words, headline, trust
from training.slices import Judgeable
from training.slicing import by_account, by_attribute, by_band, by_grade, whole

if TYPE_CHECKING:
    from training.train import Trained


def report_page(trained: Trained, facts: Mapping[str, Any] | None = None) -> str:
    """The whole page.

    Args:
        facts: what is needed to repeat the training (`record.manifest_facts`), told at the end.
    """
    test = Judgeable.of(trained) if len(trained.split.test) else None
    name = trained.rows.conversion.name
    return page(
        f"{name}: {trained.rows.conversion.question}",
        STYLE,
        _opening(trained, test),
        *([_quality(trained, test), _by_score(test)] if test else []),
        _moved(trained),
        *([_slices(trained, test)] if test else []),
        _data(trained),
        method.choice(trained),
        method.audit(trained),
        method.limits(trained),
        method.repeat(trained, facts or {}),
    )


def _opening(trained: Trained, test: Judgeable | None) -> Safe:
    conversion, rows = trained.rows.conversion, trained.rows
    everyone = whole(test) if test else None
    parts: list[object] = [
        tag("p", f"Model report · {conversion.name} · known by {format_time(rows.as_of)[:10]}", class_="eyebrow"),
        tag("h1", conversion.question),
        tag("p", headline(trained, test, everyone), class_="lead"),
    ]
    if test and everyone:
        told = [trust(everyone)]
        if test.tells_apart:
            told += [Safe(" "), safe(beside(trained.judged))]
        parts.append(tag("p", *told))
        parts += [_tiles(trained, test)] if test.tells_apart else []
    return tag("header", *parts)


def _tiles(trained: Trained, test: Judgeable) -> Safe:
    model = trained.judged[0].metrics
    fifth = float(np.interp(0.2, *charts.gain_curve(test)))
    lift, auc, error = (model[key] for key in ("lift_at_10pct", "roc_auc", "calibration_error"))
    told = [
        (f"{lift.value:.1f}×", f"the base rate in the top tenth ({lift.low:.1f} to {lift.high:.1f})"),
        (percent(fifth), "of all converters are in the top fifth"),
        (f"{auc.value:.2f}", f"ROC AUC ({auc.low:.2f} to {auc.high:.2f})"),
        (f"{100 * error.value:.1f}", "points between promised and true, mean over tenths"),
        (f"{len(test.converted):,}", f"rows judged, {int(test.converted.sum()):,} of which converted"),
    ]
    return tag(
        "div", *(tag("div", tag("b", big), tag("span", small), class_="tile") for big, small in told), class_="tiles"
    )


def _quality(trained: Trained, test: Judgeable) -> Safe:
    ranked = (charts.gain, charts.lift, charts.precision_recall) if test.tells_apart else ()
    drawn = (charts.reliability, *ranked)
    return section(
        "How good it is",
        tag(
            "p",
            "Measured on the latest part of the history, which the model never saw, beside three simple baselines: "
            "the base rate for everyone, a rule of how recent the last activity is, and a naive Bayes over the "
            "attributes. Small print: 95% bootstrap intervals that draw whole accounts.",
        ),
        tables.metrics(trained),
        tag("div", *(draw(test) for draw in drawn), class_="pair"),
    )


def _by_score(test: Judgeable) -> Safe:
    return section(
        "What a score has been worth",
        tag("p", "Grades are places in the reference cohort: A the highest tenth, B the next fifth, then C and D."),
        tables.promises(by_grade(test), "Grade"),
        tables.promises(by_band(test), "Promised between"),
    )


def _moved(trained: Trained) -> Safe:
    moves = Moves.of(trained)
    title = "What it goes by"
    if not moves.order:
        return section(title, tag("p", "Nothing: the model promises everyone the same."))
    return section(
        title,
        tag(
            "p",
            "One speck for each row (of a sample that the model was not fitted on, where there is one). To the right "
            "it speaks for a conversion, to the left against. These are the model's own exact SHAP values, the same "
            "that a score's reasons are made of; they say what moves this number, not what would change the outcome.",
        ),
        swarm(moves),
        tag("h3", "The strongest columns more closely"),
        dependence(moves),
    )


def _slices(trained: Trained, test: Judgeable) -> Safe:
    accounts, attributes = by_account(trained, test), by_attribute(trained, test)
    features = {feature.name: feature for feature in trained.attributes.features.features}
    everything = [one for found in (accounts, *attributes) for one in found]
    shown = attributes[: tables.MOST_ATTRIBUTES]
    parts = [tables.slices(found, column_words(features[found[0].by])) for found in shown]
    if len(attributes) > len(shown):
        more = f"{len(attributes) - len(shown)} further attributes are in report.json."
        parts.append(tag("p", more, class_="note"))
    return section(
        "Does it hold for everyone?",
        tables.slice_notes(everything),
        tables.slices(accounts, "Accounts"),
        *parts,
    )


def _data(trained: Trained) -> Safe:
    rows = trained.rows
    delays = ", ".join(f"{delay / DAY:g}" for delay in rows.conversion.landmarks)
    return section(
        "What it was learnt from",
        tag(
            "p",
            f"{len(rows):,} label times: someone in the stage at {delays} days after entering it, and whether they "
            f"converted within {rows.conversion.horizon_text}. {rows.immature:,} more are left out, since their "
            f"horizon has not passed yet. Split by time: {trained.split.plan}.",
        ),
        tables.parts(trained),
        charts.history(trained),
    )

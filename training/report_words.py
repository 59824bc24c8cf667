"""The report's words: a column's name for people, born from its declaration, and what the figures amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.declare import (
    AsOf,
    Colleagues,
    Feature,
    HourShare,
    LastDetail,
    Ratio,
    StageAge,
    Trend,
    WeekdayShare,
)
from features.words.english_spans import duration, within
from features.words.english_verbs import nouns, spoken
from training.report_html import Safe, join, tag
from training.report_svg import percent, signed

if TYPE_CHECKING:
    from training.slices import Judgeable, Slice
    from training.train import Judged, Trained

#: What an operation says of its events.
_SAYS = {
    "count": "how many",
    "sum": "sum of values",
    "min": "smallest value",
    "max": "largest value",
    "days": "on how many days",
    "distinct": "how many different",
    "recency": "days since the last",
    "first": "days since the first",
    "gap_last": "days between the last two",
    "gap_mean": "mean days between two",
    "gap_spread": "spread of the days between two",
    "last_value": "last value",
}
RUNGS = {
    "lightgbm": "boosted trees (LightGBM)",
    "logistic": "logistic regression",
    "base_rate": "the base rate alone",
}


def column_words(feature: Feature) -> str:
    """ "Page views (pricing): how many in the last 7 days", "Account: industry"."""
    text = _words(feature)
    if feature.level == "account" and not isinstance(feature, Colleagues):
        text = f"account: {text}"
    return text[0].upper() + text[1:]


def _words(feature: Feature) -> str:
    if isinstance(feature, AsOf):
        return spoken(str(feature.type))
    if isinstance(feature, StageAge):
        return "days since the stage was entered"
    when = f" {within(feature.window)}" if feature.windowed else ""
    if isinstance(feature, Colleagues):
        return f"colleagues with {nouns(feature)}{when}"
    return f"{nouns(feature)}: {_said(feature)}{when}"


def _said(feature: Feature) -> str:
    if isinstance(feature, LastDetail):
        return "which was the last"
    if isinstance(feature, Trend):
        return f"share, of those in the last {duration(feature.against)},"
    if isinstance(feature, Ratio):
        return f"for each of {nouns(Feature(feature.per))}"
    if isinstance(feature, HourShare):
        return f"share from {feature.hours[0]} to {feature.hours[-1]} h UTC"
    if isinstance(feature, WeekdayShare):
        days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        return f"share on {', '.join(days[day] for day in feature.weekdays)}"
    return _SAYS.get(feature.op, spoken(feature.op))


def headline(trained: Trained, test: Judgeable | None, everyone: Slice | None) -> Safe:
    """How good it is, in a sentence that answers the question above it."""
    rate = float(trained.rows.converted[trained.split.train].mean())
    if test is None or everyone is None:
        few = f"{len(trained.rows):,} rows, {int(trained.rows.converted.sum()):,} of which converted"
        return join(
            [
                "It is not known yet how good this model is: the history is too short to hold back a test part. "
                f"It has learnt from {few}."
            ]
        )
    if not test.tells_apart:
        return join(
            [
                "It does not tell people apart: the data prove nothing beyond the base rate, ",
                "and everyone is promised the same, ",
                tag("strong", percent(everyone.promised)),
                f". In training {percent(rate)} did, in the test part {percent(everyone.rate)}.",
            ]
        )
    return join(
        [
            "Of the tenth it ranked highest, ",
            tag("strong", percent(test.chosen_rate)),
            " did; of everyone, ",
            tag("strong", percent(everyone.rate)),
            ".",
        ]
    )


def trust(everyone: Slice) -> Safe:
    """Whether its promises held on the whole."""
    gap = everyone.gap
    told = f"On average it promised {percent(everyone.promised)} and {percent(everyone.rate)} came true"
    if gap is None:
        return join([told, "."])
    span = f"95% interval of the difference {points(gap.low)} to {points(gap.high)}"
    if not everyone.strays:
        return join([told, f": no further apart than chance explains ({span})."])
    way = "too much" if gap.value > 0 else "too little"
    return join([told, ": ", tag("span", f"it promised {way}", class_="stray"), f" ({span})."])


def beside(judged: tuple[Judged, ...]) -> str:
    """The model beside the best baseline, by log loss."""
    model, *others = (one for one in judged if one.name != "uncorrected")
    best = min(others, key=lambda one: one.metrics["log_loss"].value)
    mine, theirs = model.metrics["log_loss"], best.metrics["log_loss"]
    share = 1 - mine.value / theirs.value
    if abs(share) < 0.005:
        return f"Its log loss is that of the best baseline, {best.name} ({mine.value:.3f})."
    word = "lower" if share > 0 else "higher"
    return (
        f"Its log loss, the mean surprise at what came true, is {abs(share):.0%} {word} than that of the best "
        f"baseline, {best.name} ({mine.value:.3f} against {theirs.value:.3f})."
    )


def points(value: float) -> str:
    """A difference of shares: "+4.3 points"."""
    return signed(100 * value)

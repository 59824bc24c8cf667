"""The report page: whole, self-contained, escaped, repeatable, and there for every kind of model."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from lab import CONVERSIONS, Lab

from engagement.events import Attribute, Event
from engagement.funnel import funnel_from
from engagement.settings import FeatureSettings
from engagement.times import DAY, parse_time
from features.arrays import LogArrays
from features.declare import AsOf, Count, Ratio, Recency, Trend
from models.additive import base_rate_rung
from training.audit_report import Audited, Evidence, Figures
from training.report_charts import gain_curve
from training.report_html import page, safe, table, tag
from training.report_page import report_page
from training.report_svg import Chart, signed, ticks
from training.report_words import column_words
from training.slices import Judgeable
from training.train import Trained, train

EMPTY = {"meta", "br"}
START = parse_time("2025-01-01T00:00:00Z")


class Reader(HTMLParser):
    """Checks that every element is closed where it should be, and keeps what a reader and a browser see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def little(contacts: int, converts: int, source: str = "web") -> LogArrays:
    """MQLs, a day apart; the first so many hold a meeting the day after."""
    events, attributes = [], []
    for i in range(contacts):
        at = START + i * DAY
        events.append(Event(f"m-{i}", f"c-{i}", None, "mql", at, at, None, None))
        attributes.append(Attribute(f"c-{i}", None, "source", source if i % 2 else "fair", at - DAY, at - DAY))
        if i < converts:
            events.append(Event(f"h-{i}", f"c-{i}", None, "meeting_held", at + DAY, at + DAY, None, None))
    return LogArrays.from_events(events, attributes)


def unjudged(source: str = "web") -> Trained:
    conversion = funnel_from({}).conversion("mql_to_meeting")
    return train(little(20, 18, source), conversion, FeatureSettings(), START + 200 * DAY)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_page_of_a_run(lab: Lab, name: str) -> None:
    run = lab.bundle(name).parent
    text = (run / "report.html").read_text(encoding="utf-8")
    seen = Reader(text)
    trained = lab.trained[name]
    assert trained.rows.conversion.question in seen.text
    for part in ("How good it is", "Does it hold for everyone?", "What the audit found", "Limits", "To repeat it"):
        assert part in seen.text
    manifest = json.loads((lab.bundle(name) / "manifest.json").read_text())
    assert manifest["data"] in seen.text
    for key in ("log_loss", "roc_auc"):
        assert f"{trained.judged[0].metrics[key].value:.3f}" in seen.text
    slices = json.loads((run / "report.json").read_text())["slices"]
    assert {"everyone", "grade", "score band", "account", "source"} <= {one["by"] for one in slices}
    assert slices[0]["rows"] == len(trained.split.test)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_nothing_is_fetched_and_nothing_runs(lab: Lab, name: str) -> None:
    text = report_page(lab.trained[name])
    seen = Reader(text)
    assert not seen.names & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use"}
    assert not {key for key, _ in seen.attributes} & {"src", "href", "xlink:href", "srcset", "action"}
    assert not [key for key, _ in seen.attributes if key.startswith("on")]
    for fetch in ("url(", "@import", "http:", "https:", "javascript:"):
        assert fetch not in text
    assert "default-src 'none'" in text
    assert "nan" not in text.replace("finance", "")


def test_the_same_model_writes_the_same_page(lab: Lab) -> None:
    trained = lab.trained["mql_to_meeting"]
    assert report_page(trained, {"commit": "1"}) == report_page(trained, {"commit": "1"})
    assert report_page(trained, {"commit": "1"}) != report_page(trained, {"commit": "2"})


def test_the_sentence_of_the_highest_tenth(lab: Lab) -> None:
    trained = lab.trained["mql_to_meeting"]
    converted = trained.rows.converted[trained.split.test]
    lift = trained.judged[0].metrics["lift_at_10pct"].value
    told = f"Of the tenth it ranked highest, {lift * converted.mean():.0%} did; of everyone, {converted.mean():.0%}."
    assert told in Reader(report_page(trained)).text


def test_a_model_that_tells_nobody_apart(lab: Lab) -> None:
    trained = lab.trained["mql_to_meeting"]
    flat = replace(trained.model, rung=base_rate_rung(0.2, len(trained.model.features.features)))
    fitted = replace(trained.fitted, rung=flat.rung, trees=0)
    same = replace(trained, model=flat, fitted=fitted, test_log_odds=np.full(len(trained.split.test), -1.386))
    seen = Reader(report_page(same)).text
    assert "It does not tell people apart" in seen
    assert "promised the same, 20%." in seen
    assert "Nothing: the model promises everyone the same." in seen
    assert "Lift, tenth by tenth" not in seen


def test_a_model_that_was_not_judged() -> None:
    trained = unjudged()
    assert not len(trained.split.test)
    seen = Reader(report_page(trained)).text
    assert "the history is too short to hold back a test part" in seen
    assert "It has not been judged" in seen
    assert "Does it hold for everyone?" not in seen


def test_what_a_log_says_is_never_markup() -> None:
    nasty = '<script>alert("1")</script>&<b>'
    trained = unjudged(nasty)
    field = Audited(
        nasty,
        "attribute",
        "contact",
        Figures(None, None, None, None, None, ()),
        (Evidence("timing", f"written {nasty} late", 1.0, 0.5, True),),
        False,
    )
    assert trained.audit is not None
    text = report_page(replace(trained, audit=replace(trained.audit, fields=(field,)), left_out=(nasty,)))
    seen = Reader(text)
    assert "<script" not in text
    assert "script" not in seen.names
    assert f"Left out, since they seem to know the outcome: {nasty}." in seen.text
    assert f"written {nasty} late" in seen.text


def test_html_escapes_once() -> None:
    assert tag("p", "a < b", tag("b", "&"), class_='"x"') == '<p class="&quot;x&quot;">a &lt; b<b>&amp;</b></p>'
    assert tag("td", None, stroke_width=2, d=None) == '<td stroke-width="2"></td>'
    assert safe(safe("<")) == "&lt;"
    assert "<td>1 &amp; 2</td>" in table(["a", "b"], [["x", "1 & 2"]])
    assert "<title>&lt;t&gt;</title>" in page("<t>", "")


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Count("page_view", "pricing", 7 * DAY), "Page views (pricing): how many in the last 7 days"),
        (Count("email_click", level="account"), "Account: email clicks: how many so far"),
        (Recency("webinar_attended"), "Attended webinars: days since the last"),
        (AsOf("job_level", categories=("vp",)), "Job level"),
        (AsOf("employees", level="account"), "Account: employees"),
        (
            Ratio("email_click", window=30 * DAY, per="email_sent"),
            "Email clicks: for each of sent mails in the last 30 days",
        ),
        (Trend("page_view", window=7 * DAY), "Page views: share, of those in the last 28 days, in the last 7 days"),
    ],
)
def test_columns_in_words(feature: Count, words: str) -> None:
    assert column_words(feature) == words


def test_the_gain_curve_by_hand() -> None:
    converted = np.array([True, False, True, False])
    test = Judgeable(converted, np.array([0.9, 0.5, 0.5, 0.1]), np.full(4, 50), np.arange(4), 0)
    share, caught = gain_curve(test)
    assert share.tolist() == [0.0, 0.25, 0.75, 1.0]  # the tied two are one step
    assert caught.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_ticks_and_signs() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(-0.3, 0.31, 3) == [-0.25, 0.0, 0.25]
    assert ticks(2, 2) == [2]
    assert [signed(4.33), signed(-0.25, "g"), signed(0)] == ["+4.3", "−0.25", "0"]


def test_a_chart_of_nothing_is_still_a_drawing() -> None:
    chart = Chart((1, 1), (0, 0))
    chart.axes("x", "y")
    chart.path([], "line")
    chart.cloud(np.zeros(0), np.zeros(0))
    assert chart.svg("nothing").startswith("<svg")
    assert "nan" not in chart.svg("nothing")

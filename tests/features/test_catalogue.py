"""The catalogue comes from the log's own vocabulary, and only from what was known by a given time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engagement.events import Attribute, Event
from engagement.settings import FeatureSettings, settings_from
from engagement.times import DAY, days, parse_time
from features.arrays import LogArrays
from features.catalogue import CATEGORIES, DETAILS, FREQUENT, derive_features, monotone
from features.declare import AsOf, Count, LastDetail, LastValue, Ratio, StageAge, Sum
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary

KNOWN_BY = parse_time("2026-05-01T00:00:00Z")
WIDE = FeatureSettings(max_columns=5_000)


def event(
    kind: str,
    detail: str | None = None,
    *,
    before: int = DAY,
    late: int = 0,
    value: float | None = None,
    who: int = 0,
) -> Event:
    at = KNOWN_BY - before
    account = f"a-{who % 2}"
    return Event(f"e-{random.random()}", f"c-{who}", account, kind, at, at + late, value, detail)


def attribute(name: str, value: str | None, *, before: int = DAY, late: int = 0, account: bool = False) -> Attribute:
    at = KNOWN_BY - before
    return Attribute(None if account else "c-0", "a-0" if account else None, name, value, at, at + late)


def log() -> tuple[list[Event], list[Attribute]]:
    events = [event("page_view", page, who=i) for page in ("pricing", "blog") for i in range(FREQUENT)]
    events += [event("page_view", "seldom", who=i) for i in range(FREQUENT - 1)]
    events += [event("purchase", value=9.5), event("mql"), event("form_submitted", "demo")]
    attributes = [attribute("country", text) for text in ("DE", "DE", "FR")]
    attributes += [attribute("size", text, account=True) for text in ("10", "20", "30")]
    return events, attributes


def derive(events: list[Event], attributes: list[Attribute], settings: FeatureSettings = WIDE) -> FeatureSet:
    return derive_features(Vocabulary.of(LogArrays.from_events(events, attributes), KNOWN_BY), settings)


def test_what_it_holds() -> None:
    features = derive(*log()).features
    assert {f.type for f in features if not isinstance(f, AsOf)} == {
        None, "page_view", "purchase", "mql", "form_submitted"
    }  # fmt: skip
    assert {f.detail for f in features} == {None, "pricing", "blog"}  # no rare detail, no only one
    assert [f for f in features if isinstance(f, AsOf)] == [
        AsOf("country", categories=("DE", "FR")),
        AsOf("size", level="account"),
    ]
    assert {f.categories for f in features if isinstance(f, LastDetail)} == {("blog", "pricing")}
    assert {f.type for f in features if isinstance(f, Sum | LastValue)} == {"purchase"}  # only types with values
    assert {f.window for f in features if isinstance(f, Count) and f.type is None} == {
        days(1), days(7), days(30), days(90), days(365)
    }  # fmt: skip


@pytest.mark.parametrize("when", [{"before": 0}, {"before": -DAY}, {"before": DAY, "late": DAY + 1}])
def test_only_what_was_known(when: dict[str, int]) -> None:
    events, attributes = log()
    more = [event("brand_new", "x", value=1.0, **when) for _ in range(2 * FREQUENT)]
    more += [event("page_view", "brand-new page", **when) for _ in range(2 * FREQUENT)]
    more += [event("mql", value=3.0, **when), *(event("page_view", "seldom", **when) for _ in range(3))]
    facts = [attribute("brand_new", "x", **when), *(attribute("country", "IT", **when) for _ in range(99))]
    assert derive(events + more, attributes + facts).digest == derive(events, attributes).digest


def test_received_right_at_the_time_is_known() -> None:
    events, attributes = log()
    more = [event("brand_new", before=1, late=1)]
    assert "brand_new" in {f.type for f in derive(events + more, attributes).features}


def test_left_out_by_name() -> None:
    settings = FeatureSettings(exclude_types=("page_view",), exclude_attributes=("country",), max_columns=5_000)
    features = derive(*log(), settings).features
    assert {"page_view", "country"} & {f.type for f in features} == set()
    assert {"purchase", "size"} <= {f.type for f in features}


@pytest.mark.parametrize("budget", [1, 2, 17, 60, 400])
def test_a_smaller_budget_is_the_beginning_of_a_larger_one(budget: int) -> None:
    whole = derive(*log()).features
    assert derive(*log(), FeatureSettings(max_columns=budget)).features == whole[:budget]


def test_no_more_details_than_there_is_room_for() -> None:
    events = [event("page_view", f"page {i:03}", who=j) for i in range(CATEGORIES + 20) for j in range(FREQUENT)]
    features = derive(events, []).features
    assert len({f.detail for f in features} - {None}) == DETAILS
    assert max(len(f.categories) for f in features if isinstance(f, LastDetail)) == CATEGORIES


def test_the_same_whatever_the_order() -> None:
    events, attributes = log()
    random.Random(1).shuffle(events)
    random.Random(2).shuffle(attributes)
    assert derive(events, attributes).digest == derive(*log()).digest


def test_names_that_differ_in_punctuation_only_do_not_collide() -> None:
    events, attributes = log()
    more = [event("page-view"), event("page view"), event("日本"), event("中国")]
    facts = [attribute("Country!", "x"), attribute("account_size", "1"), attribute("mql_recency", "1")]
    features = derive(events + more, attributes + facts)  # a FeatureSet refuses two of one name
    assert "page_view_recency" in features.names


def test_without_accounts_there_are_no_account_columns() -> None:
    alone = [Event("e", "c", None, "mql", KNOWN_BY - 1, KNOWN_BY, None, None)]
    assert {f.level for f in derive(alone, []).features} == {"contact"}


def test_an_empty_log_has_a_catalogue() -> None:
    features = derive([], [])
    assert len(features.features) > 0
    assert features.compute(LogArrays.from_events([]), ["c"], [KNOWN_BY]).shape == (1, len(features.features))


def test_attributes_as_numbers_or_categories() -> None:
    def one(*values: str | None) -> AsOf:
        found = derive([event("mql")], [attribute("x", value) for value in values]).features
        return next(f for f in found if isinstance(f, AsOf))

    assert one("1", "2", "3").categories == ()  # many numbers: a number
    assert one("0", "1", "1").categories == ("0", "1")  # two numbers: rather yes and no
    assert one("1", "2", "x").categories == ("1", "2", "x")  # a third of them is no number
    assert one(*"1234567890" * 2, "n/a").categories == ()  # nearly all are
    assert one("a", None).categories == ("a",)


def test_mqm_toml_adds_removes_and_declares() -> None:
    body = {
        "add": [{"op": "count", "type": "page_view", "detail": "seldom", "windows_days": [3]}],
        "remove": ["account_*", "page_view_recency"],
        "numbers": ["country"],
        "categories": ["size"],
        "rising": ["page_view_*count*"],
        "falling": ["*recency"],
        "max_columns": 2_000,
    }
    settings = settings_from({"features": body}).features
    features = derive(*log(), settings)
    names = features.names
    assert names[0] == "page_view_seldom_count_3d"  # what is asked for by name comes first, whatever the budget
    assert not [name for name in names if name.startswith("account_") or name == "page_view_recency"]
    kinds = {f.type: f.categories for f in features.features if isinstance(f, AsOf)}
    assert kinds == {"country": ()}  # account_size was removed
    directions = dict(zip(names, monotone(features, settings), strict=True))
    assert directions["page_view_seldom_count_3d"] == 1
    assert directions["any_event_recency"] == -1
    assert directions["any_event_count_7d"] == 0


def test_the_stage_comes_first() -> None:
    conversion = settings_from({}).funnel.conversion("mql_to_meeting")
    vocabulary = Vocabulary.of(LogArrays.from_events(*log()), KNOWN_BY)
    assert derive_features(vocabulary, WIDE, conversion).features[0] == StageAge("mql")


def test_ratios_are_of_types_that_share_their_first_word() -> None:
    kinds = ["email_sent", "email_sent", "email_sent", "email_open", "email_click", "mql", "page_view"]
    features = derive([event(kind, who=i) for i, kind in enumerate(kinds)], []).features
    assert {(f.type, f.per) for f in features if isinstance(f, Ratio)} == {
        ("email_click", "email_sent"),
        ("email_open", "email_sent"),
    }


def test_machines_count_where_that_is_asked_for() -> None:
    features = derive(*log(), replace(WIDE, count_machines=True)).features
    assert all(f.machines for f in features if not isinstance(f, AsOf))
    assert not any(f.machines for f in derive(*log()).features)

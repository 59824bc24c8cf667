"""Declarations are data: names, JSON, digests."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.times import DAY, HOUR, days
from features.attributes import number_in
from features.declare import (
    KINDS,
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    GapLast,
    GapMean,
    GapSpread,
    HourShare,
    LastDetail,
    LastValue,
    Max,
    Min,
    Ratio,
    Recency,
    StageAge,
    Sum,
    Trend,
    WeekdayShare,
    identifier,
    is_category,
    window_text,
)
from features.declared import from_json, from_settings, to_json
from features.feature_set import FeatureSet

NAMES = [
    (Count("email_click", window=days(7)), "email_click_count_7d", "email_click"),
    (Count(), "any_event_count_ever", "any_event"),
    (Count("page_view", "pricing", 12 * HOUR), "page_view_pricing_count_12h", "page_view.pricing"),
    (Count("page_view", "Preise & Pläne"), "page_view_preise_pl_ne_count_ever", "page_view.Preise & Pläne"),
    (Sum("purchase", window=1, level="account"), "account_purchase_sum_1us", "account.purchase"),
    (ActiveDays(window=DAY), "any_event_days_1d", "any_event"),
    (Distinct("form_submitted"), "form_submitted_distinct_ever", "form_submitted"),
    (Colleagues("mql", window=days(30)), "account_mql_colleagues_30d", "account.colleagues"),
    (Min("purchase", window=days(30)), "purchase_min_30d", "purchase"),
    (Max("purchase", window=days(30), level="account"), "account_purchase_max_30d", "account.purchase"),
    (StageAge("mql"), "mql_stage_age", "stage.mql"),
    (StageAge("meeting_held", each=True), "meeting_held_stage_age", "stage.meeting_held"),
    (GapLast("page_view", window=days(90)), "page_view_gap_last_90d", "gaps.page_view"),
    (GapMean(window=days(90)), "any_event_gap_mean_90d", "gaps.any_event"),
    (GapSpread("page_view", "pricing", days(90)), "page_view_pricing_gap_spread_90d", "gaps.page_view.pricing"),
    (Trend("page_view", window=days(7)), "page_view_trend_7d_28d", "trend.page_view"),
    (Ratio("email_click", window=days(90), per="email_sent"), "email_click_per_email_sent_90d", "per.email_click"),
    (Ratio("email_click"), "email_click_per_any_event_ever", "per.email_click"),
    (HourShare(window=days(90), hours=(6, 12)), "any_event_hours_6_12_90d", "rhythm.any_event"),
    (WeekdayShare("page_view", window=days(90)), "page_view_weekdays_5_6_90d", "rhythm.page_view"),
    (Count("email_open", window=days(7), machines=True), "email_open_machines_count_7d", "email_open+machines"),
    (Recency("mql", window=days(365)), "mql_recency", "mql"),
    (FirstSeen("mql", window=days(365)), "mql_first", "mql"),
    (LastValue("purchase"), "purchase_last_value", "purchase"),
    (LastDetail("form_submitted", categories=("demo",)), "form_submitted_last_detail", "form_submitted"),
    (AsOf("country", categories=("DE",)), "country", "attribute.country"),
    (AsOf("size", level="account"), "account_size", "account_attribute.size"),
    (AsOf("2nd_name"), "f_2nd_name", "attribute.2nd_name"),
    (Count("3d_tour", window=days(0.5)), "f_3d_tour_count_12h", "3d_tour"),
    (AsOf("converted"), "attribute_converted", "attribute.converted"),
    (AsOf("Contact ID"), "attribute_contact_id", "attribute.Contact ID"),
]


@pytest.mark.parametrize(("feature", "name", "group"), NAMES)
def test_names_and_groups(feature: Feature, name: str, group: str) -> None:
    assert (feature.name, feature.group) == (name, group)
    assert name.isidentifier()
    assert name.isascii()


def test_the_table_above_has_every_kind() -> None:
    assert {type(feature) for feature, _, _ in NAMES} == set(KINDS.values())


@pytest.mark.parametrize("feature", [feature for feature, _, _ in NAMES])
def test_json_and_back(feature: Feature) -> None:
    text = json.dumps(to_json(feature))
    again = from_json(json.loads(text))
    assert again == feature
    assert type(again) is type(feature)


texts = st.none() | st.text(max_size=8)
kinds = st.sampled_from(list(KINDS.values()))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(kinds, texts, texts, st.none() | st.integers(1, days(3650)), st.sampled_from(["contact", "account"]))
def test_any_declaration_survives_json_and_has_an_identifier(
    kind: type[Feature], of: str | None, detail: str | None, window: int | None, level: str
) -> None:
    extra = {"categories": ("a", "ü", "")} if kind in (LastDetail, AsOf) else {}
    if kind is StageAge:
        window = None
    elif kind in (GapSpread, Trend):
        window = min(window or DAY, 27 * DAY)
    feature = kind(of, detail, window, level, **extra)
    assert from_json(json.loads(json.dumps(to_json(feature)))) == feature
    assert feature.name.isidentifier()
    assert feature.name.isascii()
    assert feature.name == feature.name.lower()


REFUSED = [
    ({"op": "count", "type": 7}, "type is not a text"),
    ({"op": "count", "level": "team"}, "level"),
    ({"op": "count", "window": 0}, "window"),
    ({"op": "gap_spread"}, "needs a window"),
    ({"op": "gap_spread", "window": days(3651)}, "needs a window"),
    ({"op": "trend"}, "a longer one"),
    ({"op": "trend", "window": days(28)}, "a longer one"),
    ({"op": "stage_age", "window": DAY}, "no window"),
    ({"op": "hours", "hours": [9]}, "hours of the day"),
    ({"op": "hours", "hours": [9, 25]}, "hours of the day"),
    ({"op": "hours", "hours": [17, 9]}, "hours of the day"),
    ({"op": "weekdays", "weekdays": [7]}, "weekdays"),
    ({"op": "weekdays", "weekdays": []}, "weekdays"),
    ({"op": "is", "type": "size", "categories": [1]}, "categories"),
]


@pytest.mark.parametrize(("body", "what"), REFUSED)
def test_a_value_that_cannot_be_is_refused_by_name(body: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        from_json(body)


def test_declarations_of_mqm_toml() -> None:
    toml = """
        [[features.add]]
        op = "count"
        type = "page_view"
        detail = "pricing"
        windows_days = [3, 14]
        level = "account"
        [[features.add]]
        op = "trend"
        window_days = 7
        against_days = 28
        [[features.add]]
        op = "hours"
        hours = [9, 17]
    """
    assert from_settings(tomllib.loads(toml)["features"]["add"]) == [
        Count("page_view", "pricing", days(3), "account"),
        Count("page_view", "pricing", days(14), "account"),
        Trend(window=days(7), against=days(28)),
        HourShare(hours=(9, 17)),
    ]


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"op": "count", "windows_days": 7}, "number 2: windows_days is not a list"),
        ({"op": "count", "windows_days": [0]}, "number 2: a window that is not a number of days: 0"),
        ({"op": "count", "window_days": "7"}, "number 2: a window that is not a number of days: '7'"),
        ({"op": "median"}, "number 2: a feature with an unknown operation"),
    ],
)
def test_a_wrong_table_of_mqm_toml_is_named(table: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        from_settings([{"op": "count"}, table])


def test_an_unknown_operation_is_refused_by_name() -> None:
    for body in ({"op": "median", "type": "mql"}, {"type": "mql"}):
        with pytest.raises(BadInput, match="unknown operation"):
            from_json(body)


def test_a_field_that_does_not_belong_is_refused_by_name() -> None:
    for body in ({"op": "count", "type": "mql", "categories": []}, {"op": "count", "types": "mql"}):
        with pytest.raises(BadInput, match="unknown field"):
            from_json(body)


def test_over_and_window_text() -> None:
    windows = (days(7), None)
    assert Count("mql").over(*windows) == [Count("mql", window=days(7)), Count("mql")]
    assert [window_text(w) for w in (DAY, 36 * HOUR, HOUR + 1)] == ["1d", "36h", "3600000001us"]


def test_identifier() -> None:
    cases = {"Größe (m²)": "gr_e_m", "  a--b ": "a_b", "": "f_", "日本": "f_", "9": "f_9", "A.B": "a_b"}
    assert {text: identifier(text) for text in cases} == cases


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="same name: 'page_view_count_ever'"):
        FeatureSet((Count("page_view"), Count("page-view")))
    with pytest.raises(BadInput, match="same name"):
        FeatureSet((Recency("mql"), Recency("mql", window=DAY)))


def test_a_set_survives_json_and_its_digest_is_that_of_the_declarations() -> None:
    features = FeatureSet(tuple(feature for feature, _, _ in NAMES))
    again = FeatureSet.from_json(json.loads(json.dumps(features.to_json())))
    assert again == features
    assert again.digest == features.digest
    assert FeatureSet(features.features[::-1]).digest != features.digest  # the order of the columns is part of it
    # A bundle on disk keeps its digest: this one changes only when the format does.
    assert FeatureSet((Count("mql", window=DAY), AsOf("country", categories=("DE", "é")))).digest == DIGEST


DIGEST = "0ab622e4423c5c0b03929ef75e8302567e2e2a4327368976b40fba60884d29e2"


def test_which_columns_are_categories() -> None:
    features = FeatureSet(
        (Count("mql"), AsOf("a", categories=("x",)), AsOf("b"), LastDetail("mql", categories=("d",)))
    )
    assert features.category_columns == [1, 3]
    assert [is_category(feature) for feature in features.features] == [False, True, False, True]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), (" -2.5e3 ", -2500.0), ("1e300", 1e300), ("-0", -0.0), ("1e301", None), ("inf", None), ("nan", None),
     ("1_000", None), ("1,5", None), ("", None), ("0x10", None), ("12 Mitarbeiter", None)],
)  # fmt: skip
def test_number_in(text: str, number: float | None) -> None:
    found = number_in(text)
    assert (found != found) if number is None else (repr(found) == repr(number))

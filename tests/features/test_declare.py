"""Declarations are data: names, JSON, digests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.times import DAY, HOUR, days
from features.declare import (
    KINDS,
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    LastDetail,
    LastValue,
    Recency,
    Sum,
    from_json,
    identifier,
    is_category,
    to_json,
    window_text,
)
from features.feature_set import FeatureSet, number_in

NAMES = [
    (Count("email_click", window=days(7)), "email_click_count_7d", "email_click"),
    (Count(), "any_event_count_ever", "any_event"),
    (Count("page_view", "pricing", 12 * HOUR), "page_view_pricing_count_12h", "page_view.pricing"),
    (Count("page_view", "Preise & Pläne"), "page_view_preise_pl_ne_count_ever", "page_view.Preise & Pläne"),
    (Sum("purchase", window=1, level="account"), "account_purchase_sum_1us", "account.purchase"),
    (ActiveDays(window=DAY), "any_event_days_1d", "any_event"),
    (Distinct("form_submitted"), "form_submitted_distinct_ever", "form_submitted"),
    (Colleagues("mql", window=days(30)), "account_mql_colleagues_30d", "account.colleagues"),
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
    feature = kind(of, detail, window, level, **extra)
    assert from_json(json.loads(json.dumps(to_json(feature)))) == feature
    assert feature.name.isidentifier()
    assert feature.name.isascii()
    assert feature.name == feature.name.lower()


def test_an_unknown_operation_is_refused_by_name() -> None:
    for body in ({"op": "median", "type": "mql"}, {"type": "mql"}):
        with pytest.raises(BadInput, match="unknown operation"):
            from_json(body)


def test_a_field_that_does_not_belong_is_refused_by_name() -> None:
    for body in ({"op": "count", "type": "mql", "categories": []}, {"op": "count", "types": "mql"}):
        with pytest.raises(BadInput, match="cannot be read"):
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

"""What changed between two scores adds up to the change, whatever the models, and is told in words."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from forests import random_model
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from engagement.funnel import funnel_from
from engagement.times import days
from features.declare import Count, Recency
from features.feature_set import FeatureSet
from features.words import LANGUAGES
from models.additive import base_rate_rung
from models.booster import Booster
from models.calibration import Affine
from models.changes import START, Change, changes
from models.propensity import PropensityModel, Reference
from models.score import SCORED, UNKNOWN_CONTACT, Reason, Score

CONVERSION = funnel_from({}).conversion("mql_to_meeting")
WINDOWS = (days(1), days(7), None)


@cache
def model_of(seed: int) -> tuple[PropensityModel, np.ndarray]:
    """A random model over counts and ages, three columns a group, and finite rows for it."""
    random = random_model(seed)
    columns = random.rows.shape[1]
    features = [(Count(f"type_{i // 3}", window=WINDOWS[i % 3])) for i in range(columns)]
    affine = Affine(0.2 + seed % 7 / 5, seed % 5 - 2.0)
    reference = Reference((-1.0, 0.0, 1.0), 0.3, 100)
    model = PropensityModel(
        CONVERSION, FeatureSet(tuple(features)), Booster(random.text), affine, reference, f"sha256:{seed}", str(seed)
    )
    rows = np.where(np.isfinite(random.rows) & (np.abs(random.rows) < 1e9), random.rows, np.nan)
    return model, rows


def score_of(seed: int, row: int, whole: bool, language: str = "en") -> Score:
    model, rows = model_of(seed)
    matrix = rows[row % len(rows)][None]
    return model.explain(matrix, ["c-1"], np.array([0]), language=language, whole=whole)[0]


SEEDS = st.integers(0, 40)
ROWS = st.integers(0, 39)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SEEDS, ROWS, ROWS, st.booleans(), st.sampled_from(list(LANGUAGES)))
def test_the_parts_add_up_to_the_difference(a: int, b: int, i: int, j: int, whole: bool, language: str) -> None:
    before, after = score_of(a, i, whole, language), score_of(b, j, whole, language)
    assert before.log_odds is not None
    assert after.log_odds is not None
    assume(max(abs(before.log_odds), abs(after.log_odds)) < 1e5)  # a regression's margins may be anything
    parts = changes(before, after, language)
    assert abs(math.fsum(p.difference for p in parts) - (after.log_odds - before.log_odds)) < 1e-9
    sizes = [abs(part.difference) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert len({part.code for part in parts}) == len(parts)
    assert all(part.text for part in parts)
    assert (START in {part.code for part in parts}) == (before.base_log_odds != after.base_log_odds)
    back = {part.code: part.difference for part in changes(after, before, language)}
    assert back == {part.code: -part.difference for part in parts}


def test_nothing_changed() -> None:
    one = score_of(3, 5, whole=True)
    assert changes(one, one) == ()


def written(
    effects: list[float], values: list[float], digest: str = "a", base: float = -1.0, **more: object
) -> Score:
    """A score of two groups: views of the pricing page, and when a mail was opened."""
    from models.reasons import ReasonWriter

    features = FeatureSet((Count("page_view", "pricing", days(7)), Recency("email_open")))
    language = LANGUAGES[str(more.get("language", "en"))]
    reasons = ReasonWriter(features, language, whole=bool(more.get("whole", True))).reasons(
        np.array(values), np.array(effects)
    )
    return Score(
        SCORED, "c-1", "mql_to_meeting", "?", 0, log_odds=base + sum(effects), base_log_odds=base,
        reasons=reasons, model_digest=digest,
    )  # fmt: skip


def test_a_change_tells_both_states() -> None:
    before = written([-0.25, 0.5], [0, 2 / 24])
    after = written([1.0, 0.5], [3, 2 / 24])
    assert changes(before, after) == (
        Change(
            "page_view.pricing",
            "Viewed the pricing page 3 times in the last 7 days "
            "(before: has not viewed the pricing page in the last 7 days)",
            -0.25,
            1.0,
        ),
    )
    before, after = (
        written([-0.25, 0.5], [0, 2 / 24], language="de"),
        written([-0.75, 0.75], [0, 1 / 24], language="de"),
    )
    assert [(part.text, part.difference) for part in changes(before, after, "de")] == [
        ("Hat die Preisseite in den letzten 7 Tagen nicht angesehen (wie vorher)", -0.5),
        ("Hat vor 1 Stunde eine Mail geöffnet (vorher: hat vor 2 Stunden eine Mail geöffnet)", 0.25),
    ]


def test_another_model_may_start_elsewhere_and_look_at_other_things() -> None:
    before = written([0.0, 0.5], [0, 2 / 24], digest="a", base=-1.0)
    after = Score(
        SCORED, "c-1", "mql_to_meeting", "?", 0, log_odds=-2.0, base_log_odds=-3.0,
        reasons=(Reason("country", "Country: DE", 1.0),), model_digest="b",
    )  # fmt: skip
    parts = {part.code: part for part in changes(before, after)}
    assert parts[START].difference == -2.0
    assert parts["country"].text == "Country: DE (before: not looked at)"
    assert parts["email_open"].text == "No longer looked at (before: opened a mail 2 hours ago)"
    assert set(parts) == {START, "country", "email_open"}  # the pricing page pushed neither
    german = {part.code: part.text for part in changes(before, after, "de")}
    assert german["country"] == "Country: DE (vorher nicht betrachtet)"
    assert german[START].startswith("Das Modell selbst ist ein anderes")


def test_of_the_same_model_what_is_not_told_is_among_the_smaller_things() -> None:
    before = written([0.0, 0.5], [0, 2 / 24], whole=False)
    after = written([1.0, 0.5], [3, 2 / 24], whole=False)
    (part,) = changes(before, after)
    assert part.text == "Viewed the pricing page 3 times in the last 7 days (before: among the smaller things)"
    (part,) = changes(after, before)
    assert part.text.startswith("Now among the smaller things (before: viewed the pricing page 3 times")


def test_what_cannot_be_compared_is_refused_by_name() -> None:
    one = written([0.0, 0.5], [0, 2 / 24])
    unknown = Score(UNKNOWN_CONTACT, "c-1", "mql_to_meeting", "?", 0, status_text="Nothing is known.")
    with pytest.raises(BadInput, match="no score to compare"):
        changes(unknown, one)
    with pytest.raises(BadInput, match="no score to compare"):
        changes(one, unknown)
    other = Score(SCORED, "c-2", "mql_to_meeting", "?", 0, log_odds=0.0, base_log_odds=0.0)
    with pytest.raises(BadInput, match="cannot be compared"):
        changes(one, other)


def test_a_base_rate_has_no_reasons_to_compare() -> None:
    model = PropensityModel(
        CONVERSION, FeatureSet(()), base_rate_rung(0.2, 0), Affine(1.0, 0.0), Reference((0.0,), 0.2, 10), "x", "1"
    )
    (score,) = model.explain(np.zeros((1, 0)), ["c-1"], np.array([0]), whole=True)
    assert changes(score, score) == ()
    later = written([1.0, 0.5], [3, 2 / 24])
    assert abs(sum(p.difference for p in changes(score, later)) - (0.5 - (score.log_odds or 0))) < 1e-9

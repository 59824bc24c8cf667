"""Reasons add up to the score exactly, and are those of an independent explainer."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from lab import CONVERSIONS, Lab

from engagement.times import days
from features.declare import ActiveDays, Colleagues, Count, FirstSeen, GapMean, Recency
from features.feature_set import FeatureSet
from features.wording import sentence
from features.words import LANGUAGES
from models.reasons import MOST_REASONS, REST, ReasonWriter
from training.table import contact_ids


@pytest.mark.parametrize("name", CONVERSIONS)
def test_base_and_effects_add_up_to_the_log_odds(lab: Lab, name: str) -> None:
    trained = lab.trained[name]
    rows = trained.rows.take(np.linspace(0, len(trained.rows) - 1, 1_000).astype(np.int64))
    scores = trained.model.score(lab.arrays, contact_ids(lab.arrays, rows), rows.cutoff)
    assert len(scores) == 1_000
    assert {score.status for score in scores} == {"scored"}
    for score in scores:
        assert score.log_odds is not None
        assert score.base_log_odds is not None
        assert abs(score.base_log_odds + sum(r.effect for r in score.reasons) - score.log_odds) < 1e-9
        assert score.probability == pytest.approx(1 / (1 + math.exp(-score.log_odds)), abs=1e-14)
        assert score.reasons or lab.trained[name].model.rung.kind == "base_rate"
        told = [abs(reason.effect) for reason in score.reasons if reason.code != REST]
        assert told == sorted(told, reverse=True)
        for reason in score.reasons:
            assert reason.text
            assert abs(sum(f.effect for f in reason.features) - reason.effect) < 1e-12


@pytest.mark.parametrize("name", CONVERSIONS)
def test_effects_are_those_of_shap(lab: Lab, name: str, tmp_path: Path) -> None:
    import lightgbm
    import shap

    trained = lab.trained[name]
    if trained.model.rung.kind != "lightgbm":
        pytest.skip(f"this small log earns {name} the rung {trained.model.rung.kind}")
    matrix = trained.matrix[:: max(1, len(trained.matrix) // 300)][:300]
    booster = lightgbm.Booster(model_str=trained.model.rung.text())
    oracle = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    found = np.asarray(oracle.shap_values(matrix))
    found = found[1] if found.ndim == 3 else found
    base = float(np.ravel(oracle.expected_value)[-1])
    effects, start = trained.model.effects(matrix)
    affine = trained.model.calibration
    assert np.abs(effects - affine.slope * found).max() < 1e-9
    assert start == pytest.approx(affine.intercept + affine.slope * base, abs=1e-9)


def test_columns_of_one_group_become_one_reason() -> None:
    features = FeatureSet((*Count("page_view").over(86_400_000_000, 604_800_000_000), Recency("email_click")))
    reasons = ReasonWriter(features).reasons(np.array([1.0, 4.0, 2.0]), np.array([0.25, 0.5, -0.125]))
    assert [reason.effect for reason in reasons] == [0.75, -0.125]
    assert [len(reason.features) for reason in reasons] == [2, 1]
    assert [f.value for f in reasons[0].features] == [1.0, 4.0]


def test_what_did_not_push_is_not_told_and_missing_is_none() -> None:
    features = FeatureSet((Count("page_view"), Recency("email_click")))
    reasons = ReasonWriter(features).reasons(np.array([3.0, np.nan]), np.array([0.0, -0.5]))
    assert len(reasons) == 1
    assert reasons[0].features[0].value is None


def test_a_long_tail_is_one_reason_and_still_adds_up() -> None:
    features = FeatureSet(tuple(Count(f"type_{i}") for i in range(50)))
    effects = np.random.default_rng(0).normal(0, 1, 50)
    reasons = ReasonWriter(features).reasons(np.ones(50), effects)
    assert len(reasons) == MOST_REASONS + 1
    assert reasons[-1].code == REST
    assert len(reasons[-1].features) == 50 - MOST_REASONS
    assert sum(r.effect for r in reasons) == pytest.approx(math.fsum(effects), abs=1e-12)


WINDOWS = (days(1), days(7), days(30), None)
SEVERAL = FeatureSet(
    (
        *Count("page_view").over(*WINDOWS),
        *ActiveDays("page_view").over(*WINDOWS[:2]),
        Recency("page_view", window=days(365)),
        *Count().over(*WINDOWS),
        FirstSeen(window=days(365)),
        FirstSeen("email_open", window=days(3.5)),  # whole days do not tell it from "more than"
        Recency("email_open"),
        GapMean("page_view"),
        *Colleagues().over(*WINDOWS),
        *Count(level="account").over(*WINDOWS[1:]),
        *(Count(f"type_{i}") for i in range(30)),
    )
)


def rows_of(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Values that often read the same, some missing; effects, some of them zero."""
    rng = np.random.default_rng(seed)
    shape = (rows, len(SEVERAL.names))
    values = rng.choice([0.0, 1.0, 2.0, 3.0, 3.5, 3.7, 365.0, math.nan], shape)
    ages = [i for i, one in enumerate(SEVERAL.features) if not isinstance(one, Count | ActiveDays | Colleagues)]
    values[:, ages] *= rng.choice([1.0, 0.999, 1 / 24, 1 / 25, 1 / 1440, 1 / 86_400], (rows, len(ages)))
    counts = [i for i, one in enumerate(SEVERAL.features) if isinstance(one, Count | ActiveDays | Colleagues)]
    values[:, counts] = np.nan_to_num(np.floor(values[:, counts]))
    for column in range(1, len(SEVERAL.names)):  # a wider window counts no fewer
        this, before = SEVERAL.features[column], SEVERAL.features[column - 1]
        if isinstance(this, Count | Colleagues) and (type(this), this.type, this.level) == (
            type(before),
            before.type,
            before.level,
        ):
            values[:, column] = np.maximum(values[:, column], values[:, column - 1])
    effects = rng.normal(0, 1, shape) * (rng.random(shape) < 0.7)
    return values, effects


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_kept_sentence_is_the_sentence_of_the_values(code: str) -> None:
    language = LANGUAGES[code]
    writer = ReasonWriter(SEVERAL, language)
    places = {name: i for i, name in enumerate(SEVERAL.names)}
    groups: dict[str, list[int]] = {}
    for column, feature in enumerate(SEVERAL.features):
        groups.setdefault(feature.group, []).append(column)
    told = set()
    for seed in range(10):
        values, effects = rows_of(seed)
        for row, reasons in enumerate(writer.write(values, effects)):
            for reason in reasons:
                if reason.code == REST:
                    assert reason.text == language.rest(len({name_group(f.name) for f in reason.features}))
                    continue
                columns = groups[reason.code]
                said = sentence([SEVERAL.features[i] for i in columns], values[row, columns].tolist(), language)
                assert reason.text == said
                told.add(said)
                for one in reason.features:
                    value, column = values[row, places[one.name]], places[one.name]
                    assert (one.value is None) == math.isnan(value)
                    assert one.value is None or one.value == value
                    assert one.effect == effects[row, column] != 0
    assert len(told) > 300


def name_group(name: str) -> str:
    return next(feature.group for feature in SEVERAL.features if feature.name == name)


def test_a_batch_is_its_rows_one_by_one() -> None:
    values, effects = rows_of(3)
    batch = ReasonWriter(SEVERAL).write(values, effects)
    for row in range(len(values)):
        assert ReasonWriter(SEVERAL).reasons(values[row], effects[row]) == batch[row]
        pushes = math.fsum(reason.effect for reason in batch[row])
        assert abs(pushes - math.fsum(effects[row])) < 1e-12


def test_the_whole_tells_every_group() -> None:
    values, effects = rows_of(4, 20)
    effects[:, 3] = 0
    effects[5] = 0
    for row, reasons in enumerate(ReasonWriter(SEVERAL, whole=True).write(values, effects)):
        assert {reason.code for reason in reasons} == {feature.group for feature in SEVERAL.features}
        assert abs(math.fsum(reason.effect for reason in reasons) - math.fsum(effects[row])) < 1e-12
        assert all(reason.text for reason in reasons)


def test_a_model_without_columns_has_no_reasons() -> None:
    assert ReasonWriter(FeatureSet(())).write(np.zeros((3, 0)), np.zeros((3, 0))) == [(), (), ()]

"""The kernel's contributions are the Shapley values: by hand, definition, LightGBM and shap; a row's own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from itertools import combinations
from math import factorial
from time import perf_counter
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
from forests import Model, deep_model, random_model, stump_model
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import CONVERSIONS, Lab
from test_trees import text

from engagement.errors import BadInput
from models.booster import Booster
from models.trees import CATEGORY, Forest, Tree, read_forest

Floats = npt.NDArray[np.float64]

#: Models of the equality test: random ones in groups, chains down to depth 30, trees of one leaf.
GROUPS, IN_GROUP, DEEP, STUMPS = 11, 20, 10, 4


def expectation(tree: Tree, row: Floats, known: frozenset[int], node: int = 0) -> float:
    """The definition: known features send the row its way, unknown ones share it out as the training rows went."""
    if len(tree.value) == 1 or node < 0:
        return float(tree.value[~node if node < 0 else 0])
    left, right, feature = int(tree.left[node]), int(tree.right[node]), int(tree.feature[node])
    if feature in known:
        return expectation(tree, row, known, left if goes_left(tree, row, node) else right)
    ways = [(tree.rows_at(child) / tree.rows_at(node), child) for child in (left, right)]
    return sum(share * expectation(tree, row, known, child) for share, child in ways)


def goes_left(tree: Tree, row: Floats, node: int) -> bool:
    """As a split's declaration says, for finite values."""
    value = row[tree.feature[node]]
    if tree.missing[node] != CATEGORY:
        return bool(value <= tree.threshold[node])
    bounds = tree.bounds[int(tree.threshold[node]) :][:2]
    bits = sum(int(word) << (32 * i) for i, word in enumerate(tree.words[bounds[0] : bounds[1]]))
    return bool(bits >> int(value) & 1)


def shapley(forest: Forest, row: Floats) -> list[float]:
    """Shapley values by their formula, over all subsets of features."""
    features = range(forest.features)
    n = forest.features

    def worth(known: frozenset[int]) -> float:
        return sum(expectation(tree, row, known) for tree in forest.trees)

    values = {known: worth(known) for size in range(n + 1) for known in map(frozenset, combinations(features, size))}
    return [
        sum(
            factorial(len(known))
            * factorial(n - len(known) - 1)
            / factorial(n)
            * (values[known | {f}] - values[known])
            for known in values
            if f not in known
        )
        for f in features
    ]


@pytest.mark.parametrize(
    ("row", "effects"),
    [
        # Nothing known: 0.3 · 1 + 0.2 · -2 + 0.5 · 0.5 = 0.15. An effect is the mean of what a feature adds to that,
        # and what it adds where the other is known. Feature 0 goes left: 1. Feature 1 is in its set: where 0
        # is unknown, 0.3 · 1 + 0.7 · -2 = -1.1.
        ([1.0, 33.0, 0.0], [((1 - 0.15) + (1 - -1.1)) / 2, ((-1.1 - 0.15) + (1 - 1)) / 2, 0.0]),
        # Not in its set: 0.3 · 1 + 0.7 · 0.5 = 0.65.
        ([1.0, 2.0, 0.0], [((1 - 0.15) + (1 - 0.65)) / 2, ((0.65 - 0.15) + (1 - 1)) / 2, 0.0]),
        # Feature 0 goes right: (20 · -2 + 50 · 0.5) / 70 = -3 / 14; both known: -2.
        ([3.0, 33.0, 0.0], [((-3 / 14 - 0.15) + (-2 - -1.1)) / 2, ((-1.1 - 0.15) + (-2 - -3 / 14)) / 2, 0.0]),
    ],
)
def test_by_hand(row: list[float], effects: list[float]) -> None:
    booster = Booster(text())
    found = booster.contributions(np.array([row]))
    assert found[0] == pytest.approx([*effects, 0.15], abs=1e-15)
    assert found.sum() == pytest.approx(booster.margins(np.array([row]))[0], abs=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_by_definition(seed: int) -> None:
    """All subsets of up to 6 features, of small trees with repeated features and categories."""
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=(300, 4)), rng.integers(0, 40, (300, 2))])
    target = matrix[:, 0] * matrix[:, 1] + np.sin(3 * matrix[:, 0]) + (matrix[:, 4] % 3) + matrix[:, 5] % 2
    params = {
        "objective": "regression", "num_leaves": 16, "min_data_in_leaf": 5, "min_data_per_group": 5, "verbose": -1,
        "max_cat_to_onehot": 2, "feature_fraction": 0.7, "seed": seed,
    }  # fmt: skip
    data = lightgbm.Dataset(matrix, target, categorical_feature=[4, 5])
    model = lightgbm.train(params, data, 3).model_to_string()
    forest = read_forest(model)
    rows = matrix[:5]
    assert Booster(model).contributions(rows)[:, :-1] == pytest.approx(
        np.array([shapley(forest, row) for row in rows]), abs=1e-13
    )


def check(model: Model) -> None:
    """LightGBM's contributions within 1e-9 and its margins to the last bit; shap's as well; blocks as rows alone.

    Where leaves are larger than 1 (a few runaway ones are), within 1e-9 of the largest part.
    """
    booster = Booster(model.text)
    found, margins = booster.contributions(model.rows), booster.margins(model.rows)
    size = max(1.0, float(np.abs(found).max()))
    assert np.abs(found - model.booster.predict(model.rows, pred_contrib=True)).max() < 1e-9 * size
    assert np.array_equal(margins, model.booster.predict(model.rows, raw_score=True))
    assert np.abs(found.sum(axis=1) - margins).max() < 1e-12 * size
    alone = np.concatenate([booster.contributions(row[None]) for row in model.rows])
    assert np.array_equal(alone, found)
    assert np.array_equal([booster.margins(row[None])[0] for row in model.rows], margins)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        against_shap(model, found, 1e-9 * size)


def against_shap(model: Model, found: Floats, within: float) -> None:
    import shap

    oracle = shap.TreeExplainer(model.booster, feature_perturbation="tree_path_dependent")
    assert np.abs(np.asarray(oracle.shap_values(model.rows)) - found[:, :-1]).max() < within
    if not model.categories and model.missing == "never":
        # shap hands LightGBM's models to LightGBM; its own algorithm knows no categories and no missing zeros.
        oracle.model.model_type = "internal"
        tiny = (model.rows != 0) & (np.abs(model.rows) < 1e-30)
        rows = np.flatnonzero(np.isfinite(model.rows).all(axis=1) & ~tiny.any(axis=1))
        own = np.asarray(oracle.shap_values(model.rows[rows], check_additivity=False))
        assert np.abs(own - found[rows, :-1]).max() < within


@pytest.mark.parametrize("group", range(GROUPS))
def test_equal_on_random_models(group: int) -> None:
    for seed in range(group * IN_GROUP, (group + 1) * IN_GROUP):
        check(random_model(seed))


@pytest.mark.parametrize("seed", range(DEEP))
def test_equal_on_deep_models(seed: int) -> None:
    depth = 3 + 3 * seed
    model = deep_model(seed, depth)
    assert deepest(model) == depth
    check(model)


@pytest.mark.parametrize("seed", range(STUMPS))
def test_equal_on_trees_of_one_leaf(seed: int) -> None:
    model = stump_model(seed)
    assert "num_leaves=1\n" in model.text or seed % 2
    check(model)


def deepest(model: Model) -> int:
    """Splits on the longest path."""
    depth, level = 0, [tree["tree_structure"] for tree in model.booster.dump_model()["tree_info"]]
    while level := [child for node in level for side in ("left", "right") if (child := node.get(f"{side}_child"))]:
        depth += 1
    return depth


def test_the_models_are_of_all_kinds() -> None:
    """What the equality test claims to have seen."""
    models = [random_model(seed) for seed in range(GROUPS * IN_GROUP)]
    texts = [model.text for model in models]
    assert len(models) + DEEP + STUMPS >= 200
    assert {model.missing for model in models} == {"NaN", "zero", "none", "never"}
    leaves = [len(tree.value) for some in texts for tree in read_forest(some).trees]
    assert (min(leaves), max(leaves)) == (1, 255)
    assert sum("cat_boundaries" in some for some in texts) > 50
    missing = {int(kind) for some in texts for tree in read_forest(some).trees for kind in tree.missing}
    assert missing == {0, 1, 2, 3}
    assert sum(model.constant > 0 for model in models) > 50


@pytest.mark.parametrize("name", CONVERSIONS)
def test_equal_on_the_models_of_this_suite(lab: Lab, name: str) -> None:
    trained = lab.trained[name]
    if trained.model.rung.kind == "lightgbm":
        oracle = lightgbm.Booster(model_str=trained.model.rung.text())
        rows = trained.matrix[:400]
        found = trained.model.rung.contributions(rows)
        assert np.abs(found - oracle.predict(rows, pred_contrib=True)).max() < 1e-9
        assert np.array_equal(trained.model.rung.margins(rows), oracle.predict(rows, raw_score=True))


MIXED = random_model(37)
BOOSTER = Booster(MIXED.text)
EXPLAINED = BOOSTER.contributions(MIXED.rows), BOOSTER.margins(MIXED.rows)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.integers(0, len(MIXED.rows) - 1), min_size=0, max_size=70),
    threads=st.integers(1, 3),
    how=st.sampled_from(["as it is", "columns first", "read only", "single precision is widened", "strided"]),
)
def test_a_row_has_the_same_bits_in_any_company(rows: list[int], threads: int, how: str) -> None:
    """Any neighbours, any number of rows and threads, any layout."""
    matrix = MIXED.rows[rows]
    if how == "columns first":
        matrix = np.asfortranarray(matrix)
    elif how == "read only":
        matrix.flags.writeable = False
    elif how == "strided":
        matrix = np.repeat(matrix, 2, axis=1)[:, ::2]
    assert np.array_equal(BOOSTER.contributions(matrix, threads), EXPLAINED[0][rows])
    assert np.array_equal(BOOSTER.margins(matrix, threads), EXPLAINED[1][rows])


@pytest.mark.parametrize("rows", [1, 2, 3, 15, 16, 17, 18, 19, 255, 256, 257, 1_000])
def test_any_number_of_rows_and_threads(rows: int) -> None:
    chosen = np.random.default_rng(rows).integers(0, len(MIXED.rows), rows)
    for threads in (1, 2, 3):
        assert np.array_equal(BOOSTER.contributions(MIXED.rows[chosen], threads), EXPLAINED[0][chosen])
        assert np.array_equal(BOOSTER.margins(MIXED.rows[chosen], threads), EXPLAINED[1][chosen])


def test_a_layout_is_not_compiled_for_anew() -> None:
    from models.kernel_block import score_blocks
    from models.kernel_row import score_rows

    BOOSTER.warm(MIXED.rows)
    before = len(score_blocks.signatures), len(score_rows.signatures)
    for matrix in (MIXED.rows.astype(np.float32), np.asfortranarray(MIXED.rows), MIXED.rows[::2], MIXED.rows[:1]):
        BOOSTER.contributions(matrix)
        BOOSTER.margins(matrix, 2)
    assert (len(score_blocks.signatures), len(score_rows.signatures)) == before == (1, 1)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(BadInput, match="3 features"):
        Booster(text()).contributions(np.zeros((2, 4)))


def test_what_the_kernel_is_given_is_not_written_to() -> None:
    rows = MIXED.rows.copy()
    BOOSTER.contributions(rows)
    assert np.array_equal(rows, MIXED.rows, equal_nan=True)


@pytest.mark.parametrize("field", ["known", "slope", "weights", "values"])
def test_a_kernel_that_is_wrong_gives_way_loudly(field: str, caplog: pytest.LogCaptureFixture) -> None:
    model = random_model(1)
    booster: Any = Booster(model.text)
    spoilt = getattr(booster._plan, field) * 1.0001
    booster._plan = booster._plan._replace(**{field: spoilt})
    with caplog.at_level(logging.WARNING, "mqm.models"):
        booster.warm(model.rows)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "differs from LightGBM" in caplog.text
    assert np.array_equal(booster.contributions(model.rows), model.booster.predict(model.rows, pred_contrib=True))
    assert np.array_equal(booster.margins(model.rows), model.booster.predict(model.rows, raw_score=True))


def test_a_kernel_that_is_right_stays(caplog: pytest.LogCaptureFixture) -> None:
    for seed in range(20):
        model = random_model(seed)
        booster: Any = Booster(model.text)
        booster.warm(model.rows)
        booster.warm(model.rows[:0])
        assert booster._fallback is None
    assert not caplog.records


def test_it_is_ten_times_as_fast_as_lightgbm() -> None:
    """The best of three rounds each, of a model a fifth the size of the benchmark's (see benchmarks/explain.py)."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2_000, 90))
    params = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbose": -1}
    target = matrix[:, :9].sum(axis=1) + rng.normal(size=2_000) > 0
    model = lightgbm.train(params, lightgbm.Dataset(matrix, target.astype(float)), 60)
    booster = Booster(model.model_to_string())
    booster.warm(matrix)

    def best(act: Callable[[], object]) -> float:
        times = []
        for _ in range(3):
            begin = perf_counter()
            act()
            times.append(perf_counter() - begin)
        return min(times)

    slow = best(lambda: model.predict(matrix[:300], pred_contrib=True, num_threads=1)) / 300
    assert best(lambda: booster.contributions(matrix)) / 2_000 < slow / 10

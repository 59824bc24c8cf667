"""LightGBM's text is read strictly: a whole model becomes arrays, anything else an error with a name."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest
from forests import random_model

from engagement.errors import BadInput, BrokenBundle
from models.trees import AS_ZERO, CATEGORY, NAN, ZERO, read_forest

#: 100 training rows; feature 0 up to 2.5 goes left (30 rows, 1); of the others feature 1 in {1, 33} (20 rows, -2).
TREE = """\
Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=9 8
threshold=2.5 0
decision_type=10 1
left_child=-1 -2
right_child=1 -3
leaf_value=1 -2 0.5
leaf_weight=1 1 1
leaf_count=30 20 50
internal_value=0 0
internal_weight=0 0
internal_count=100 70
cat_boundaries=0 2
cat_threshold=2 2
is_linear=0
shrinkage=1


"""
HEAD = """\
tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=a b c
feature_infos=[0:5] 1:33 none
tree_sizes={size}

"""
TAIL = "end of trees\n\nfeature_importances:\n"


def text(old: str = "", new: str = "") -> str:
    """The model above, one thing replaced in it."""
    tree = TREE.replace(old, new) if old and old in TREE else TREE
    head = HEAD.replace(old, new) if old and old in HEAD else HEAD
    return head.replace("{size}", str(len(tree))) + tree + TAIL


def test_a_model_becomes_arrays() -> None:
    forest = read_forest(text())
    assert forest.features == 3
    (tree,) = forest.trees
    assert tree.feature.tolist() == [0, 1]
    assert tree.threshold.tolist() == [2.5, 0.0]
    assert tree.missing.tolist() == [NAN, CATEGORY]
    assert tree.default_left.tolist() == [1, 0]
    assert tree.left.tolist() == [-1, -2]
    assert tree.right.tolist() == [1, -3]
    assert tree.value.tolist() == [1.0, -2.0, 0.5]
    assert (tree.bounds.tolist(), tree.words.tolist()) == ([0, 2], [2, 2])
    assert tree.expectation == pytest.approx(0.3 * 1 + 0.2 * -2 + 0.5 * 0.5)


@pytest.mark.parametrize(
    ("decision", "missing", "default_left"),
    [(0, AS_ZERO, 0), (2, AS_ZERO, 1), (4, ZERO, 0), (6, ZERO, 1), (8, NAN, 0), (10, NAN, 1)],
)
def test_what_a_split_does_with_missing_values(decision: int, missing: int, default_left: int) -> None:
    (tree,) = read_forest(text("decision_type=10", f"decision_type={decision}")).trees
    assert (int(tree.missing[0]), int(tree.default_left[0])) == (missing, default_left)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tree\nversion", "forest\nversion", "not a LightGBM text"),
        ("Tree=0", "Tree=1", "not a LightGBM text"),
        ("left_child=-1 -2", "left_child=-1 -1", "do not form a tree"),
        ("right_child=1 -3", "right_child=0 -3", "do not form a tree"),
        ("right_child=1 -3", "right_child=7 -3", "do not form a tree"),
        ("left_child=-1 -2\nright_child=1 -3", "left_child=-1 -2\nright_child=-3 1", "comes before its parent"),
        ("split_feature=0 1", "split_feature=0 3", "feature is out of range"),
        ("split_feature=0 1", "split_feature=0 -1", "feature is out of range"),
        ("decision_type=10 1", "decision_type=12 1", "unknown type"),
        ("leaf_count=30", "leaf_count=31", "are not those of its children"),
        ("internal_count=100 70", "internal_count=100 71", "are not those of its children"),
        ("leaf_count=30 20 50\n", "leaf_count=30 0 70\n", "a leaf has no rows"),
        ("leaf_value=1 ", "leaf_value=inf ", "not finite"),
        ("leaf_value=1 ", "leaf_value=nan ", "not a list of numbers"),
        ("leaf_value=1 ", "leaf_value=1_0 ", "not a list of numbers"),
        ("leaf_value=1 ", "leaf_value=0x1 ", "not a list of numbers"),
        ("leaf_value=1 ", "leaf_value=", "should have 3 numbers"),
        ("leaf_count=30", "leaf_count=3e1", "not a list of numbers"),
        ("threshold=2.5 0", "threshold=2.5 1", "set of categories is out of range"),
        ("threshold=2.5 0", "threshold=2.5 0.5", "set of categories is out of range"),
        ("threshold=2.5 0\n", "", "not a list of numbers"),
        ("cat_boundaries=0 2", "cat_boundaries=0 3", "within their bounds"),
        ("cat_boundaries=0 2", "cat_boundaries=2 2", "do not ascend"),
        ("cat_threshold=2 2", "cat_threshold=2 4294967296", "more than 32 bits"),
        ("num_leaves=3", "num_leaves=0", "impossible size"),
        ("num_leaves=3", "num_leaves=4", "should have 3 numbers"),
        ("tree_sizes={size}", "tree_sizes={size}0", "as long as the head says"),
        ("tree_sizes={size}", "tree_sizes={size} 12", "as long as the head says"),
        ("tree_sizes={size}", "tree_sizes=-1", "as long as the head says"),
        ("tree_sizes={size}", "tree_sizes=", "do not end"),
        ("shrinkage=1\n\n\n", "shrinkage=1\n\n", "as long as the head says"),
    ],
)
def test_a_model_that_does_not_hold_together_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(BrokenBundle, match=says):
        read_forest(text(old, new))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("is_linear=0", "is_linear=1", "tree 0 has linear leaves"),
        ("num_class=1", "num_class=3", "several classes"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "several classes"),
        ("objective=", "average_output\nobjective=", "averages its trees"),
        ("version=v4", "version=v2", "another version: 'v2'"),
    ],
)
def test_a_kind_of_model_that_is_not_explained_is_refused_by_name(old: str, new: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_forest(text(old, new))


@pytest.mark.parametrize("setting", [{"linear_tree": True}, {"boosting": "rf"}, {"objective": "multiclass"}])
def test_and_so_are_lightgbms_own(setting: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 2))
    params = {"objective": "regression", "bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1, **setting}
    if setting.get("objective"):
        params["num_class"] = 3
    booster = lightgbm.train(params, lightgbm.Dataset(matrix, np.arange(300) % 3), 2)
    with pytest.raises(BadInput, match=r"linear leaves|averages its trees|several classes"):
        read_forest(booster.model_to_string())


@pytest.mark.parametrize("seed", range(6))
def test_a_text_cut_short_anywhere_is_refused(seed: int) -> None:
    """LightGBM's parser would abort the process on most of these."""
    whole = random_model(seed).text
    last = whole.index("end of trees")
    for length in np.linspace(0, last + len("end of trees"), 400).astype(int):
        with pytest.raises(BrokenBundle):
            read_forest(whole[:length])


def test_bytes_changed_anywhere_are_refused_or_harmless() -> None:
    """Whatever is changed, the answer is a forest that keeps its laws or a named error, never a traceback."""
    whole = random_model(3).text
    end, rng = whole.index("end of trees"), np.random.default_rng(0)
    refused = 0
    for _ in range(1_500):
        at, length = int(rng.integers(0, end)), int(rng.integers(1, 4))
        junk = "".join(rng.choice(list("0123456789-. =\nae"), length))
        try:
            read_forest(whole[:at] + junk + whole[at + length :])
        except (BadInput, BrokenBundle):
            refused += 1
    assert refused > 300


def test_reading_a_model_needs_no_numba_nor_lightgbm() -> None:
    import subprocess
    import sys

    code = "import sys, models.booster; print([name for name in ('numba', 'lightgbm') if name in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"

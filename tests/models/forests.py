"""Random LightGBM models of every kind that the kernel explains, and rows that look for trouble."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ODD = (np.nan, 0.0, -0.0, 1e-35, -1e-35, 1.0000000180025095e-35, 1.1e-35, -1.1e-35, np.inf, -np.inf, -0.5, -3.0, 1e18)

SAMPLING: tuple[dict[str, Any], ...] = (
    {}, {"data_sample_strategy": "goss"}, {"bagging_fraction": 0.6, "bagging_freq": 1},
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A trained model, rows for it, and what it was made of."""

    booster: lightgbm.Booster
    rows: Floats
    categories: tuple[int, ...]
    missing: str
    constant: int = 0

    @property
    def text(self) -> str:
        return str(self.booster.model_to_string())


def random_model(seed: int) -> Model:
    """Any mixture of leaves (2 to 255), depth, categories, kinds of missing values, constants and settings."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(150, 900)), int(rng.integers(1, 13))
    matrix = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-2, 4, columns)
    counts = rng.random(columns) < 0.4
    matrix[:, counts] = rng.poisson(1.0, (rows, int(counts.sum())))
    categories = tuple(int(c) for c in np.flatnonzero(rng.random(columns) < 0.3))
    for c in categories:
        matrix[:, c] = rng.integers(0, int(rng.choice([2, 5, 40, 120])), rows)
    missing = str(rng.choice(["NaN", "zero", "none", "never"]))
    if missing != "never":
        matrix[rng.random(matrix.shape) < 0.15] = 0.0 if missing == "zero" else np.nan
    constant = rng.random(columns) < 0.1
    matrix[:, constant] = rng.choice([0.0, 3.0, np.nan])
    known = np.nan_to_num(matrix)
    scale = known.std(axis=0) + 1e-9
    signal = (known / scale) @ rng.normal(size=columns) + np.sin(known[:, 0] * known[:, -1])
    objective = str(rng.choice(["binary", "binary", "regression", "poisson"]))
    target = signal + rng.normal(size=rows)
    target = target > 0 if objective == "binary" else np.exp(target.clip(-3, 3)) if objective == "poisson" else target
    settings: dict[str, Any] = {
        "objective": objective,
        "num_leaves": int(rng.choice([2, 3, 7, 15, 31, 63, 127, 255])),
        "max_depth": int(rng.choice([-1, -1, 3, 8, 30])),
        "min_data_in_leaf": int(rng.choice([1, 2, 5, 20])),
        "min_data_per_group": int(rng.choice([1, 5, 30])),
        "max_cat_to_onehot": int(rng.choice([1, 4, 200])),
        "cat_smooth": 1.0,
        "zero_as_missing": missing == "zero",
        "use_missing": missing != "none",
        "boosting": str(rng.choice(["gbdt", "gbdt", "dart"])),
        "extra_trees": bool(rng.random() < 0.2),
        "feature_fraction": float(rng.choice([0.4, 1.0])),
        "boost_from_average": bool(rng.random() < 0.7),
        "learning_rate": 0.2,
        "seed": seed,
        **SAMPLING[int(rng.integers(0, len(SAMPLING)))],
    }
    model = _model(matrix, target.astype(float), settings, int(rng.integers(1, 9)), categories, missing, rng)
    return replace(model, constant=int(constant.sum()))


def deep_model(seed: int, depth: int) -> Model:
    """A chain: each split peels off the rows with its own feature, so that a path has `depth` distinct features."""
    rng = np.random.default_rng(seed)
    matrix = (rng.random((6_000, depth)) < 0.12).astype(float)
    first = np.where(matrix.any(axis=1), matrix.argmax(axis=1), depth)
    settings = {
        "objective": "regression", "num_leaves": depth + 1 + seed % 40, "max_depth": depth, "min_data_in_leaf": 1,
        "learning_rate": 1.0, "seed": seed,
    }  # fmt: skip
    return _model(matrix, 1.3**first / 1_000, settings, 3, (), "never", rng)


def stump_model(seed: int) -> Model:
    """Nothing to learn: trees of a single leaf, in between those of two."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(100, 3))
    settings = {"objective": "binary", "num_leaves": 2, "min_data_in_leaf": 50 if seed % 2 else 60, "seed": seed}
    return _model(matrix, (matrix[:, 0] > 0).astype(float), settings, 3, (), "never", rng)


def _model(
    matrix: Floats,
    target: Floats,
    settings: dict[str, Any],
    trees: int,
    categories: tuple[int, ...],
    missing: str,
    rng: np.random.Generator,
) -> Model:
    params = {"verbose": -1, "num_threads": 1, "feature_pre_filter": False, **settings}
    data = lightgbm.Dataset(matrix, target, categorical_feature=list(categories), params=params)
    booster = lightgbm.train(params, data, trees)
    rows = matrix[rng.integers(0, len(matrix), 40)].copy()
    thresholds = [float(split["threshold"]) for split in _splits(booster) if split["decision_type"] == "<="]
    for odd in (*ODD, *thresholds[:8], *np.nextafter(thresholds[:8], np.inf)):
        rows[rng.integers(0, len(rows)), rng.integers(0, matrix.shape[1])] = odd
    return Model(booster, rows, categories, missing)


def _splits(booster: lightgbm.Booster) -> list[dict[str, Any]]:
    found, open_nodes = [], [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    while open_nodes:
        node = open_nodes.pop()
        if "threshold" in node:
            found.append(node)
            open_nodes += [node["left_child"], node["right_child"]]
    return found

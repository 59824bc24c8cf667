"""Fitting: LightGBM on log-loss, without resampling or class weights (both break calibration).

How many trees, how large, and how strongly held back is chosen by grouped cross-validation inside the training
part; the judging part never takes part. The out-of-fold margins serve the calibration where history is short.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.booster import Booster
from training.split import Rows, fold_of

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float], None]

FOLDS = 4
MOST_TREES = 1500
#: Trees without improvement, times the learning rate, after which growing stops.
PATIENCE = 2.0
_FEW = 20_000
#: Cells below which a second thread costs more than it gives; the model is the same with either.
_SMALL = 2_000_000

#: The settings tried when no trials are asked for: from stiff (little data) to supple.
CANDIDATES: tuple[dict[str, Any], ...] = (
    {"num_leaves": 4, "min_data_in_leaf": 20, "lambda_l2": 10.0, "feature_fraction": 0.3},
    {"num_leaves": 8, "min_data_in_leaf": 40, "lambda_l2": 10.0, "feature_fraction": 0.5},
    {"num_leaves": 16, "min_data_in_leaf": 80, "lambda_l2": 10.0, "feature_fraction": 0.5},
)


@dataclass(frozen=True)
class FittedTrees:
    """A booster, the settings that won, and the out-of-fold margins of the rows it was fitted on."""

    booster: Booster
    settings: dict[str, Any]
    trees: int
    out_of_fold: Floats
    cv_log_loss: float
    tried: list[dict[str, Any]] = field(default_factory=list)


def fit_booster(
    matrix: Floats,
    converted: npt.NDArray[np.bool_],
    groups: Rows,
    names: tuple[str, ...],
    categories: list[int],
    seed: int,
    trials: int = 0,
    progress: Progress | None = None,
) -> FittedTrees:
    """The best of a few settings (or of `trials` that Optuna proposes), refitted on all rows.

    Args:
        matrix: (rows, features). groups: (rows,) what stays together in a fold. categories: category columns.
    """
    # From few rows: small steps, and coarse bins, since a fine one is soon a single account learnt by heart.
    pace = {"learning_rate": 0.03 if len(matrix) < _FEW else 0.08}
    data = _dataset(matrix, converted, names, categories, seed)
    fold = fold_of(groups, FOLDS, seed)
    tried: list[dict[str, Any]] = []
    best: tuple[float, int, Floats, dict[str, Any]] | None = None

    def attempt(settings: dict[str, Any]) -> float:
        nonlocal best
        settings = {**pace, **settings}
        loss, trees, margins = _cross_validate(data, matrix, converted, fold, settings, seed)
        tried.append({**settings, "trees": trees, "cv_log_loss": loss})
        if best is None or loss < best[0]:
            best = (loss, trees, margins, settings)
        if progress:
            progress(f"cross-validation {len(tried)}: log loss {loss:.5f}", len(tried) / (trials or len(CANDIDATES)))
        return loss

    if trials:
        _search(attempt, trials, seed)
    else:
        for settings in CANDIDATES:
            attempt(settings)
    assert best is not None
    loss, trees, margins, settings = best
    # With FOLDS/(FOLDS-1) times the rows a few more trees are earned.
    trees = max(1, round(trees * 1.1))
    return FittedTrees(_grow(data, matrix.size, settings, trees, seed), settings, trees, margins, loss, tried)


def refit(
    matrix: Floats,
    converted: npt.NDArray[np.bool_],
    names: tuple[str, ...],
    categories: list[int],
    like: FittedTrees,
    seed: int,
) -> Booster:
    """A booster of other rows with the settings and the number of trees of one that was fitted."""
    data = _dataset(matrix, converted, names, categories, seed)
    return _grow(data, matrix.size, like.settings, like.trees, seed)


def _dataset(
    matrix: Floats, converted: npt.NDArray[np.bool_], names: tuple[str, ...], categories: list[int], seed: int
) -> lgb.Dataset:
    return lgb.Dataset(
        matrix,
        converted.astype(np.float64),
        feature_name=list(names),
        categorical_feature=categories,
        params={**fixed_settings(seed), "min_data_in_leaf": 5, "max_bin": 15 if len(matrix) < _FEW else 63},
        free_raw_data=False,
    ).construct()


def _grow(data: lgb.Dataset, cells: int, settings: dict[str, Any], trees: int, seed: int) -> Booster:
    threads = 1 if cells < _SMALL else 2
    booster = lgb.train({**fixed_settings(seed), **settings, "num_threads": threads}, data, num_boost_round=trees)
    return Booster(booster.model_to_string())


def _hush() -> None:
    """LightGBM keeps how much it prints for each thread: making any data set with this setting settles it."""
    lgb.Dataset(np.zeros((2, 1)), params={"verbose": -1}).construct()


def fixed_settings(seed: int) -> dict[str, Any]:
    """What makes a run repeatable, and never changes."""
    return {
        "objective": "binary",
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "cat_smooth": 20.0,
        "cat_l2": 20.0,
        "min_data_per_group": 20,
        "max_cat_threshold": 64,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbose": -1,
    }


def _cross_validate(
    data: lgb.Dataset,
    matrix: Floats,
    converted: npt.NDArray[np.bool_],
    fold: Rows,
    settings: dict[str, Any],
    seed: int,
) -> tuple[float, int, Floats]:
    """(mean log loss, best number of trees, out-of-fold margins at that number).

    The folds grow side by side, one thread each: LightGBM's own threads wait for each other at every split,
    which on small data, and on shared machines, costs more than it gives.
    """
    held_out = [np.flatnonzero(fold == k) for k in range(FOLDS)]
    boosters = []
    for rows in held_out:
        inside = np.setdiff1d(np.arange(len(fold)), rows)
        part = data.subset(inside.tolist())
        booster = lgb.Booster(
            {**fixed_settings(seed), **settings, "metric": "binary_logloss", "num_threads": 1}, part
        )
        boosters.append(booster.add_valid(data.subset(rows.tolist()), "held out"))
    best_loss, best_trees = np.inf, 0
    with ThreadPoolExecutor(2, initializer=_hush) as pool:
        for trees in range(1, MOST_TREES + 1):
            list(pool.map(lgb.Booster.update, boosters))
            losses = [booster.eval_valid()[0][2] for booster in boosters]
            loss = float(np.average(losses, weights=[len(rows) for rows in held_out]))
            if loss < best_loss:
                best_loss, best_trees = loss, trees
            elif (trees - best_trees) * settings["learning_rate"] >= PATIENCE:
                break
    out_of_fold = np.empty(len(fold))
    for rows, booster in zip(held_out, boosters, strict=True):
        out_of_fold[rows] = booster.predict(matrix[rows], raw_score=True, num_iteration=best_trees, num_threads=1)
    return best_loss, best_trees, out_of_fold


def _search(attempt: Callable[[dict[str, Any]], float], trials: int, seed: int) -> None:
    """Lets Optuna propose settings; the stiff and the supple default come first."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for settings in CANDIDATES[:trials]:
        study.enqueue_trial(settings)

    def objective(trial: Any) -> float:
        return attempt(
            {
                "num_leaves": trial.suggest_int("num_leaves", 3, 63, log=True),
                "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 10, 300, log=True),
                "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
                "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
            }
        )

    study.optimize(objective, n_trials=trials)

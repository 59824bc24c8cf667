"""Fitting: LightGBM on log-loss, without resampling or class weights (both break calibration).

How large trees are, and how strongly held back, is chosen inside the training part by looking forward in time, where
history allows: what does best on accounts not yet seen need not do best next month. How many trees is chosen with
folds of accounts, whose out-of-fold margins serve the calibration where history is short. The judging part never
takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.booster import Booster
from training.folds import FOLDS, Fold, by_account, in_time
from training.part import Part
from training.split import fold_of
from training.tune import CANDIDATES, Budget, Stopped, Watch, search

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float], None]

MOST_TREES = 1500
#: Trees without improvement, times the learning rate, after which growing stops.
PATIENCE = 2.0
_FEW = 20_000
#: How large a step is that a tree takes. From few rows: small steps, and coarse bins, since a fine one is soon a
#: single account learnt by heart. Where a large sample looks ahead, large steps do: the trees that learn from all
#: rows take small ones.
_STEP, _STEP_OF_FEW, _STEP_AHEAD = 0.08, 0.03, 0.2
#: One account in so many is held out where trees learn from very many rows.
_TENTH = 10
#: Rows whose margins are told at a time.
_CHUNK = 1 << 16
#: Cells below which a second thread costs more than it gives; the model is the same with either.
_SMALL = 2_000_000
#: Trees that each fold grows before the folds wait for each other: at each tree they would lose a sixth of the time.
_TREES_A_TURN = 5
#: A watched trial tells how it does after so many trees.
_TOLD_EVERY = 25


@dataclass(frozen=True)
class ChosenTrees:
    """The settings that won, how many trees they earned, and the out-of-fold margins of the rows they won on.

    Attributes:
        folds: the boosters that these margins are from, each fitted without the accounts of its fold.
    """

    settings: dict[str, Any]
    trees: int
    out_of_fold: Floats
    cv_log_loss: float
    tried: list[dict[str, Any]] = field(default_factory=list)
    folds: tuple[Booster, ...] = ()


@dataclass(frozen=True)
class _Tried:
    """Settings, their loss at the best number of trees, and each fold's booster of so many, as text."""

    settings: dict[str, Any]
    loss: float
    trees: int
    folds: list[str]


def choose_trees(
    part: Part,
    seed: int,
    budget: Budget | None = None,
    progress: Progress | None = None,
    sampled: bool = False,
) -> ChosenTrees:
    """The best of a few settings, or of those that Optuna proposes within the budget.

    Args:
        sampled: whether these rows are a sample, and the number of trees will be found on all of them.
    """
    budget = budget or Budget()
    data = _dataset(part, seed)
    accounts, ahead = by_account(part, seed), in_time(part)
    folds = ahead or accounts
    fine = _STEP_OF_FEW if len(part) < _FEW else _STEP
    step = _STEP_AHEAD if sampled and ahead and len(part) >= _FEW else fine
    tried: list[_Tried] = []

    def attempt(settings: dict[str, Any], watch: Watch | None) -> float:
        tried.append(_cross_validate(data, folds, {"learning_rate": step, **settings}, seed, watch))
        if progress:
            share = len(tried) / (budget.trials or len(CANDIDATES))
            progress(f"cross-validation {len(tried)}: log loss {tried[-1].loss:.5f}", min(share, 1.0))
        return tried[-1].loss

    if budget.searched:
        search(attempt, budget, seed)
    else:
        for settings in CANDIDATES:
            attempt(settings, None)
    best = min(tried, key=lambda one: one.loss)
    if ahead:  # the number of trees, and out-of-fold margins, for all of the rows
        best = _cross_validate(data, accounts, best.settings, seed, None)
    # With FOLDS/(FOLDS-1) times the rows a few more trees are earned; of smaller steps as many more are taken.
    trees = max(1, round(min(best.trees * step / fine, MOST_TREES) * 1.1))
    out_of_fold = np.empty(len(part))
    boosters = tuple(Booster(text) for text in best.folds)
    for (_, rows), fold in zip(accounts, boosters, strict=True):
        out_of_fold[rows] = fold.margins(part.matrix[rows])
    told = [{**one.settings, "trees": one.trees, "cv_log_loss": one.loss} for one in tried]
    return ChosenTrees({**best.settings, "learning_rate": fine}, trees, out_of_fold, best.loss, told, boosters)


def grow(part: Part, chosen: ChosenTrees, seed: int) -> Booster:
    """A booster of these rows, with the settings and the number of trees that were chosen."""
    data, threads = _dataset(part, seed), 1 if part.matrix.size < _SMALL else 2
    params = {**data.params, **fixed_settings(seed), **chosen.settings, "num_threads": threads}
    return Booster(lgb.train(params, data, num_boost_round=chosen.trees).model_to_string())


def grow_whole(part: Part, sample: Part, chosen: ChosenTrees, seed: int) -> tuple[Booster, ChosenTrees]:
    """A booster of all rows as chosen on a sample of them; and the choice with its trees and margins of all rows.

    How many trees so many rows earn is seen on a tenth of the accounts, held out. Their margins are the new
    booster's; those of other rows are from the sample's fold that was fitted without their account.
    """
    held = fold_of(part.groups, _TENTH, seed) == 0
    data = _dataset(part, seed)
    learn, judge = (data.subset(np.flatnonzero(rows).tolist()) for rows in (~held, held))
    params = {**data.params, **fixed_settings(seed), **chosen.settings, "metric": "binary_logloss", "num_threads": 2}
    patience = lgb.early_stopping(round(PATIENCE / chosen.settings["learning_rate"]), verbose=False)
    grown = lgb.train(params, learn, MOST_TREES, valid_sets=[judge], callbacks=[patience])
    booster = Booster(grown.model_to_string(num_iteration=grown.best_iteration))
    known, first = np.unique(sample.groups, return_index=True)
    place = np.minimum(np.searchsorted(known, part.groups), len(known) - 1)
    fold = np.where(known[place] == part.groups, fold_of(sample.groups, FOLDS, seed)[first][place], 0)
    fold[held] = FOLDS
    margins = np.empty(len(part))
    for begin in range(0, len(part), _CHUNK):  # so that no large part of the matrix is copied
        some = slice(begin, begin + _CHUNK)
        for number, by in enumerate((*chosen.folds, booster)):
            rows = begin + np.flatnonzero(fold[some] == number)
            margins[rows] = by.margins(part.matrix[rows], threads=2)
    return booster, replace(chosen, trees=grown.best_iteration, out_of_fold=margins)


def _dataset(part: Part, seed: int) -> lgb.Dataset:
    """LightGBM's own table, made from the matrix as it is (NumPy): no copy in between."""
    params = {**fixed_settings(seed), "min_data_in_leaf": 5, "max_bin": 15 if len(part) < _FEW else 63}
    if any(part.monotone):
        params["monotone_constraints"] = list(part.monotone)
    return lgb.Dataset(
        part.matrix,
        part.converted.astype(np.float64),
        feature_name=list(part.names),
        categorical_feature=list(part.categories),
        params=params,  # the matrix itself is let go, or each subset would hold its rows once more
    ).construct()


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


def _losses(pool: ThreadPoolExecutor, boosters: list[lgb.Booster]) -> Iterator[tuple[float, ...]]:
    """What each fold loses on its held-out rows after one tree, after two, and so on, as it grows."""

    def grown(booster: lgb.Booster) -> list[float]:
        found = []
        for _ in range(_TREES_A_TURN):
            booster.update()
            found.append(booster.eval_valid()[0][2])
        return found

    for _ in range(MOST_TREES // _TREES_A_TURN):
        yield from zip(*pool.map(grown, boosters), strict=True)


def _cross_validate(
    data: lgb.Dataset, folds: list[Fold], settings: dict[str, Any], seed: int, watch: Watch | None
) -> _Tried:
    """How settings do on held-out rows.

    The folds grow side by side, one thread each: LightGBM's own threads wait for each other at every split,
    which on small data, and on shared machines, costs more than it gives.

    Raises:
        Stopped: whoever watches gave up.
    """
    params = {**data.params, **fixed_settings(seed), **settings, "metric": "binary_logloss", "num_threads": 1}
    boosters = []
    for learn, judge in folds:
        booster = lgb.Booster(params, data.subset(learn.tolist()))
        boosters.append(booster.add_valid(data.subset(judge.tolist()), "held out"))
    best_loss, best_trees = np.inf, 0
    weights = [len(judge) for _, judge in folds]
    with ThreadPoolExecutor(2, initializer=_hush) as pool:
        for trees, losses in enumerate(_losses(pool, boosters), 1):
            loss = float(np.average(losses, weights=weights))
            if loss < best_loss:
                best_loss, best_trees = loss, trees
            elif (trees - best_trees) * settings["learning_rate"] >= PATIENCE:
                break
            if watch and trees % _TOLD_EVERY == 0 and watch(trees, best_loss):
                raise Stopped
    return _Tried(
        settings, best_loss, best_trees, [booster.model_to_string(num_iteration=best_trees) for booster in boosters]
    )

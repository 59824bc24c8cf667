"""Folds in time, trials within a budget, and columns that may only push one way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_ladder import part, world

from training.fit import choose_trees, grow
from training.folds import by_account, in_time
from training.tune import Budget

SMALL = part(*world(1_500, "line"))


def test_folds_in_time_look_one_horizon_ahead() -> None:
    folds = in_time(SMALL)
    assert len(folds) == 3
    for learn, judge in folds:
        assert SMALL.cutoff[learn].max() < SMALL.cutoff[judge].min() - SMALL.horizon
    judged = np.concatenate([judge for _, judge in folds])
    assert len(np.unique(judged)) == len(judged) == pytest.approx(0.6 * len(SMALL), abs=2)
    assert judged.max() == len(SMALL) - 1
    assert [len(learn) for learn, _ in folds] == sorted(len(learn) for learn, _ in folds)


def test_short_history_has_no_folds_in_time() -> None:
    assert in_time(part(*world(120, "line"))) == []


def test_folds_by_account_hold_each_account_out_once() -> None:
    folds = by_account(SMALL, seed=1)
    held_out = np.concatenate([judge for _, judge in folds])
    assert np.array_equal(np.sort(held_out), np.arange(len(SMALL)))
    for learn, judge in folds:
        assert not set(SMALL.groups[learn]) & set(SMALL.groups[judge])


def test_trials_are_kept_within_the_budget_and_can_be_repeated() -> None:
    told: list[str] = []
    one = choose_trees(SMALL, 3, Budget(trials=5), lambda text, share: told.append(text))
    other = choose_trees(SMALL, 3, Budget(trials=5))
    assert grow(SMALL, one, 3).text() == grow(SMALL, other, 3).text()
    assert 3 <= len(one.tried) <= 5  # the usual three come first; what is hopeless is not finished
    assert len(told) == len(one.tried)
    assert min(tried["cv_log_loss"] for tried in one.tried) > 0
    assert np.isfinite(one.out_of_fold).all()


def test_a_limit_of_time_ends_the_search() -> None:
    assert 1 <= len(choose_trees(SMALL, 0, Budget(seconds=2.0)).tried) < 500


def test_a_rising_column_never_lowers_the_margin() -> None:
    matrix, converted = world(1_500, "interaction")
    bent = part(matrix, converted)
    rising = replace(bent, monotone=(1, 0, 0, 0))
    free, held = (grow(one, choose_trees(one, 0), 0) for one in (bent, rising))
    steps = np.tile(np.array([[0.0, -1.0, 0.0, 1.0]]), (50, 1))
    steps[:, 0] = np.linspace(-3, 3, 50)
    assert np.diff(free.margins(steps)).min() < -0.1
    assert np.diff(held.margins(steps)).min() >= 0.0

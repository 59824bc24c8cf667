"""The recent base rate: followed where it moves, left alone where it is steady, and never from the future."""

from __future__ import annotations

import numpy as np
import pytest

from engagement.times import DAY
from models.calibration import inverse_logit
from training.judge import calibration_error, log_loss
from training.recent import Recent, recent_rate, roll, shift

HORIZON = 10 * DAY
ROWS = 12_000


def world(moves: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds of a model made in a world whose base rate then stays, or rises by 1.5 in log-odds."""
    draw = np.random.default_rng(seed)
    log_odds = draw.normal(-2.0, 1.0, ROWS)
    truth = log_odds + (np.linspace(0.0, 1.5, ROWS) if moves else 0.0)
    cutoff = np.linspace(0, 1_000 * DAY, ROWS).astype(np.int64)
    return log_odds, draw.random(ROWS) < inverse_logit(truth), cutoff


def correct(moves: bool) -> Recent:
    log_odds, converted, cutoff = world(moves)
    return recent_rate(log_odds, converted, cutoff, HORIZON, 600 * DAY, 1_010 * DAY)


def test_a_base_rate_that_moves_is_followed() -> None:
    log_odds, converted, cutoff = world(True)
    found = correct(True)
    assert found.window > 0
    assert found.now == pytest.approx(1.4, abs=0.25)
    later = cutoff > 600 * DAY
    plain, moved = inverse_logit(log_odds[later]), inverse_logit((log_odds + found.shifts)[later])
    assert calibration_error(converted[later], moved) < 0.4 * calibration_error(converted[later], plain)
    assert log_loss(converted[later], moved) < log_loss(converted[later], plain)


def test_a_steady_one_is_left_alone_and_the_figures_are_told() -> None:
    found = correct(False)
    assert (found.window, found.now) == (0, 0.0)
    assert not found.shifts.any()
    assert set(found.log_losses) == {0, 250, 1_000, 4_000}


def test_a_level_fitted_on_the_rows_it_is_chosen_on_is_no_rival() -> None:
    """The calibration's intercept has seen these rows: what it gets right there is no reason against a correction."""
    log_odds, converted, cutoff = world(True)
    seen = (cutoff > 300 * DAY) & (cutoff < 600 * DAY)
    fitted = log_odds + shift(log_odds[seen], converted[seen])
    found = recent_rate(fitted, converted, cutoff, HORIZON, 600 * DAY, 1_010 * DAY)
    assert found.window > 0
    assert log_loss(converted[seen], inverse_logit(fitted[seen])) < found.log_losses[0]


def test_too_little_is_not_looked_at() -> None:
    log_odds, converted, cutoff = (column[:300] for column in world(True))
    assert recent_rate(log_odds, converted, cutoff, HORIZON, int(cutoff[-1]), int(cutoff[-1])).log_losses == {}


def test_outcomes_that_are_not_known_yet_change_nothing() -> None:
    log_odds, converted, cutoff = world(True)
    before = roll(log_odds, converted, cutoff, HORIZON, 1_000)
    moment = 7_000
    unknown = cutoff + HORIZON > cutoff[moment]
    other = np.where(unknown, ~converted, converted)
    after = roll(log_odds, other, cutoff, HORIZON, 1_000)
    assert np.array_equal(before[: moment + 1], after[: moment + 1])
    assert not np.array_equal(before, after)


def test_the_shift_by_hand() -> None:
    """Everyone promised one half, nine of ten came true: log 9, drawn a little to zero."""
    converted = np.arange(1_000) % 10 != 0
    assert shift(np.zeros(1_000), converted) == pytest.approx(np.log(9), abs=0.03)
    assert shift(np.zeros(0), np.zeros(0, np.bool_)) == 0.0

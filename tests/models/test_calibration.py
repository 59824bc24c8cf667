"""Calibration, percentiles and grades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import Affine, fit_affine, inverse_logit
from models.propensity import Reference
from models.score import grade_of


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -1.0), (1.6, 0.7), (0.8, 2.0)])
def test_a_known_slope_and_intercept_are_recovered(slope: float, intercept: float) -> None:
    draw = np.random.default_rng(1)
    margin = draw.normal(0, 1.5, 200_000)
    converted = draw.random(len(margin)) < inverse_logit(intercept + slope * margin)
    found = fit_affine(margin, converted)
    assert found.slope == pytest.approx(slope, abs=0.03)
    assert found.intercept == pytest.approx(intercept, abs=0.03)


def test_without_rows_the_prior_stands() -> None:
    assert fit_affine(np.zeros(0), np.zeros(0, np.bool_)) == Affine(1.0, 0.0)


def test_few_rows_move_the_slope_less_than_many() -> None:
    draw = np.random.default_rng(2)
    margin = draw.normal(0, 1, 20_000)
    converted = draw.random(len(margin)) < inverse_logit(0.2 * margin)
    few, many = fit_affine(margin[:20], converted[:20]), fit_affine(margin, converted)
    assert abs(many.slope - 0.2) < 0.05 < abs(few.slope - 0.2)


def test_separated_rows_give_finite_numbers() -> None:
    margin = np.array([-3.0, -2, -1, 1, 2, 3])
    found = fit_affine(margin, margin > 0)
    assert np.isfinite([found.slope, found.intercept]).all()
    assert found.slope < 5


def test_a_ranking_is_never_turned_round() -> None:
    margin = np.linspace(-4, 4, 5_000)
    assert fit_affine(margin, margin < 0).slope == 0.05


def test_a_weight_of_two_is_a_row_twice() -> None:
    draw = np.random.default_rng(3)
    margin, converted = draw.normal(0, 1, 300), draw.random(300) < 0.3
    twice = fit_affine(np.tile(margin, 2), np.tile(converted, 2))
    assert fit_affine(margin, converted, np.full(300, 2.0)).slope == pytest.approx(twice.slope, abs=1e-9)


@given(st.lists(st.floats(-800, 800), min_size=2, max_size=30))
def test_the_inverse_logit_is_monotone_and_within_bounds(odds: list[float]) -> None:
    found = inverse_logit(np.sort(np.array(odds)))
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_inverse_logit_of_known_values() -> None:
    assert inverse_logit(np.array([0.0, np.log(3), -np.log(3)])) == pytest.approx([0.5, 0.75, 0.25], abs=1e-15)


def reference(*log_odds: float) -> Reference:
    return Reference(log_odds, 0.2, len(log_odds))


def test_percentiles_stay_within_1_and_99() -> None:
    hundred = reference(*np.linspace(-1, 1, 101).tolist())
    assert hundred.percentile(np.array([-1e9, -np.inf, 1e9, np.inf])).tolist() == [1, 1, 99, 99]
    assert hundred.percentile(np.array([0.0])).tolist() == [50]


def test_ties_count_half() -> None:
    assert reference(0.0, 0.0, 0.0, 0.0).percentile(np.array([0.0])).tolist() == [50]
    assert reference(-1.0, 0.0, 0.0, 1.0).percentile(np.array([-1.0, 0.0, 0.5, 1.0])).tolist() == [13, 50, 75, 88]


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=50), st.lists(st.floats(-10, 10), min_size=2, max_size=20))
def test_percentiles_follow_the_order_of_the_log_odds(cohort: list[float], asked: list[float]) -> None:
    found = reference(*sorted(cohort)).percentile(np.sort(np.array(asked)))
    assert (np.diff(found) >= 0).all()
    assert ((found >= 1) & (found <= 99)).all()


@pytest.mark.parametrize(
    ("score", "grade"),
    [(99, "A"), (90, "A"), (89, "B"), (70, "B"), (69, "C"), (40, "C"), (39, "D"), (1, "D")],
)
def test_grades(score: int, grade: str) -> None:
    assert grade_of(score) == grade

"""Metrics against scikit-learn and by hand; the bootstrap draws whole accounts and repeats itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from training.draws import Sorted, drawn
from training.judge import (
    METRICS,
    average_precision,
    brier,
    calibration_error,
    calibration_line,
    judge,
    lift_at,
    log_loss,
    roc_auc,
    row_losses,
)

#: Outcomes and probabilities, these from few values, so that ties are common.
ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.75, 0.99])), min_size=2, max_size=60
)


def columns(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_metrics_are_those_of_sklearn(rows: list[tuple[bool, float]]) -> None:
    converted, probability = columns(rows)
    assert log_loss(converted, probability) == pytest.approx(
        metrics.log_loss(converted, probability, labels=[False, True]), abs=1e-12
    )
    assert brier(converted, probability) == pytest.approx(float(np.mean((converted - probability) ** 2)), abs=1e-15)
    if 0 < converted.sum() < len(converted):
        assert brier(converted, probability) == pytest.approx(
            metrics.brier_score_loss(converted, probability), abs=1e-12
        )
        assert roc_auc(converted, probability) == pytest.approx(
            metrics.roc_auc_score(converted, probability), abs=1e-12
        )
    if converted.any():
        assert average_precision(converted, probability) == pytest.approx(
            metrics.average_precision_score(converted, probability), abs=1e-12
        )


def test_one_class_has_no_ranking() -> None:
    no = np.zeros(5, np.bool_)
    assert np.isnan([roc_auc(no, np.ones(5)), roc_auc(~no, np.ones(5)), average_precision(no, np.ones(5))]).all()
    assert np.isnan(lift_at(no, np.ones(5)))


def test_a_sure_mistake_costs_much_but_not_infinity() -> None:
    assert 20 < log_loss(np.array([True]), np.array([0.0])) < 40


def test_lift_by_hand() -> None:
    converted = np.array([True, True, False, True, True] + [False] * 15)  # 4 of 20
    falling = np.linspace(0.9, 0.1, 20)
    assert lift_at(converted, falling) == pytest.approx(5.0)  # both of the top two, at a rate of a fifth
    assert lift_at(converted, falling, 0.25) == pytest.approx(4 / 5 / 0.2)
    assert lift_at(converted, np.full(20, 0.5)) == pytest.approx(1.0)
    tied = falling.copy()
    tied[1:5] = 0.8  # one of the top two places is shared by four rows, three of which converted
    assert lift_at(converted, tied) == pytest.approx((1 + 0.75) / 2 / 0.2)


def test_calibration_error_by_hand() -> None:
    probability = np.array([0.1] * 5 + [0.9] * 5)
    converted = np.array([True, *[False] * 4, *[True] * 5])
    assert calibration_error(converted, probability, bins=2) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)
    assert calibration_error(np.ones(5, np.bool_), np.ones(5)) == 0.0


@pytest.mark.parametrize(("stretch", "shift"), [(1.0, 0.0), (2.0, 0.0), (0.5, 1.0), (1.0, -0.7)])
def test_calibration_line_by_hand(stretch: float, shift: float) -> None:
    """20 % of 500 and 80 % of 500 convert; what was claimed is stretched and shifted in log-odds."""
    converted = np.concatenate([np.arange(500) < 100, np.arange(500) < 400])
    odds = np.log(4) * np.concatenate([np.full(500, -1.0), np.full(500, 1.0)])
    slope, intercept = calibration_line(converted, 1 / (1 + np.exp(-(stretch * odds + shift))))
    assert slope == pytest.approx(1 / stretch, abs=1e-6)
    assert intercept == pytest.approx(-shift / stretch, abs=1e-6)


def test_calibration_line_needs_two_classes_and_a_spread() -> None:
    assert np.isnan(calibration_line(np.array([True, False]), np.array([0.3, 0.3]))).all()
    assert np.isnan(calibration_line(np.array([True, True]), np.array([0.3, 0.4]))).all()


def test_the_bootstrap_draws_whole_accounts() -> None:
    groups = np.array([7, 3, 3, 7, 9, 3, -1])
    for times in drawn(groups, seed=0, draws=50):
        for group in np.unique(groups):
            assert len(set(times[groups == group].tolist())) == 1
        assert sum(int(times[groups == group][0]) for group in np.unique(groups)) == 4  # as many draws as accounts


@given(ROWS, st.data())
@settings(max_examples=300, deadline=None)
def test_a_draw_is_judged_as_its_rows_repeated(rows: list[tuple[bool, float]], data: st.DataObject) -> None:
    converted, probability = columns(rows)
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))))
    times[0] += 1  # nobody draws nobody
    repeated = np.repeat(np.arange(len(rows)), times)
    table = Sorted.of(converted, probability, row_losses(converted, probability), (1.0, 0.0))
    found = table.metrics(times)
    assert set(found) == set(METRICS)
    for name in set(METRICS) - {"calibration_slope", "calibration_intercept"}:
        expected = METRICS[name](converted[repeated], probability[repeated])
        assert found[name] == pytest.approx(expected, abs=1e-9, nan_ok=True), name


def test_a_draws_calibration_line_is_that_of_its_rows_repeated() -> None:
    draw = np.random.default_rng(8)
    probability = draw.uniform(0.05, 0.6, 500)
    converted, times = draw.random(500) < probability, draw.integers(0, 3, 500)
    repeated = np.repeat(np.arange(500), times)
    for begin in ((1.0, 0.0), (0.3, -2.0), (float("nan"), float("nan"))):
        table = Sorted.of(converted, probability, row_losses(converted, probability), begin)
        found = table.metrics(times)
        slope, intercept = calibration_line(converted[repeated], probability[repeated])
        assert found["calibration_slope"] == pytest.approx(slope, abs=1e-8)
        assert found["calibration_intercept"] == pytest.approx(intercept, abs=1e-8)


def test_judging_repeats_itself_and_the_interval_holds_the_value() -> None:
    draw = np.random.default_rng(5)
    probability = draw.uniform(0.05, 0.6, 800)
    converted, groups = draw.random(800) < probability, draw.integers(0, 200, 800)
    one, other = (judge(converted, probability, groups, seed=1, draws=60) for _ in range(2))
    assert one == other
    assert set(one) == set(METRICS)
    assert one["brier"] != judge(converted, probability, groups, seed=2, draws=60)["brier"]
    for name in ("log_loss", "brier", "roc_auc", "calibration_slope"):
        assert one[name].low < one[name].value < one[name].high


def test_large_accounts_widen_the_interval() -> None:
    draw = np.random.default_rng(6)
    fate = np.repeat(draw.random(40) < 0.3, 20)  # all of an account convert, or nobody
    probability = np.full(800, 0.3)
    alone = judge(fate, probability, np.arange(800), seed=0, draws=100)["brier"]
    together = judge(fate, probability, np.repeat(np.arange(40), 20), seed=0, draws=100)["brier"]
    assert together.high - together.low > 2 * (alone.high - alone.low)

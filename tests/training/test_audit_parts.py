"""The audit's statistics, by hand and beside independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from engagement.funnel import Conversion
from engagement.times import DAY
from training.audit_fields import Column, _numbers, _texts
from training.audit_power import _area, at_random, in_time, power, standard_error
from training.audit_ratio import limits, purest, ratio
from training.label_times import LabelTimes

A_WEEK = Conversion("a_to_b", "a", "b", "a", "b", horizon=7 * DAY)


def label_times_of(converted: np.ndarray) -> LabelTimes:
    """One row a contact, one a day."""
    n = len(converted)
    code = np.arange(n, dtype=np.int32)
    return LabelTimes(A_WEEK, n * DAY, code, np.full(n, -1, np.int32), np.arange(n) * DAY, converted, 0)


def test_limits_of_a_share_by_hand() -> None:
    assert limits(0, 10, 0.05) == pytest.approx((0.0, 1 - 0.05 ** (1 / 10)))  # the rule of three, exactly
    assert limits(10, 10, 0.05) == pytest.approx((0.05 ** (1 / 10), 1.0))
    low, high = limits(3, 20, 0.025)
    exact = binomtest(3, 20).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))


def test_a_ratio_by_hand() -> None:
    seen = np.array([True] * 30 + [False] * 70 + [True] * 1 + [False] * 99)
    converted = np.arange(200) < 100
    found = ratio(seen, converted, True, 0.01)
    assert (found.seen, found.of, found.others_seen, found.others) == (30, 100, 1, 100)
    assert found.least == pytest.approx(limits(30, 100, 0.005)[0] / limits(1, 100, 0.005)[1])
    assert found.least < 30 / 1  # 30 times as often as seen, but surely only some
    assert ratio(~seen, converted, False, 0.01).seen == 99


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_a_ratio_is_less_than_seen_and_grows_with_the_evidence(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)

    def least(times: int) -> float:
        seen = np.repeat([True, False, True, False], [times * a, times * (n - a), times * b, times * (m - b)])
        return ratio(seen, np.arange(len(seen)) < times * n, True, 0.01).least

    if a and b:
        assert least(1) <= least(10) <= (a / n) / (b / m) + 1e-9


def test_the_purest_values_are_found_and_counted_apart() -> None:
    # "won" and "lost" have one class each, "open" both; 60 of 100 and 50 of 200.
    codes = np.array([1] * 60 + [2] * 40 + [2] * 150 + [3] * 50, np.int32)
    converted = np.arange(300) < 100
    mixed = np.random.default_rng(0).permutation(300)
    codes, converted = codes[mixed], converted[mixed]
    mine = purest(codes, 4, converted, True, 0.01)
    other = purest(codes, 4, converted, False, 0.01)
    assert mine is not None and other is not None
    assert (mine.seen, mine.of, mine.others_seen, mine.bins.tolist()) == (60, 100, 0, [1])
    assert (other.seen, other.of, other.others_seen, other.bins.tolist()) == (50, 200, 0, [3])
    assert purest(np.ones(300, np.int32), 4, converted, True, 0.01) is None


def test_a_pure_value_by_chance_does_not_survive_the_other_half() -> None:
    """A thousand values, a few rows each: some look pure in one half. Counted in the other half they are not."""
    draw = np.random.default_rng(3)
    codes, converted = draw.integers(0, 1000, 5_000).astype(np.int32), draw.random(5_000) < 0.3
    found = purest(codes, 1000, converted, True, 0.01)
    assert found is not None and len(found.bins) > 20
    assert found.least < 1.5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=80))
def test_the_area_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    code, yes = np.array([c for c, _ in rows]), np.array([y for _, y in rows])
    if yes.all() or not yes.any():
        return
    rate = np.array([0.5, 0.1, 0.9, 0.1, 0.3, 0.7, 0.5])
    counts = [np.bincount(code[of], minlength=7) for of in (yes, ~yes)]
    assert _area(rate, *counts) == pytest.approx(roc_auc_score(yes, rate[code]))


def test_the_standard_error_is_that_of_simulated_areas() -> None:
    """The formula is exact for exponential scores, whose area is mean / (1 + mean)."""
    draw = np.random.default_rng(0)
    yes, no = draw.exponential(4, (4_000, 30, 1)), draw.exponential(1, (4_000, 1, 40))
    areas = (yes > no).mean(axis=(1, 2))
    assert areas.mean() == pytest.approx(0.8, abs=0.005)
    assert standard_error(0.8, 30, 40) == pytest.approx(areas.std(), rel=0.05)
    assert standard_error(1.0, 50, 50) > 0.01


def test_power_forward_in_time_and_at_random() -> None:
    """A column that says which tenth of the time it is: it ranks at random, and says nothing about the future."""
    draw = np.random.default_rng(1)
    n = 4_000
    tenth = np.arange(n) * 10 // n
    converted = draw.random(n) < np.where(tenth % 2 == 0, 0.1, 0.6)
    rows = label_times_of(converted)
    unit = np.arange(n)
    clock = power((tenth + 1).astype(np.int32), 11, converted, at_random(rows, unit))
    ahead = power((tenth + 1).astype(np.int32), 11, converted, in_time(rows, unit))
    assert clock is not None and clock.auc > 0.75
    assert ahead is not None and ahead.auc == 0.5  # never seen when it was learnt
    honest = np.where(draw.random(n) < 0.8, converted, ~converted).astype(np.int32) + 1
    both = [power(honest, 3, converted, trial) for trial in (at_random(rows, unit), in_time(rows, unit))]
    assert [one.auc if one else 0 for one in both] == pytest.approx([0.8, 0.8], abs=0.03)


def test_too_little_is_no_trial() -> None:
    rows = label_times_of(np.arange(100) % 20 == 0)
    assert in_time(rows, np.arange(100)) is None and at_random(rows, np.arange(100)) is None
    assert power(np.zeros(100, np.int32), 1, rows.converted, None) is None


def test_rows_of_one_contact_count_once() -> None:
    rows = label_times_of(np.arange(1_000) % 2 == 0)
    trial = at_random(rows, np.arange(1_000) // 10)
    assert trial is not None and (trial.positives, trial.negatives) == (100, 100)


def test_bins_of_numbers_and_texts() -> None:
    few = _numbers("n", np.array([1.0, 2.0, 2.0, np.nan, 5.0]))
    assert few.codes.tolist() == [1, 2, 2, 0, 3]
    assert few.labels == ("missing", "below 2", "2 to below 5", "at least 5")
    many = _numbers("n", np.arange(1000.0))
    assert len(many.labels) == 21 and set(np.bincount(many.codes)[1:].tolist()) <= {49, 50, 51}
    texts = _texts("t", np.array([0.0] * 10 + [1.0] * 12 + [2.0] * 3 + [np.nan]), ("a", "b", "c"))
    assert texts.labels == ("missing", "a", "b", "another value")
    assert np.bincount(texts.codes).tolist() == [1, 10, 12, 3]


def test_bins_in_words() -> None:
    number = Column("n", np.zeros(0, np.int32), (), (10.0, 20.0, 30.0))
    assert number.told(np.array([1, 2])) == "below 20"
    assert number.told(np.array([0, 2, 4])) == "missing, 10 to below 20, at least 30"
    text = Column("t", np.zeros(0, np.int32), ("missing", "a", "b", "c", "d"))
    assert text.told(np.array([1, 2])) == "'a', 'b'"
    assert text.told(np.array([0, 1, 2, 3, 4])) == "missing, 'a', 'b' and 2 more"

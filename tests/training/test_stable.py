"""Columns that drift with the calendar are found, and left out where they mislead."""

from __future__ import annotations

import numpy as np

from engagement.funnel import Conversion
from engagement.times import DAY
from features.declare import AsOf, Count, Recency
from features.feature_set import FeatureSet
from training.label_times import LabelTimes
from training.slices import Judgeable
from training.slicing import by_attribute
from training.split import Split
from training.stable import BOUNDS, find_stable
from training.train import Table, learn


def history(rows: int = 6_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A telling column that holds still, noise, and one that grows with time while the rate rises, then falls."""
    draw = np.random.default_rng(4)
    share = np.linspace(0, 1, rows)
    steady, noise = draw.normal(0, 1, rows), draw.normal(0, 1, rows)
    calendar = share + draw.normal(0, 0.01, rows)
    tide = np.where(share < 0.69, 5 * share, 0.0) - 2.5
    converted = draw.random(rows) < 1 / (1 + np.exp(-(1.5 * steady + tide)))
    return np.column_stack([steady, noise, calendar]), converted, (share * 2000 * DAY).astype(np.int64)


def test_a_misleading_calendar_column_is_left_out() -> None:
    matrix, converted, cutoff = history()
    found = find_stable(matrix, converted, cutoff, 10 * DAY, [], seed=0)
    assert found.drift[2] > 0.9
    assert found.drift[:2].max() < 0.06
    assert found.kept.tolist() == [0, 1]
    assert found.log_losses[found.bound] == min(found.log_losses.values()) < found.log_losses[BOUNDS[0]]


def test_a_drifting_column_that_helps_is_kept() -> None:
    matrix, converted, cutoff = history()
    helpful = np.random.default_rng(1).normal(3.0 * converted, 1) + np.linspace(0, 1, len(matrix))
    found = find_stable(np.column_stack([matrix[:, 1], helpful]), converted, cutoff, 10 * DAY, [], seed=0)
    assert found.drift[1] > 0.15
    assert 1 in found.kept


def test_too_little_to_try_keeps_everything() -> None:
    matrix, converted, cutoff = history(120)
    found = find_stable(matrix, converted, cutoff, 10 * DAY, [], seed=0)
    assert found.kept.tolist() == [0, 1, 2]
    assert found.log_losses == {}


def test_missing_is_a_value_that_can_drift() -> None:
    matrix, converted, cutoff = history()
    matrix[: len(matrix) // 2, 1] = np.nan
    assert find_stable(matrix, converted, cutoff, 10 * DAY, [], seed=0).drift[1] == 1.0


def test_it_repeats_itself() -> None:
    rows = history()
    one, other = (find_stable(*rows, 10 * DAY, [], seed=3) for _ in range(2))
    assert one.log_losses == other.log_losses


def test_a_drifting_attribute_is_not_learnt_from_and_sliced_all_the_same() -> None:
    matrix, converted, cutoff = history(12_000)
    matrix[:, 2] += np.random.default_rng(5).normal(0, 0.2, len(matrix))
    conversion = Conversion("tide", "a", "b", "start", "goal", 10 * DAY)
    nobody, people = np.full(len(cutoff), -1, np.int32), np.arange(len(cutoff), dtype=np.int32)
    rows = LabelTimes(conversion, int(cutoff[-1]) + 20 * DAY, people, nobody, cutoff, converted, 0)
    features = FeatureSet((Count("visit", window=DAY), Recency(), AsOf("employees")))
    nothing, recency = np.zeros(0, np.int64), np.abs(matrix[:, 1])
    split = Split(np.arange(11_000), nothing, np.arange(11_100, 12_000), int(cutoff[11_000]), int(cutoff[11_100]))
    found = learn(Table(rows, split, features, matrix, recency), 0, None, lambda text, share: None)
    assert found.left_out == ("employees",)
    (slices,) = by_attribute(found, Judgeable.of(found))
    assert {one.by for one in slices} == {"employees"}
    assert sum(one.rows for one in slices) == len(found.split.test)

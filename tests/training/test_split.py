"""Splits by time: parts in order, disjoint, one horizon apart, and what happens when history is short."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import NotEnoughData
from engagement.funnel import Conversion
from engagement.times import DAY, days
from training.label_times import LabelTimes
from training.split import Split, fold_of, group_of, split_at, split_by_time


def rows_over(length_days: float, number: int, horizon_days: float, share: float = 0.5, seed: int = 0) -> LabelTimes:
    """So many rows, evenly over time, of which this share converted."""
    conversion = Conversion("mql_to_meeting", "mql", "meeting", "mql", "meeting_held", days(horizon_days))
    draw = np.random.default_rng(seed)
    cutoff = np.linspace(0, days(length_days) - 1, number).astype(np.int64)
    contact = np.arange(number, dtype=np.int32)
    converted = draw.permutation(np.arange(number) < round(share * number))
    return LabelTimes(conversion, days(2 * length_days), contact, contact // 3, cutoff, converted, 0)


def assert_sound(rows: LabelTimes, split: Split) -> None:
    """No row of a part looks into the time of the next."""
    parts = [part for part in (split.train, split.calibrate, split.test) if len(part)]
    taken = np.concatenate(parts)
    assert len(np.unique(taken)) == len(taken)
    assert len(split.train)
    for earlier, later in pairwise(parts):
        assert rows.cutoff[earlier].max() + rows.conversion.horizon <= rows.cutoff[later].min()
    assert rows.cutoff[split.train].max() < split.train_end
    if len(split.test):
        assert rows.cutoff[split.test].min() >= split.test_start
        assert split.test_start >= split.train_end + rows.conversion.horizon
        assert split.test[-1] == len(rows) - 1, "the newest rows are to judge by"
    for part in parts:
        assert part.tolist() == list(range(part[0], part[-1] + 1))


def test_long_history_has_three_parts() -> None:
    rows = rows_over(1_000, 10_000, 30)
    split = split_by_time(rows)
    assert_sound(rows, split)
    assert split.plan == "train | gap | calibrate | gap | test"
    # 940 usable days: 564 to learn, 188 to calibrate, 188 to judge, and 30 in each gap.
    assert [len(part) for part in (split.train, split.calibrate, split.test)] == pytest.approx(
        [5_640, 1_880, 1_880], abs=2
    )
    assert (split.train_end, split.test_start) == (days(564), days(564 + 30 + 188 + 30))


def test_a_test_part_that_begins_when_it_is_told() -> None:
    rows = rows_over(1_000, 10_000, 30)
    split = split_at(rows, days(700))
    assert_sound(rows, split)
    assert (split.train_end, split.test_start) == (days(480), days(700))  # 640 usable days, three quarters to learn
    assert split.calibrate[-1] == 6_699 and split.test[0] == 7_000
    short = split_at(rows_over(1_000, 10_000, 200), days(700))
    assert_sound(rows_over(1_000, 10_000, 200), short)
    assert not len(short.calibrate) and short.train_end == days(500)
    with pytest.raises(NotEnoughData, match="too little to learn from"):
        split_at(rows, days(30))


def test_gaps_that_would_cost_too_much_leave_one() -> None:
    for horizon, calibrated in ((125, True), (125.1, False)):  # two gaps are at most a quarter of 1,000 days
        rows = rows_over(1_000, 10_000, horizon)
        split = split_by_time(rows)
        assert_sound(rows, split)
        assert (len(split.calibrate) > 0) == calibrated
        assert len(split.test)
    assert split.plan == "train (calibration cross-fitted) | gap | test"
    assert split.train_end == pytest.approx(0.7 * (1_000 - 125.1) * DAY, abs=1)
    assert split.test_start == split.train_end + rows.conversion.horizon


def test_too_few_to_calibrate_on_leave_one_gap() -> None:
    # 18.8 % of the rows are to calibrate and to judge on: a hundred of each class there need some 1,100 rows.
    split = split_by_time(rows_over(1_000, 1_300, 30))
    assert len(split.calibrate) > 0
    rows = rows_over(1_000, 900, 30)
    split = split_by_time(rows)
    assert_sound(rows, split)
    assert len(split.calibrate) == 0
    assert len(split.test) > 0


@pytest.mark.parametrize(("length", "horizon"), [(100, 100), (100, 400), (30, 29.9)])
def test_history_shorter_than_a_horizon_is_not_judged(length: float, horizon: float) -> None:
    rows = rows_over(length, 400, horizon)
    split = split_by_time(rows)
    assert split.train.tolist() == list(range(400))
    assert len(split.calibrate) == len(split.test) == 0
    assert split.train_end == split.test_start == rows.cutoff[-1] + 1
    assert split.plan.endswith("history too short for a test one horizon later")


def test_few_to_judge_by_are_not_judged() -> None:
    assert len(split_by_time(rows_over(1_000, 150, 30)).test) > 0  # about 44 rows, half of them converted
    assert len(split_by_time(rows_over(1_000, 110, 30)).test) == 0  # about 32


@pytest.mark.parametrize("share", [0.0, 0.09, 0.91, 1.0])
def test_too_few_of_a_class_to_learn_from(share: float) -> None:
    rows = rows_over(1_000, 100, 30, share)
    with pytest.raises(NotEnoughData, match=f"{round(share * 100)} conversions in 100 mature rows"):
        split_by_time(rows)


def test_just_enough_of_a_class() -> None:
    for share in (0.1, 0.9):
        assert len(split_by_time(rows_over(1_000, 100, 30, share)).train) == 100


def test_one_row() -> None:
    with pytest.raises(NotEnoughData, match="too little to learn mql_to_meeting from"):
        split_by_time(rows_over(1, 1, 30))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.floats(1, 2_000), st.integers(2, 3_000), st.floats(0.5, 400), st.floats(0, 1), st.integers(0, 9), st.booleans()
)
def test_any_split_is_sound(length: float, number: int, horizon: float, share: float, seed: int, lumpy: bool) -> None:
    rows = rows_over(length, number, horizon, share, seed)
    if lumpy:  # many rows at the very same instants
        coarse = rows.cutoff // days(7) * days(7)
        rows = LabelTimes(rows.conversion, rows.as_of, rows.contact, rows.account, coarse, rows.converted, 0)
    yes = int(rows.converted.sum())
    if min(yes, number - yes) < 10:
        with pytest.raises(NotEnoughData):
            split_by_time(rows)
        return
    split = split_by_time(rows)
    assert_sound(rows, split)
    if len(split.calibrate):
        assert all(_least(rows, part) >= 100 for part in (split.train, split.calibrate, split.test))
    elif len(split.test):
        assert all(_least(rows, part) >= 20 for part in (split.train, split.test))


def _least(rows: LabelTimes, part: np.typing.NDArray[np.int64]) -> int:
    yes = int(rows.converted[part].sum())
    return min(yes, len(part) - yes)


def test_groups_are_accounts_else_contacts() -> None:
    rows = rows_over(10, 6, 1)
    account = np.array([0, 0, -1, -1, 5, -1], np.int32)
    contact = np.array([0, 1, 0, 2, 3, 0], np.int32)
    group = group_of(LabelTimes(rows.conversion, 0, contact, account, rows.cutoff, rows.converted, 0))
    assert [[int(a == b) for b in group] for a in group] == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0, 1],
    ]


def test_folds_keep_groups_whole_and_are_even() -> None:
    groups = np.random.default_rng(1).integers(-50, 50, 1_000)
    folds = fold_of(groups, 5, seed=3)
    assert set(folds.tolist()) == {0, 1, 2, 3, 4}
    fold_of_group = {int(g): int(f) for g, f in zip(groups, folds, strict=True)}
    assert [fold_of_group[int(g)] for g in groups] == folds.tolist()
    sizes = np.bincount(list(fold_of_group.values()))
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(folds, fold_of(groups, 5, seed=3))
    assert not np.array_equal(folds, fold_of(groups, 5, seed=4))

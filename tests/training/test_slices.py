"""Slices: literal tables, parts that add up to the whole, and who is too small to be judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training.judge import calibration_error, lift_at
from training.slices import Judgeable, Slice
from training.slicing import by_band, by_grade, by_tenth, places, ranges, whole


def judgeable(converted: list[bool], probability: list[float], percentile: list[int] | None = None) -> Judgeable:
    number = len(converted)
    places = np.array(percentile or [50] * number)
    return Judgeable(np.array(converted), np.array(probability), places, np.arange(number), 0)


def test_a_table_to_check_by_eye() -> None:
    test = judgeable([True, False, True, False, False], [0.9, 0.3, 0.2, 0.2, 0.1], [95, 75, 50, 50, 3])
    cut = test.cut("source", ["web", "fair", "nobody"], np.array([0, 0, 1, 1, 1]))
    told = [(one.by, one.value, one.rows, one.converted, one.rate, round(one.promised, 3)) for one in cut]
    assert told == [("source", "web", 2, 1, 0.5, 0.6), ("source", "fair", 3, 1, 1 / 3, 0.167)]
    assert [one.gap for one in cut] == [None, None]  # far too few to judge
    assert [one.grade_a for one in cut] == [0.5, 0.0]
    assert [round(one.chosen, 3) for one in cut] == [0.25, 0.0]  # the highest tenth of five rows is half a row
    assert [(one.value, one.rows) for one in by_grade(test)] == [("A", 1), ("B", 1), ("C", 2), ("D", 1)]
    assert [(one.value, one.rows) for one in by_band(test)] == [
        ("10% to 15%", 1),
        ("20% to 30%", 2),
        ("30% to 40%", 1),
        ("80% to 100%", 1),
    ]


@pytest.mark.parametrize(
    ("rows", "converted", "promised", "judged"),
    [
        (60, 12, 0.2, True),
        (49, 12, 0.2, False),  # rows
        (60, 9, 0.1, False),  # conversions, seen (9) and promised (6)
        (60, 0, 0.3, True),  # 18 promised, none seen: the worst slice of all must not hide
    ],
)
def test_who_is_too_small(rows: int, converted: int, promised: float, judged: bool) -> None:
    test = judgeable([k < converted for k in range(rows)], [promised] * rows)
    (one,) = test.cut("source", ["web"], np.zeros(rows, np.int64))
    assert (one.gap is not None) == judged
    if one.gap and one.true:
        assert one.gap.value == pytest.approx(promised - converted / rows)
        assert one.gap.low - 1e-9 <= one.gap.value <= one.gap.high + 1e-9
        assert one.true.value == one.rate


def test_few_accounts_are_not_judged_and_none_of_many_is_not_certainty() -> None:
    few = Judgeable(np.arange(80) < 20, np.full(80, 0.25), np.full(80, 50), np.arange(80) % 9, 0)
    assert few.cut("source", ["web"], np.zeros(80, np.int64))[0].gap is None
    (none,) = judgeable([False] * 60, [0.3] * 60).cut("source", ["web"], np.zeros(60, np.int64))
    assert none.true is not None
    assert (none.true.low, none.true.high) == (0.0, pytest.approx(0.0596, abs=1e-4))  # Clopper-Pearson, 0 of 60
    assert none.gap is not None
    assert none.gap.low == pytest.approx(0.3 - 0.0596, abs=1e-4)
    assert none.gap.high == pytest.approx(0.3)


def test_a_broken_promise_strays_and_a_kept_one_does_not() -> None:
    draw = np.random.default_rng(1)
    converted = draw.random(2_000) < 0.2
    codes = (np.arange(2_000) >= 1_000).astype(np.int64)
    probability = np.where(codes == 1, 0.4, 0.2)
    kept, broken = judgeable(converted.tolist(), probability.tolist()).cut("source", ["kept", "broken"], codes)
    assert (kept.strays, broken.strays) == (False, True)
    assert broken.gap is not None
    assert broken.gap.high - broken.gap.low == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / 1_000), rel=0.25)


def test_whole_accounts_are_drawn() -> None:
    """The same rows in ten accounts instead of a thousand tell much less."""
    draw = np.random.default_rng(2)
    of_account = np.repeat(np.arange(10), 100)
    converted = (draw.random(10) < 0.5)[of_account]
    one, many = (
        whole(Judgeable(converted, np.full(1_000, 0.5), np.full(1_000, 50), groups, 0))
        for groups in (of_account, np.arange(1_000))
    )
    assert one.gap is not None
    assert many.gap is not None
    assert one.gap.high - one.gap.low > 5 * (many.gap.high - many.gap.low)


rows = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays.arrays(bool, n),
        arrays.arrays(np.float64, n, elements=st.sampled_from([0.02, 0.07, 0.2, 0.5, 0.9])),
        arrays.arrays(np.int64, n, elements=st.integers(1, 99)),
        arrays.arrays(np.int64, n, elements=st.integers(0, 5)),
        arrays.arrays(np.int64, n, elements=st.integers(0, 3)),
    )
)


@settings(deadline=None)
@given(rows)
def test_slices_add_up_to_the_whole(made: tuple[np.ndarray, ...]) -> None:
    converted, probability, percentile, groups, codes = made
    test = Judgeable(converted, probability, percentile, groups, 0)
    everyone = whole(test)
    for cut in (test.cut("x", list("abcd"), codes), by_grade(test), by_band(test), by_tenth(test)):
        assert sum(one.rows for one in cut) == everyone.rows == len(converted)
        assert sum(one.converted for one in cut) == converted.sum()
        for name in ("rate", "promised", "chosen", "grade_a"):
            mean = sum(getattr(one, name) * one.rows for one in cut) / len(converted)
            assert mean == pytest.approx(getattr(everyone, name), abs=1e-12)
    assert test.chosen.sum() == pytest.approx(0.1 * len(converted))
    if converted.any() and len(converted) >= 10:
        assert test.chosen_rate / converted.mean() == pytest.approx(lift_at(converted, probability))


def test_tenths_are_those_of_the_calibration_error() -> None:
    draw = np.random.default_rng(3)
    probability = draw.permutation(np.linspace(0.01, 0.99, 1_000))
    converted = draw.random(1_000) < probability**2
    tenths: list[Slice] = by_tenth(Judgeable(converted, probability, np.full(1_000, 50), np.arange(1_000), 0))
    mean = sum(abs(one.promised - one.rate) * one.rows for one in tenths) / 1_000
    assert [one.rows for one in tenths] == [100] * 10
    assert mean == pytest.approx(calibration_error(converted, probability))


def test_places_the_frequent_the_others_the_missing() -> None:
    categories = tuple("abcdefghijkl")
    values = np.array([*range(12), *range(8), 12, np.nan])  # i to l once only, and one value that training never saw
    labels, codes = places(categories, values)
    assert labels == [*"abcdefgh", "(others)", "(missing)"]
    assert codes.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_mail_domains_are_free_or_the_companys() -> None:
    labels, codes = places(("acme.com", "gmail.com", "gmx.de"), np.array([0, 1, 2, 3, np.nan]))
    assert [labels[code] for code in codes] == [
        "company's own domain",
        "free mail",
        "free mail",
        "company's own domain",
        "(missing)",
    ]


def test_numbers_are_cut_where_training_has_as_many() -> None:
    learnt = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan])
    labels, codes = ranges(learnt, np.array([0.0, 3, 4, 5, 100, np.nan]))
    assert labels == ["below 3", "3 to below 5", "5 to below 7", "7 or more", "(missing)"]
    assert codes.tolist() == [0, 1, 1, 2, 3, 4]
    assert ranges(np.array([np.nan]), np.array([1.0, np.nan]))[0] == ["any", "(missing)"]

"""Forecasts are sums of probabilities; an account's win counts once."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from models.forecast import forecast


def test_by_hand() -> None:
    found = forecast([0.5] * 16)
    spread = 1.2816 * 2  # sixteen coins: a standard deviation of two
    assert (found.cases, found.expected) == (16, 8.0)
    assert math.isclose(found.low, 8.0 - spread)
    assert math.isclose(found.high, 8.0 + spread)


def test_the_interval_does_not_go_below_nothing() -> None:
    assert forecast([0.1]).low == 0.0


def test_an_account_counts_once_with_its_likeliest_case() -> None:
    found = forecast([0.5, 0.2, 0.3, 0.1], ["a-1", "a-1", None, None])
    assert found.cases == 3
    assert math.isclose(found.expected, 0.9)


def test_nothing_open() -> None:
    assert forecast([]) == forecast([], [])
    assert forecast([]).expected == 0.0


@given(st.lists(st.floats(0, 1), max_size=50))
def test_the_interval_holds_the_expectation_and_stays_possible(chances: list[float]) -> None:
    found = forecast(chances)
    assert 0 <= found.low <= found.expected + 1e-9
    assert found.expected - 1e-9 <= found.high <= len(chances) + 1e-9

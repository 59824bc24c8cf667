"""The lower rungs: parts by hand, exact effects, and JSON that round-trips."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.additive import Additive, Category, Quantity, base_rate_rung

NAN = math.nan
#: Weight 2 on root(x) - 1 within 0 to 9; a missing value is worth -0.5; the training mean of the part was 0.25.
VISITS = Quantity(0, 0.0, 9.0, 1.0, 2.0, -0.5, 0.25)
#: Two known places, any other, a missing one.
SOURCE = Category(2, (0.3, -0.3), 0.1, 0.0, -0.1)
LINE = Additive("logistic", 3, -1.0, (VISITS,), (SOURCE,))

#: values of three columns → the margin, and the effects of the three
TABLE = [
    ((4.0, 7.0, 0.0), -1.0 + 2.0 + 0.3, (1.75, 0.0, 0.4)),
    ((0.0, NAN, 1.0), -1.0 - 2.0 - 0.3, (-2.25, 0.0, -0.2)),
    ((100.0, 0.0, 2.0), -1.0 + 4.0 + 0.1, (3.75, 0.0, 0.2)),  # held at 9; a place beyond the last
    ((-3.0, 0.0, 9.0), -1.0 - 2.0 + 0.1, (-2.25, 0.0, 0.2)),  # held at 0
    ((NAN, NAN, NAN), -1.0 - 0.5 + 0.0, (-0.75, 0.0, 0.1)),
]


@pytest.mark.parametrize(("row", "margin", "effects"), TABLE)
def test_by_hand(row: tuple[float, ...], margin: float, effects: tuple[float, ...]) -> None:
    matrix = np.array([row])
    assert LINE.margins(matrix)[0] == pytest.approx(margin, abs=1e-12)
    parts = LINE.contributions(matrix)[0]
    assert parts[:3] == pytest.approx(effects, abs=1e-12)
    assert parts.sum() == pytest.approx(margin, abs=1e-12)


def test_a_batch_is_its_rows_to_the_last_bit() -> None:
    matrix = np.random.default_rng(0).normal(4, 3, (1_000, 3))
    matrix[:, 2] = np.random.default_rng(1).integers(0, 4, 1_000)
    one_by_one = np.concatenate([LINE.margins(matrix[i : i + 1]) for i in range(1_000)])
    assert np.array_equal(LINE.margins(matrix), one_by_one)


def test_text_and_back() -> None:
    assert Additive.parse(LINE.text()) == LINE
    with pytest.raises((TypeError, KeyError, ValueError)):
        Additive.parse('{"kind": "logistic"}')


def test_the_base_rate_moves_nothing() -> None:
    rung = base_rate_rung(0.2, 4)
    matrix = np.full((3, 4), NAN)
    assert rung.margins(matrix) == pytest.approx([math.log(0.25)] * 3)
    assert np.array_equal(rung.contributions(matrix)[:, :4], np.zeros((3, 4)))
    assert rung.contributions(matrix)[0, 4] == rung.margins(matrix)[0]

"""The ladder: how far up it goes depends on what the data can prove, and never on more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engagement.times import DAY
from models.calibration import inverse_logit
from training.baselines import naive_bayes
from training.fit import choose_trees, grow, grow_whole
from training.fit_logistic import fit_logistic
from training.judge import log_loss, roc_auc
from training.ladder import Fitted, climb
from training.part import Part

NAMES = ("a", "b", "c", "kind")


def world(rows: int, shape: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three numbers and a category; the outcome follows nothing, a line, or an interaction of two signs."""
    draw = np.random.default_rng(seed)
    matrix = np.column_stack([draw.normal(0, 1, (rows, 3)), draw.integers(0, 3, rows).astype(float)])
    log_odds = {
        "nothing": np.zeros(rows),
        "line": 1.2 * matrix[:, 0] - 0.8 * matrix[:, 1] + np.array([0.0, 0.7, -0.7])[matrix[:, 3].astype(int)],
        "interaction": 2.5 * np.sign(matrix[:, 0] * matrix[:, 1]),
    }[shape]
    converted = draw.random(rows) < inverse_logit(log_odds - 1.0)
    matrix[draw.random((rows, 4)) < 0.05] = np.nan
    return matrix, converted


def part(matrix: np.ndarray, converted: np.ndarray) -> Part:
    cutoff = np.arange(len(matrix), dtype=np.int64) * (1000 * DAY // len(matrix))
    names, categories = NAMES[: matrix.shape[1]], (3,) if matrix.shape[1] == 4 else ()
    return Part(matrix, converted, np.arange(len(matrix)), cutoff, 10 * DAY, names, categories)


def reach(matrix: np.ndarray, converted: np.ndarray, seed: int = 0) -> Fitted:
    return climb(part(matrix, converted), seed)


@pytest.mark.parametrize(
    ("shape", "rows", "rung"),
    [
        ("nothing", 1_000, "base_rate"),
        ("line", 400, "logistic"),
        ("interaction", 3_000, "lightgbm"),
    ],
)
def test_the_rung_that_is_proven(shape: str, rows: int, rung: str) -> None:
    found = reach(*world(rows, shape))
    assert found.rung.kind == rung
    assert [step.rung for step in found.ladder] == ["logistic", "lightgbm"]
    assert "latest training rows" in found.judged_on


@pytest.mark.parametrize("rows", [40, 80, 120])
def test_few_rows_are_judged_by_folds_and_noise_stays_at_the_base_rate(rows: int) -> None:
    found = reach(*world(rows, "nothing", seed=rows))
    assert "out-of-fold" in found.judged_on
    assert found.rung.kind == "base_rate"


@pytest.mark.parametrize("fill", [np.nan, 3.0])
def test_columns_that_say_nothing(fill: float) -> None:
    matrix, converted = world(400, "line")
    found = reach(np.full_like(matrix, fill), converted)
    assert found.rung.kind == "base_rate"
    assert np.unique(found.rung.margins(matrix)).size == 1


def test_no_column_at_all() -> None:
    matrix, converted = world(200, "line")
    found = reach(matrix[:, :0], converted)
    assert found.rung.kind == "base_rate"


def test_the_line_beats_the_base_rate_on_new_rows_and_repeats_itself() -> None:
    matrix, converted = world(600, "line")
    fresh, outcome = world(4_000, "line", seed=9)
    one, other = (fit_logistic(part(matrix, converted), seed=2) for _ in range(2))
    assert one.rung == other.rung
    flat = log_loss(outcome, np.full(len(outcome), converted.mean()))
    assert log_loss(outcome, inverse_logit(one.rung.margins(fresh))) < flat - 0.05
    parts = one.rung.contributions(fresh)
    assert np.allclose(parts.sum(axis=1), one.rung.margins(fresh), atol=1e-12)
    known = one.rung.contributions(matrix)
    assert np.allclose(known[:, :-1].mean(axis=0), 0.0, atol=1e-9)  # effects are against the training mean


def test_naive_bayes_by_hand() -> None:
    """Odoo's rule: prior odds times, for each value, the ratio of its smoothed shares among won and lost."""
    known = np.array([[0.0], [0.0], [1.0], [1.0], [1.0], [np.nan]])
    converted = np.array([True, True, True, False, False, False])
    found = naive_bayes(known, converted, np.array([[0.0], [1.0], [7.0], [np.nan]]))
    won, lost = np.array([2.1, 1.1, 0.1]) / 3.3, np.array([0.1, 2.1, 0.1]) / 2.3
    odds = [won[0] / lost[0], won[1] / lost[1], won[2] / lost[2], 1.0]
    assert found == pytest.approx([one / (1 + one) for one in odds])


def test_of_many_rows_a_sample_chooses_and_the_winner_learns_from_all(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, converted = world(12_000, "interaction")
    outcomes, noise = converted[:8_000], np.random.default_rng(1).random(8_000) < 0.3
    monkeypatch.setattr("training.part.ENOUGH", 2_000)
    drawn = reach(matrix[:2_000], converted[:2_000])
    found = reach(matrix[:8_000], outcomes)
    assert found.rung.kind == "lightgbm"
    new, truth = matrix[8_000:], converted[8_000:]
    losses = [log_loss(truth, inverse_logit(one.rung.margins(new))) for one in (found, drawn)]
    assert losses[0] < losses[1]  # four times the rows teach more
    assert abs(log_loss(outcomes, inverse_logit(found.out_of_fold)) - losses[0]) < 0.05
    in_sample = reach(matrix[:8_000], noise)
    assert in_sample.rung.kind == "base_rate"


def test_margins_of_many_rows_are_from_boosters_that_did_not_see_the_account() -> None:
    """Outcomes follow nothing but the account: whoever saw it knows them, whoever did not is left to guess."""
    draw = np.random.default_rng(3)
    accounts = np.repeat(np.arange(300), 20)[draw.permutation(6_000)]
    fate, told_by = draw.random(300) < 0.5, draw.normal(size=(300, 4))
    matrix = told_by[accounts]
    whole = replace(part(matrix, fate[accounts]), categories=(), groups=accounts.astype(np.int64))
    sample = whole.take(np.arange(0, 6_000, 3))
    _, chosen = grow_whole(whole, sample, choose_trees(sample, 0, sampled=True), 0)
    seen = grow(whole, replace(choose_trees(sample, 0), trees=200), 0)
    assert roc_auc(whole.converted, chosen.out_of_fold) < 0.65 < roc_auc(whole.converted, seen.margins(matrix))

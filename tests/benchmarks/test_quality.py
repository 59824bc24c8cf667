"""The quality benchmark: its figures, its targets, its splits, and that the peers see an honest frame."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import figures, frames, peers, tables
from engagement.times import DAY
from features.declare import AsOf, Count
from features.feature_set import FeatureSet
from tests.lab import Lab
from training.judge import calibration_error, roc_auc
from training.label_times import label_times

TRUE = np.random.default_rng(0).uniform(0.05, 0.6, 4_000)
TESTED = figures.Tested(np.random.default_rng(1).random(4_000) < TRUE, np.arange(4_000))
FLAT = np.full(4_000, TESTED.converted.mean())


def test_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(2).normal(size=4_000)
    assert TESTED.standard_error(values) == pytest.approx(values.std() / np.sqrt(4_000), rel=0.15)
    pairs = replace(TESTED, groups=np.arange(4_000) // 2)
    assert pairs.standard_error(np.repeat(values[:2_000], 2)) == pytest.approx(1 / np.sqrt(2_000), rel=0.2)


def test_paired_with_itself_nothing_differs() -> None:
    assert TESTED.paired(TRUE, TRUE) == (0.0, 0.0)
    gap, error = TESTED.paired(FLAT, TRUE)
    assert gap > 3 * error > 0


def test_chance_alone_leaves_what_the_truth_shows() -> None:
    shown = calibration_error(TESTED.converted, TRUE)
    assert 0.5 < TESTED.chance(TRUE) / shown < 2
    assert TESTED.chance(TRUE[:400]) > TESTED.chance(TRUE)


def test_targets_hold_or_are_missed() -> None:
    peers = {"flat": FLAT, "true": TRUE}

    def held(mine: np.ndarray, auc: float | None = 0.6) -> list[bool]:
        return [one.holds for one in figures.targets(TESTED, mine, mine, peers, auc, drifts=False)]

    def moved(mine: np.ndarray, uncorrected: np.ndarray) -> list[bool]:
        return [one.holds for one in figures.targets(TESTED, mine, uncorrected, {}, None, drifts=True)]

    assert held(TRUE) == [True, True, True]
    assert held(FLAT) == [False, False, True]  # it tells nobody apart, but promises what is true
    assert held(TRUE / 2, auc=None) == [False, False]
    assert moved(TRUE / 2, uncorrected=TRUE / 2) == [False]
    assert moved(TRUE, uncorrected=TRUE / 2) == [True]


def test_a_table_has_a_line_for_each() -> None:
    lines = figures.told(TESTED, {"truth": figures.Answer(TRUE, 1.25), "flat": figures.Answer(FLAT)}).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["truth", "flat"]
    assert re.search(r"0\.5000 .* 0\.\d{4}$", lines[2].rstrip())
    assert lines[1].endswith("1.2")


def test_a_frame_has_categories_and_nothing_constant() -> None:
    features = FeatureSet((*Count("mail").over(DAY, 7 * DAY), AsOf("country", categories=("AT", "DE"))))
    matrix = np.array([[1.0, 5.0, 0.0], [2.0, 5.0, np.nan], [3.0, 6.0, 2.0]])
    frame = frames.as_frame(matrix, features, learnt=2)
    assert list(frame) == [features.names[0], "country"], "what varies only later is nothing to learn from"
    assert frame["country"].tolist() == ["c0", "none", "c2"]
    assert frame["country"].dtype == "category"


def test_what_the_peers_learn_from_ends_before_the_test(lab: Lab) -> None:
    trained = lab.trained["mql_to_meeting"]
    learnt, rows = frames.learnt_rows(trained), trained.rows
    assert learnt >= len(trained.split.train) + len(trained.split.calibrate)
    assert rows.cutoff[learnt - 1] + rows.conversion.horizon <= trained.split.test_start


def test_an_absent_table_says_so(tmp_path: Path) -> None:
    assert tables.Source(tmp_path / "none", tables.cdnow).absent == f"{tmp_path / 'none'} is absent"
    assert tables.Source(tmp_path, tables.cdnow).absent is None


@pytest.mark.parametrize("name", ["HistGradientBoosting", "LogisticRegression"])
def test_a_peer_answers_with_probabilities(name: str) -> None:
    kind = np.where(TRUE > 0.3, "c1", "c0")
    frame = pd.DataFrame({"number": TRUE, "kind": pd.Categorical(kind)})
    found, seconds = peers.timed(peers.PEERS[name], frame[:3_000], TESTED.converted[:3_000], frame[3_000:])
    assert roc_auc(TESTED.converted[3_000:], found) > 0.65 and seconds > 0
    assert abs(found.mean() - TRUE[3_000:].mean()) < 0.05


@pytest.mark.skipif(
    not tables.SHARED.is_dir(), reason="../shared/data is absent: real data are not in the repository"
)
def test_cdnow_asks_every_customer_on_each_day(tmp_path: Path) -> None:
    table = tables.cdnow(tmp_path)
    rows = label_times(table.arrays, table.conversion, table.as_of)
    assert len(rows) == len(table.arrays.contacts) * len(tables.ASKED) == 23_570 * 5
    split = table.split(rows)
    assert rows.cutoff[split.train[-1]] + rows.conversion.horizon < split.test_start <= rows.cutoff[split.test[0]]
    assert len(split.test) == 23_570 and not len(split.calibrate)

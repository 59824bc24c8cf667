"""Retraining: one run at a time, a killed promotion is whole, and nothing new changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lab import Lab, add_version

from engagement.errors import Busy
from models.champions import champions, point_to
from models.registry import Registry
from mqm.model_commands import asked_of
from training.gate import entrant
from training.recalibrate import recalibrated, record_recalibrated
from training.retrain import alone, retrain, split_since

NAME = "mql_to_meeting"


@pytest.fixture
def registry(lab: Lab, tmp_path: Path) -> Registry:
    """A registry over a copy of the store."""
    return Registry(lab.copy(tmp_path / "home") / "mlruns")


def test_a_second_run_is_refused_while_the_first_is_at_work(registry: Registry) -> None:
    with alone(registry, NAME), pytest.raises(Busy, match="under way"), alone(registry, NAME):
        pass
    with alone(registry, NAME):
        pass


def test_a_promotion_killed_before_the_alias_is_whole_and_mended(registry: Registry) -> None:
    """What SIGKILL leaves after the pointer was replaced: MLflow's alias still names the old one."""
    from dataclasses import replace

    second = add_version(registry, NAME)
    pointer = champions(registry.store)[NAME]
    folder = str(registry.bundle_folder(second.run_id).relative_to(registry.store))
    point_to(registry.store, replace(pointer, version=second.version, folder=folder))
    assert registry.champion(NAME).version == "2"  # type: ignore[union-attr]
    assert registry.load(registry.find(NAME)).digest == pointer.digest
    registry.mirror(NAME)
    assert {one.version: one.aliases for one in registry.versions(NAME)} == {"2": ("champion",), "1": ()}


def test_only_recalibrating_leaves_no_version_where_the_level_is_right(registry: Registry, lab: Lab) -> None:
    asked = asked_of(lab.settings, lab.arrays, lab.settings.funnel.conversion(NAME), lab.as_of)
    done = retrain(registry, asked, lambda: lab.as_of, only_recalibrate=True)
    assert (done.before, done.after) == ("1", "1")
    assert [(step.what, step.version) for step in done.steps] == [("recalibration", "")]
    assert len(registry.versions(NAME)) == 1


def test_recalibration_moves_the_level_and_nothing_else(registry: Registry, lab: Lab) -> None:
    asked = asked_of(lab.settings, lab.arrays, lab.settings.funnel.conversion(NAME), lab.as_of)
    version = registry.find(NAME)
    champion = entrant(registry, version)
    found = recalibrated(champion, asked)
    matrix = lab.trained[NAME].matrix[:50]
    move = found.learnt.shift - champion.learnt.shift
    assert np.allclose(found.model.log_odds(matrix), champion.model.log_odds(matrix) + move, atol=1e-12)
    effects, base = found.model.effects(matrix)
    before, start = champion.model.effects(matrix)
    assert np.array_equal(effects, before)
    assert base - start == pytest.approx(move)
    made = record_recalibrated(registry, version, found, asked, {}, lab.as_of)
    again = entrant(registry, made)
    assert again.learnt == found.learnt
    assert np.array_equal(again.model.log_odds(matrix), found.model.log_odds(matrix))


def test_a_split_since_learns_nothing_from_before(lab: Lab) -> None:
    rows = lab.trained[NAME].rows
    since = int(rows.cutoff[len(rows) // 2])
    split = split_since(rows, since)
    used = np.concatenate([split.train, split.calibrate, split.test])
    assert len(used) and rows.cutoff[used].min() >= since
    assert len(split.test) and rows.cutoff[split.test].min() >= split.test_start

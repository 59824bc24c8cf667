"""The watch: literal windows and figures, a quiet week, and planted drifts that it must name."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.watch.drift import DRIFTS, figures, plant
from benchmarks.watch.world import MONTH, NAME, START, WEEK, build
from engagement.errors import NotEnoughData
from engagement.times import DAY
from training.changed import changed_at
from training.hold_out import Entrant
from training.learnt import learnt_from
from training.train import train
from watch.looked import CURES, against
from watch.monitor import monitor
from watch.page import watch_page
from watch.windows import Windows

MONTHS, WEEKLY, SEED = 5, 150, 3
#: The drifts begin a week before the look.
LOOK = START + 5 * MONTH
BEGIN = LOOK - WEEK

Watched = tuple[Entrant, dict[str, float]]


@pytest.fixture(scope="session")
def watched() -> Watched:
    """A champion of the small world, trained a month before the look."""
    world = build(MONTHS, WEEKLY, SEED)
    settings = world.settings
    trained = train(world.arrays(), settings.funnel.conversion(NAME), settings.features, START + 4 * MONTH)
    return Entrant(trained.model, learnt_from(trained)), figures(trained)


def test_a_quiet_week_is_quiet(watched: Watched) -> None:
    champion, metrics = watched
    found = monitor(build(MONTHS, WEEKLY, SEED).arrays(), champion, LOOK, WEEK, metrics)
    assert [one.text for one in found.alarms] == []
    assert len(found.looks) > 50
    assert found.to_json()["quiet"] is True
    page = watch_page(found)
    assert "Quiet." in page and "<script" not in page and page.count("<svg") > 5


@pytest.mark.parametrize("name", sorted(set(DRIFTS) - {"base rate doubled"}))
def test_a_planted_drift_is_found_in_its_first_week(name: str, watched: Watched) -> None:
    champion, metrics = watched
    found = monitor(plant(name, BEGIN, MONTHS, WEEKLY, SEED).arrays(), champion, LOOK, WEEK, metrics)
    assert {one.kind for one in found.alarms} & DRIFTS[name].kinds
    told = found.to_json()["alarms"]
    assert told and all(one["cure"] == CURES[one["kind"]] for one in told)
    assert "What to do" in watch_page(found)


def test_a_log_too_short_for_windows_is_named(watched: Watched) -> None:
    arrays = build(MONTHS, WEEKLY, SEED).arrays()
    with pytest.raises(NotEnoughData, match="windows of 90 days"):
        monitor(arrays, watched[0], LOOK, 90 * DAY)


@pytest.mark.parametrize(
    ("time", "place"),
    [(100, -1), (99, 0), (90, 0), (89, 1), (50, 4), (49, -1), (10, -1)],
)
def test_windows_end_before_their_end(time: int, place: int) -> None:
    """Of ten microseconds each, up to 100, in a log that begins at 45: the latest and four before."""
    windows = Windows(100, 10, 45)
    assert windows.before == 4
    assert windows.first == 50
    assert windows.place(np.array([time])).tolist() == [place]


@pytest.mark.parametrize(
    ("before", "now", "usual", "sure"),
    [
        ([10, 10, 10, 10], 10, 10, 0.0),
        ([8, 12, 8, 12], 10, 10, 0.0),
        ([8, 12, 8, 12], 20, 10, 10 / (2.3094 * np.sqrt(1.25))),
        ([10, 10, 10, 10], 16, 10, 3.0),  # no spread at all: chance gives the least, here 2
    ],
)
def test_against_the_windows_before(before: list[float], now: float, usual: float, sure: float) -> None:
    found = against(np.array(before, float), now, 2.0)
    assert found[0] == usual
    assert found[1] == pytest.approx(sure, abs=1e-3)


def test_the_time_of_a_change_is_found_and_none_where_nothing_changed() -> None:
    from dataclasses import replace

    from training.label_times import LabelTimes

    draw = np.random.default_rng(0)
    odds = draw.normal(-1, 1, 3000)
    code = np.arange(3000, dtype=np.int32)
    steady = draw.random(3000) < 1 / (1 + np.exp(-odds))
    turned = draw.random(3000) < 1 / (1 + np.exp(-np.where(code < 2000, odds, -odds - 2)))
    conversion = build(1, 5, 0).settings.funnel.conversion(NAME)
    rows = LabelTimes(conversion, 0, code, code, code.astype(np.int64), steady, 0)
    assert changed_at(odds, rows) is None
    moment = changed_at(odds, replace(rows, converted=turned))
    assert moment is not None and 1800 < moment < 2200

"""Two versions side by side: a level that moves moves everyone alike, and no reason; the page says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lab import Lab

from engagement.errors import BadInput, NotEnoughData
from models.changes import START
from models.propensity import PropensityModel
from watch.compare import Compared, compare
from watch.compare_page import compare_page

NAME, MOVE = "mql_to_meeting", 0.4


def moved(model: PropensityModel, version: str, move: float) -> PropensityModel:
    """The model with another level, and grades as before."""
    line = replace(model.calibration, intercept=model.calibration.intercept + move)
    return replace(model, calibration=line, digest=f"sha256:{version}", version=version)


@pytest.fixture(scope="session")
def compared(lab: Lab) -> Compared:
    """A model beside itself at another level."""
    model = lab.trained[NAME].model
    people = lab.arrays.contacts.to_pylist()
    return compare(moved(model, "1", 0.0), moved(model, "2", MOVE), lab.arrays, people, lab.as_of, most=3)


def test_another_level_moves_everyone_and_no_reason(compared: Compared) -> None:
    odds = [np.log(p / (1 - p)) for p in (compared.before, compared.after)]
    assert len(compared.before) > 20
    assert np.allclose(odds[1] - odds[0], MOVE)
    assert (compared.rank_correlation, compared.top_kept) == (pytest.approx(1), 1)
    assert all(one.difference == one.after - one.before == 0 for one in compared.reasons)
    assert [[part.code for part in one.changes] for one in compared.movers] == [[START]] * 3
    assert all(new <= old for old, new in (pair.split(" → ") for pair in compared.regraded))  # A is above B


def test_the_page_tells_versions_people_grades_and_movers(compared: Compared) -> None:
    page = compare_page(compared)
    assert "Version 1 → 2" in page and f"{len(compared.before):,} people" in page
    assert "<script" not in page and page.count("<svg") == 1
    assert all(one.after.contact_id in page for one in compared.movers)
    assert "+0.400" in page
    for pair, number in compared.regraded.items():
        assert f"<td>{number:,}</td>" in page, pair


def test_the_page_escapes_and_does_without_movers(compared: Compared) -> None:
    page = compare_page(replace(compared, conversion="<b>", movers=()))
    assert "<b>:" not in page and "&lt;b&gt;" in page


def test_other_questions_and_an_empty_stage_are_named(lab: Lab) -> None:
    model = lab.trained[NAME].model
    other = lab.trained["meeting_to_win"].model
    with pytest.raises(BadInput, match="different questions"):
        compare(model, other, lab.arrays, ["c"], lab.as_of)
    with pytest.raises(NotEnoughData, match="nobody is in the stage"):
        compare(model, model, lab.arrays, ["nobody at all"], lab.as_of)

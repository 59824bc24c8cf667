"""The gate's tests as tables: promises and outcomes made by hand, and which test says no."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lab import Lab, add_version

from engagement.errors import BadInput
from engagement.funnel import funnel_from
from models.calibration import inverse_logit
from models.registry import Registry
from mqm.model_commands import asked_of
from training.gate import same_question
from training.gate_tests import all_tests, stability_index, surely_within
from training.hold_out import Cut, HoldOut
from training.label_times import LabelTimes
from training.paired import Paired
from training.promotion import EVIDENCE, PAGE, promote, promote_on_evidence, try_out

CONVERSION = funnel_from({}).conversion("mql_to_meeting")
ROWS = 4_000
DRAW = np.random.default_rng(1)
TRUTH = DRAW.normal(-1.2, 1.2, ROWS)
CONVERTED = DRAW.random(ROWS) < inverse_logit(TRUTH)
COUNTRY = np.arange(ROWS) % 4
NOISE = DRAW.normal(0, 0.15, ROWS)


def held(challenger: np.ndarray, champion: np.ndarray | None) -> HoldOut:
    """4,000 contacts on accounts of two, in four countries, with these promises (log-odds)."""
    code = np.arange(ROWS, dtype=np.int32)
    rows = LabelTimes(CONVERSION, 0, code, code // 2, code.astype(np.int64), CONVERTED, 0)
    base = np.full(ROWS, CONVERTED.mean())
    cut = Cut("country", ("DE", "FR", "US", "IN"), COUNTRY.astype(np.int64))
    return HoldOut(rows, (code // 2).astype(np.int64), challenger, champion, {"base rate": base}, (cut,))


def refused(challenger: np.ndarray, champion: np.ndarray | None = None) -> set[str]:
    """The names of the tests that failed."""
    return {one.name for one in all_tests(held(challenger, champion)) if not one.passed}


@pytest.mark.parametrize(
    ("challenger", "says_no"),
    [
        (TRUTH, set()),
        (TRUTH + NOISE, set()),
        (np.full(ROWS, -1.0), {"beats the base rate", "calibration slope"}),
        (
            -2.4 - TRUTH,
            {"beats the base rate", "log loss", "lift", "calibration error", "calibration slope"},
        ),
        (TRUTH + 1.0, {"log loss", "calibration error", "score shift", "slices"}),
        (2.2 * TRUTH, {"log loss", "calibration error", "calibration slope", "score shift", "slices"}),
        (TRUTH + 1.5 * (COUNTRY == 1), {"log loss", "slices"}),
        (TRUTH + 0.65 * (COUNTRY == 1), {"slices"}),
        (TRUTH + 0.15 * (COUNTRY == 1), set()),
    ],
    ids=[
        "as good",
        "a little noise",
        "constant",
        "inverted",
        "too high",
        "too extreme",
        "one country broken",
        "one country's level",
        "not by enough to matter",
    ],
)
def test_who_says_no_beside_a_champion_that_knows_the_truth(challenger: np.ndarray, says_no: set[str]) -> None:
    found = refused(challenger, TRUTH + NOISE[::-1])
    assert found >= says_no
    assert bool(found) == bool(says_no)


def test_a_first_champion_must_beat_the_base_rate() -> None:
    assert refused(TRUTH) == set()
    assert "beats the base rate" in refused(np.full(ROWS, float(np.log(CONVERTED.mean() / (1 - CONVERTED.mean())))))


def test_a_bad_champion_does_not_hold_a_better_one_back() -> None:
    assert refused(TRUTH + 0.5, TRUTH + 1.5) == set()  # still too high, but less so
    assert "calibration error" in refused(TRUTH + 0.5, TRUTH)


def test_a_level_that_the_champion_misses_further_is_no_reason() -> None:
    off = COUNTRY == 1
    assert refused(TRUTH + 0.65 * off, TRUTH + 0.9 * off) == set()
    assert "slices" in refused(TRUTH + 0.65 * off, TRUTH + 0.1 * off)


def test_few_conversions_are_held_against_what_chance_does() -> None:
    """15 of 500 promised and 6 seen: the misses' own spread would make 3.6 standard errors of it."""
    code = np.arange(500, dtype=np.int32)
    rows = LabelTimes(CONVERSION, 0, code, code, code.astype(np.int64), code < 6, 0)
    few = HoldOut(rows, code.astype(np.int64), np.full(500, np.log(0.03 / 0.97)), None, {}, ())
    assert Paired(few).over_promised(np.ones(500, np.bool_)) == pytest.approx(9 / np.sqrt(500 * 0.03 * 0.97))


def test_a_shift_that_the_outcomes_bear_out_is_no_reason() -> None:
    shift = {one.name: one for one in all_tests(held(TRUTH, TRUTH + 1.5))}["score shift"]
    assert shift.passed and shift.figure is not None and shift.figure > 0.25
    assert "bear it out" in shift.text


def test_what_is_sure_in_a_thousand_is_further_away_than_the_least_of_300_draws() -> None:
    draws = np.random.default_rng(0).normal(1.7, 0.125, 300)
    low, high = surely_within(1.7, draws)
    assert (low, high) == (pytest.approx(1.7 - 3.09 * draws.std(), abs=1e-3), pytest.approx(3.4 - low))
    assert low < draws.min()


@pytest.mark.parametrize(("after", "least", "most"), [(0.0, 0.0, 1e-9), (0.1, 0.0, 0.05), (1.0, 0.5, 2.0)])
def test_stability_index(after: float, least: float, most: float) -> None:
    assert least <= stability_index(TRUTH, TRUTH + after) <= most


def test_the_same_question() -> None:
    other = funnel_from(
        {"stages": {"mql": "mql", "meeting": "meeting_held"},
         "conversions": {"mql_to_meeting": {"start": "mql", "goal": "meeting", "horizon_days": 14}}}
    ).conversion("mql_to_meeting")  # fmt: skip
    assert same_question(CONVERSION, CONVERSION)
    assert not same_question(CONVERSION, other)


@pytest.fixture
def registry(lab: Lab, tmp_path: Path) -> Registry:
    """A registry over a copy of the store."""
    return Registry(lab.copy(tmp_path / "home") / "mlruns")


def test_evidence_lies_beside_the_model_and_promotes_only_against_the_same_champion(
    registry: Registry, lab: Lab
) -> None:
    name = "mql_to_meeting"
    version = add_version(registry, name)
    with pytest.raises(BadInput, match="never put to the gate"):
        promote_on_evidence(registry, version, lab.as_of)
    asked = asked_of(lab.settings, lab.arrays, lab.settings.funnel.conversion(name), lab.as_of)
    verdict = try_out(registry, version, asked).verdict
    assert verdict.refused == []
    assert (verdict.champion, verdict.version) == ("1", "2")
    folder = registry.artifacts(version.run_id)
    assert (folder / EVIDENCE).is_file()
    assert "may be champion" in (folder / PAGE).read_text()
    assert registry.champion(name).version == "1"  # type: ignore[union-attr]
    assert promote_on_evidence(registry, registry.find(name, "2"), lab.as_of) == []
    now = registry.champion(name)
    assert now is not None and (now.version, now.since) == ("2", lab.as_of)
    third = add_version(registry, name)
    told = json.loads((folder / EVIDENCE).read_text()) | {"champion_digest": "sha256:of another"}
    (registry.artifacts(third.run_id) / EVIDENCE).write_text(json.dumps(told))
    with pytest.raises(BadInput, match="another champion"):
        promote_on_evidence(registry, third, lab.as_of)


def test_a_truncated_bundle_is_refused_by_name_and_the_champion_stays(registry: Registry, lab: Lab) -> None:
    name = "mql_to_meeting"
    version = add_version(registry, name)
    model = registry.bundle_folder(version.run_id) / "model.txt"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    asked = asked_of(lab.settings, lab.arrays, lab.settings.funnel.conversion(name), lab.as_of)
    refused = promote(registry, version, asked, lab.as_of).verdict.refused
    assert len(refused) == 1 and refused[0].startswith("bundle: ") and "model.txt" in refused[0]
    assert registry.champion(name).version == "1"  # type: ignore[union-attr]

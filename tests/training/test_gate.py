"""The gate, as a table: what a version's figures are, and why it may not be champion."""

from __future__ import annotations

import pytest
from lab import Lab

from models.registry import Registry, Version
from training.gate import WORST_CALIBRATION, promote, refusals

GOOD = {"log_loss": 0.30, "base_rate_log_loss": 0.40, "recency_rule_log_loss": 0.35, "calibration_error": 0.02}


def version(figures: dict[str, float], *aliases: str) -> Version:
    return Version("mql_to_meeting", "1", aliases, "sha256:0", 0, "run", figures)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"log_loss": 0.36}, ["recency rule's 0.35000"]),
        ({"log_loss": 0.35}, ["recency rule's 0.35000"]),
        ({"log_loss": 0.41}, ["base rate's 0.40000", "recency rule's 0.35000"]),
        ({"log_loss": float("nan")}, ["base rate", "recency rule"]),
        ({"calibration_error": WORST_CALIBRATION}, []),
        ({"calibration_error": 0.0501}, ["Calibration error 0.0501"]),
        ({"calibration_error": float("nan")}, ["Calibration error"]),
        ({"log_loss": 0.5, "calibration_error": 0.2}, ["base rate", "recency rule", "Calibration error"]),
    ],
)
def test_table_of_refusals(change: dict[str, float], said: list[str]) -> None:
    found = refusals(version(GOOD | change, "challenger"))
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence


def test_the_unjudged_are_refused() -> None:
    assert "not judged" in refusals(version({"cv_log_loss": 0.2}))[0]


def test_without_the_rule_of_recency_the_base_rate_decides() -> None:
    figures = {name: figure for name, figure in GOOD.items() if name != "recency_rule_log_loss"}
    assert refusals(version(figures)) == []


def test_without_a_calibration_error_there_is_no_proof() -> None:
    figures = {name: figure for name, figure in GOOD.items() if name != "calibration_error"}
    assert refusals(version(figures))


def test_a_refused_version_stays_what_it_was(lab: Lab, tmp_path: object) -> None:
    from pathlib import Path

    registry = Registry(lab.copy(Path(str(tmp_path)) / "home") / "mlruns")
    first = registry.find("meeting_to_win")
    refused = promote(registry, version({"cv_log_loss": 0.2}))
    assert refused
    assert registry.find("meeting_to_win") == first

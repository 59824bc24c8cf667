"""`mqm explain`: what changed adds up on paper, in words of both languages; errors have names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Lab
from test_cli_commands import NAME, Run, in_stage, jsonl, run  # noqa: F401 (run is a fixture)

from engagement.times import DAY, format_time
from models.registry import Registry
from mqm.__main__ import main

Refused = Callable[..., str]


@pytest.fixture
def refused(run: Run, capfd: pytest.CaptureFixture[str]) -> Refused:  # noqa: F811 (the fixture)
    """Runs a command that must end with a named error; returns it."""

    def do(*arguments: object) -> str:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        return str(err)

    return do


def twice_in_stage(lab: Lab) -> tuple[str, int, int]:
    """A contact and two times at which it was in the stage."""
    for contact, moment in reversed(in_stage(lab, 60)):
        scores = lab.trained[NAME].model.score(lab.arrays, [contact] * 2, [moment, moment + 3 * DAY])
        if [score.status for score in scores] == ["scored"] * 2 and scores[0].log_odds != scores[1].log_odds:
            return contact, moment, moment + 3 * DAY
    raise AssertionError("nobody")


def before_the_stage(lab: Lab) -> tuple[str, str]:
    """A contact and a time at which it was known, and no MQL yet."""
    for contact, moment in in_stage(lab, 60):
        for days in range(1, 200, 10):
            (score,) = lab.trained[NAME].model.score(lab.arrays, [contact], [moment - days * DAY])
            if score.status == "not_in_stage":
                return contact, format_time(moment - days * DAY)
    raise AssertionError("nobody")


def test_what_changed_since_a_time(run: Run, lab: Lab) -> None:  # noqa: F811
    contact, then, now = twice_in_stage(lab)
    asked = ["explain", NAME, contact, "--log", lab.log, "--as-of", format_time(now), "--before", format_time(then)]
    told = json.loads(run(*asked, "--json"))
    before, after = told["compared_with"], told
    assert (before["as_of"], after["as_of"]) == (format_time(then), format_time(now))
    assert all(part["difference"] == part["after"] - part["before"] for part in told["changes"])
    total = sum(part["difference"] for part in told["changes"])
    assert abs(total - (after["log_odds"] - before["log_odds"])) < 1e-9
    assert "model" not in {part["code"] for part in told["changes"]}  # the same one, the same start
    text = run(*asked)
    figures = [float(one) for one in re.findall(r"^ *([+-]\d+\.\d{3})  ", text.split("\nwas ")[1], re.MULTILINE)]
    assert abs(sum(figures[:-1]) - figures[-1]) <= 0.0005 * (len(figures) + 1)
    assert "(before: " in text
    german = json.loads(run(*asked, "--json", "--language", "de"))
    for english, other in zip(told["changes"], german["changes"], strict=True):
        assert {k: v for k, v in english.items() if k != "text"} == {k: v for k, v in other.items() if k != "text"}
    assert any("(vorher: " in part["text"] for part in german["changes"])
    assert "(vorher: " in run(*asked, "--language", "de")


def test_what_another_version_says(run: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("MQM_STORE", str(lab.copy(tmp_path / "home") / "mlruns"))
    earlier = format_time(lab.as_of - 60 * DAY)
    version = json.loads(run("train", NAME, "--log", lab.log, "--as-of", earlier, "--json"))["version"]
    contact, then, now = twice_in_stage(lab)
    asked = ["explain", NAME, contact, "--log", lab.log, "--as-of", format_time(now), "--json"]
    for more in (["--against", version], ["--model", version, "--against", "1", "--before", format_time(then)]):
        told = json.loads(run(*asked, *more))
        total = sum(part["difference"] for part in told["changes"])
        assert abs(total - (told["log_odds"] - told["compared_with"]["log_odds"])) < 1e-9
        assert {told["model_version"], told["compared_with"]["model_version"]} == {"1", version}
        (start,) = [part for part in told["changes"] if part["code"] == "model"]
        assert start["difference"] == told["base_log_odds"] - told["compared_with"]["base_log_odds"]
        assert "model itself changed" in start["text"]


def test_errors_have_names(refused: Refused, lab: Lab) -> None:
    contact, then, now = twice_in_stage(lab)
    asked = ["--log", lab.log, "--as-of", format_time(now)]
    early = ["--before", format_time(then)]
    assert "unknown contact: 'nobody'" in refused("explain", NAME, "nobody", *asked, *early)
    assert "no earlier time" in refused("explain", NAME, contact, *asked, "--before", format_time(now))
    long_before = format_time(then - 400 * DAY)
    assert "unknown contact" in refused("explain", NAME, contact, *asked, "--before", long_before)
    other, not_yet = before_the_stage(lab)
    told = refused("explain", NAME, other, "--log", lab.log, "--as-of", not_yet, "--against", "1")
    assert "to compare (not in stage)" in told
    assert "had not reached the stage mql" in told
    assert f"no such version of {NAME}: '77'" in refused("explain", NAME, contact, *asked, "--against", 77)
    assert "no such version" in refused("explain", NAME, contact, *asked, "--model", 77)
    assert "unknown conversion" in refused("explain", "nothing", contact, *asked)


def test_the_language_changes_no_number(run: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    command = ["score", NAME, "--log", lab.log]
    run(*command, "--out", "en.jsonl")
    run(*command, "--out", "de.jsonl", "--language", "de")
    monkeypatch.setenv("MQM_WORDING__LANGUAGE", "de")
    run(*command, "--out", "set.jsonl")
    run(*command, "--out", "asked.jsonl", "--language", "en")
    english, german, chosen, asked = (jsonl(tmp_path / f"{name}.jsonl") for name in ("en", "de", "set", "asked"))
    words = {"question", "status_text", "reason_1", "reason_2", "reason_3", "reasons_text", "reasons", "scored_at"}
    assert len(english) == len(german) > 50
    for one, other in zip(english, german, strict=True):
        assert {k: v for k, v in one.items() if k not in words} == {k: v for k, v in other.items() if k not in words}
        bare = [[{k: v for k, v in r.items() if k != "text"} for r in told["reasons"]] for told in (one, other)]
        assert bare[0] == bare[1]
        assert other["question"] == "Wird dieser MQL innerhalb von 30 Tagen einen Termin wahrnehmen?"
    assert any(" vor " in one["reasons_text"] for one in german if one["reasons_text"])
    for same, other in ((german, chosen), (english, asked)):
        assert [{**one, "scored_at": ""} for one in same] == [{**one, "scored_at": ""} for one in other]
    assert Registry(lab.store).find(NAME).version == "1"


def test_explain_takes_the_language_of_the_settings(run: Run, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    contact, _, now = twice_in_stage(lab)
    asked = ["explain", NAME, contact, "--log", lab.log, "--as-of", format_time(now)]
    monkeypatch.setenv("MQM_WORDING__LANGUAGE", "de")
    assert "Wird dieser MQL" in run(*asked)
    assert "Will this MQL" in run(*asked, "--language", "en")
    assert "Über diesen Kontakt ist" in run("explain", NAME, "nobody", "--log", lab.log)

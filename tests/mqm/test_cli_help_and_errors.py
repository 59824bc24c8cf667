"""The command line's manners: help with an example, exit codes, one line for each named error."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from command_line import Done
from lab import Lab

from engagement.example.settings import SETTINGS
from mqm.__main__ import parser

COMMANDS = (
    "example", "import", "check", "train", "retrain", "models", "promote", "rollback", "score", "explain", "features",
    "judge", "monitor", "compare", "serve", "key", "demo",
)  # fmt: skip


Run = Callable[..., Done]


@pytest.fixture
def run(command_line: Run) -> Run:
    """Runs a command."""
    return command_line


def all_parsers() -> list[tuple[str, argparse.ArgumentParser]]:
    found = []

    def walk(name: str, made: argparse.ArgumentParser) -> None:
        found.append((name, made))
        for action in made._actions:
            if isinstance(action, argparse._SubParsersAction):
                for sub, child in action.choices.items():
                    walk(f"{name} {sub}".strip(), child)

    walk("", parser())
    return found


def test_the_commands_are_those_of_the_contract() -> None:
    names = {name for name, _ in all_parsers()}
    assert {*COMMANDS, "key create", "key list", "key revoke"} <= names


@pytest.mark.parametrize(("name", "made"), all_parsers())
def test_every_help_has_an_example_that_parses(name: str, made: argparse.ArgumentParser, run: Run) -> None:
    done = run(*name.split(), "--help")
    assert done.code == 0
    assert done.err == ""
    assert f"usage: mqm {name}".strip() in done.out
    if name:
        assert "\nexample:\n  mqm " in done.out
        example = done.out.split("\nexample:\n  mqm ")[1].split()
        assert " ".join(example).startswith(name)
        parser().parse_args(example)
    for action in made._actions:  # no option without a word about it
        assert action.help or isinstance(action, argparse._SubParsersAction), (
            f"{name}: {action.dest} says nothing about itself"
        )


@pytest.mark.parametrize("start", [["-m", "mqm"], None])
def test_both_ways_in(start: list[str] | None, tmp_path: Path) -> None:
    way = [sys.executable, *start] if start else [str(Path(sys.executable).parent / "mqm")]
    done = subprocess.run([*way, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "mqm train" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_needs_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom mqm.__main__ import parser\nparser()\n"
        "print(sorted(set(sys.modules) & {'numpy', 'pyarrow', 'lightgbm', 'mlflow', 'numba', 'bentoml', 'duckdb'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["train"],
        ["train", "mql_to_meeting"],
        ["train", "mql_to_meeting", "--log", "x", "--as-of", "tomorrow"],
        ["train", "mql_to_meeting", "--log", "x", "--seed", "-1"],
        ["train", "mql_to_meeting", "--log", "x", "--trials", "many"],
        ["example"],
        ["example", "x", "--contacts", "0"],
        ["import", "x.csv", "--log", "x"],
        ["score", "mql_to_meeting", "--log", "x"],
        ["explain", "mql_to_meeting", "--log", "x"],
        ["features", "mql_to_meeting", "--log", "x", "--out", "t.csv", "--engine", "abacus"],
        ["promote"],
        ["serve", "--port", "99999"],
        ["key"],
        ["key", "create"],
        ["models", "--nonsense"],
    ],
)
def test_bad_usage_is_2_and_says_how(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "usage: mqm" in done.err
    assert "Traceback" not in done.err


def a_log(folder: Path, events: pa.Table | None, toml: str = SETTINGS) -> Path:
    folder.mkdir()
    (folder / "mqm.toml").write_text(toml)
    if events is not None:
        pq.write_table(events, folder / "events.parquet")
    return folder


Spoil = Callable[[Path, pa.Table], Path]


def no_column(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.drop_columns(["type"]))


def bad_time(folder: Path, events: pa.Table) -> Path:
    few = events.slice(0, 50)
    place = few.column_names.index("occurred_at")
    return a_log(folder, few.set_column(place, "occurred_at", pa.array(["2024-05-01"] * 49 + ["yesterday"])))


def empty(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.slice(0, 0))


def no_positives(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.filter(pc.not_equal(events["type"], "meeting_held")))


def nobody_in_stage(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.filter(pc.not_equal(events["type"], "mql")))


def cut_short(folder: Path, events: pa.Table) -> Path:
    path = a_log(folder, events.slice(0, 5_000)) / "events.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    return folder


def no_file(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, None)


def no_folder(folder: Path, events: pa.Table) -> Path:
    return folder


def bad_toml(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.slice(0, 50), "[stages\nmql = ")


def binary_toml(folder: Path, events: pa.Table) -> Path:
    a_log(folder, events.slice(0, 50))
    (folder / "mqm.toml").write_bytes(b"\xff\xfe\x00")
    return folder


def unknown_setting(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.slice(0, 50), "[features]\nwindow = 3\n")


def too_few(folder: Path, events: pa.Table) -> Path:
    return a_log(folder, events.slice(0, 800))


def one_line(done: Done, *parts: str) -> None:
    """Exit code 1 and exactly one line, which says these things."""
    assert done.code == 1, done
    assert done.out == ""
    assert done.err.startswith("mqm: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    assert "nobody foresaw" not in done.err
    for part in parts:
        assert part in done.err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_column, "type"),
        (bad_time, "yesterday"),
        (empty, "no events"),
        (no_positives, "converted"),
        (nobody_in_stage, "nobody entered the stage"),
        (cut_short, "cannot be read"),
        (no_file, "no engagement log"),
        (no_folder, "no engagement log"),
        (bad_toml, "is not TOML"),
        (binary_toml, "is not TOML"),
        (unknown_setting, "'window'"),
        (too_few, ""),
    ],
)
@pytest.mark.parametrize("command", ["train", "features"])
def test_a_log_that_cannot_be_learnt_from(
    command: str, spoil: Spoil, said: str, run: Run, lab: Lab, tmp_path: Path
) -> None:
    events = pq.read_table(lab.log / "events.parquet")
    log = spoil(tmp_path / "log", events)
    out = ["--out", tmp_path / "t.csv"] if command == "features" else []
    one_line(run(command, "mql_to_meeting", "--log", log, *out), said)
    assert not (tmp_path / "t.csv").exists()
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize("spoil", [no_column, bad_time, empty, cut_short, no_file, bad_toml, unknown_setting])
def test_check_and_score_name_a_bad_log_too(spoil: Spoil, run: Run, lab: Lab, tmp_path: Path) -> None:
    log = spoil(tmp_path / "log", pq.read_table(lab.log / "events.parquet"))
    one_line(run("check", log))
    one_line(run("score", "mql_to_meeting", "--log", log, "--out", "s.csv"))
    one_line(run("explain", "mql_to_meeting", "c-1", "--log", log))


def test_a_log_of_an_unknown_kind(run: Run) -> None:
    one_line(run("check", "ftp://somewhere/log"), "ftp://")
    one_line(run("check", "sqlite:///nowhere.db"), "nowhere.db")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "foo", "--log", "LOG"], "'foo'"),
        (["score", "foo", "--log", "LOG", "--out", "s.csv"], "'foo'"),
        (["explain", "foo", "c-1", "--log", "LOG"], "'foo'"),
        (["features", "foo", "--log", "LOG", "--out", "t.csv"], "'foo'"),
        (["score", "mql_to_meeting", "--log", "LOG", "--out", "s.xlsx"], "'s.xlsx'"),
        (["score", "mql_to_meeting", "--log", "LOG", "--out", "no/s.csv"], "no such folder"),
        (["features", "mql_to_meeting", "--log", "LOG", "--out", "t.jsonl"], "'t.jsonl'"),
        (["features", "mql_to_meeting", "--log", "LOG", "--out", "no/t.csv"], "no such folder"),
        (["score", "mql_to_meeting", "--log", "LOG", "--out", "s.csv", "--version", "9"], "'9'"),
        (["score", "mql_to_meeting", "--log", "LOG", "--out", "s.csv", "--contacts", "none.csv"], "'none.csv'"),
        (["promote", "mql_to_meeting"], "no challenger"),
        (["promote", "mql_to_meeting", "x"], "'x'"),
        (["promote", "lead_to_mql"], "no challenger"),
        (["rollback", "lead_to_mql"], "no champion"),
        (["rollback", "mql_to_meeting"], "replaced nobody"),
        (["import", "none.csv", "--map", "none.toml", "--log", "out"], "none.toml"),
        (["key", "revoke", "nonsense"], "nonsense"),
        (["key", "create", "--scope", "nonsense"], "nonsense"),
    ],
)
def test_what_cannot_be_done_is_named(arguments: list[str], said: str, run: Run, lab: Lab) -> None:
    one_line(run(*[str(lab.log) if word == "LOG" else word for word in arguments]), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\nc-1\n", "contact_id"),
        ("contact_id\nc-1\n\n,\n", ""),
        ('contact_id,as_of\n"c-1",2026-01-01\n"",2026-01-01\n', "row 2"),
        ("contact_id,as_of\nc-1,2026-01-01\nc-2,soon\n", "soon"),
        ("", "cannot be read"),
        ('contact_id\n"c-1', ""),
    ],
)
def test_a_contacts_file_that_cannot_be_used(text: str, said: str, run: Run, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_text(text)
    done = run("score", "mql_to_meeting", "--log", lab.log, "--contacts", "contacts.csv", "--out", "s.csv")
    if said:
        one_line(done, said)
        assert [path.name for path in tmp_path.iterdir()] == ["contacts.csv"]
    assert "nobody foresaw" not in done.err


@pytest.mark.parametrize("file", ["model.txt", "manifest.json", "features.json"])
def test_a_bundle_cut_short_is_named(file: str, run: Run, lab: Lab, tmp_path: Path, monkeypatch: Any) -> None:
    home = lab.copy(tmp_path / "home")
    monkeypatch.setenv("MQM_STORE", str(home / "mlruns"))
    path = home / "mlruns" / lab.bundle("mql_to_meeting").relative_to(lab.store) / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    one_line(run("score", "mql_to_meeting", "--log", lab.log, "--out", "s.csv"), file)
    one_line(run("score", "mql_to_meeting", "--log", lab.log, "--out", "s.csv", "--version", "1"), file)
    one_line(run("explain", "mql_to_meeting", "c-1", "--log", lab.log), file)
    one_line(run("promote", "mql_to_meeting", "1"), file)
    assert not (tmp_path / "s.csv").exists()
    shutil.rmtree(path.parent)
    one_line(run("explain", "mql_to_meeting", "c-1", "--log", lab.log), "missing")


def test_without_a_model(run: Run, lab: Lab, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MQM_STORE", str(tmp_path / "new"))
    one_line(run("score", "mql_to_meeting", "--log", lab.log, "--out", "s.csv"), "mqm train mql_to_meeting")
    one_line(run("explain", "mql_to_meeting", "c-1", "--log", lab.log), "no model")
    one_line(run("promote", "mql_to_meeting"), "no challenger")
    one_line(run("rollback", "mql_to_meeting"), "no champion")
    done = run("models")
    assert done.code == 0
    assert "no models yet" in done.out
    assert run("models", "--json").out.strip() == "[]"
    assert not (tmp_path / "new").exists()


def test_a_store_that_cannot_be_written_is_named_before_the_training(
    run: Run, lab: Lab, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "file").write_text("in the way")
    for store in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        monkeypatch.setenv("MQM_STORE", str(store))
        one_line(run("train", "mql_to_meeting", "--log", lab.log), "models cannot be stored there", str(store))


def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one_line(run("example", tmp_path / "file", "--contacts", "50"), "file")
    one_line(run("example", tmp_path / "file" / "below", "--contacts", "50"), "file")


def test_an_error_nobody_foresaw_is_one_line_too(run: Run, monkeypatch: Any) -> None:
    def fall(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("models.registry.Registry.versions", fall)
    done = run("models")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "RuntimeError: two lines" in done.err
    monkeypatch.setenv("MQM_DEBUG", "1")
    with pytest.raises(RuntimeError):
        run("models")


def test_a_pipe_that_closes_early_is_no_error(lab: Lab, tmp_path: Path) -> None:
    command = f"{sys.executable} -m mqm check {lab.log} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0

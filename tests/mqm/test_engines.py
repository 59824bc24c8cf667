"""The same log by every engine: the same table byte for byte, the same scores row for row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import Done
from lab import CONVERSIONS, Lab

from engagement.folder import FolderLog
from engagement.sqlite import SqliteLog
from engagement.times import format_time
from features.dealt import DealtLog
from features.spark import spark_log
from mqm import engines
from mqm.score_files import as_json, everyone_in_stage

NAME = "mql_to_meeting"
Run = Callable[..., str]


@pytest.fixture
def run(command_line: Callable[..., Done]) -> Run:
    """Runs a command; returns what it printed, or its named error."""

    def do(*arguments: object) -> str:
        done = command_line(*arguments)
        assert (done.code == 0) == (done.err == "")
        assert len(done.err.splitlines()) <= 1
        return done.out or done.err

    return do


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that an example log has many."""
    whole = DealtLog.__init__

    def small(self: DealtLog, log: Any, folder: Path, threads: int = 2) -> None:
        whole(self, log, folder, threads, events_a_part=20_000)

    monkeypatch.setattr(DealtLog, "__init__", small)


def unseen(path: Path) -> list[dict[str, Any]]:
    """The scores of a file without when they were made."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "scored_at"} for row in rows]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("name", CONVERSIONS)
@pytest.mark.usefixtures("small_parts")
def test_tables_are_the_same_bytes(name: str, suffix: str, run: Run, lab: Lab, tmp_path: Path) -> None:
    told = [
        run("features", name, "--log", lab.log, "--out", f"{engine}.{suffix}", "--engine", engine)
        for engine in ("local", "streamed")
    ]
    assert told[0].partition(":")[2] == told[1].partition(":")[2]
    assert (tmp_path / f"local.{suffix}").read_bytes() == (tmp_path / f"streamed.{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"local.{suffix}", f"streamed.{suffix}"]


@pytest.mark.parametrize("name", CONVERSIONS)
@pytest.mark.usefixtures("small_parts")
def test_scores_are_the_same_and_those_of_the_model(name: str, run: Run, lab: Lab, tmp_path: Path) -> None:
    for engine in ("local", "streamed"):
        run("score", name, "--log", lab.log, "--out", f"{engine}.jsonl", "--engine", engine)
    found = unseen(tmp_path / "local.jsonl")
    assert found == unseen(tmp_path / "streamed.jsonl")
    model = lab.trained[name].model
    everyone = everyone_in_stage(lab.arrays, model.conversion, lab.as_of)
    scores = model.score(lab.arrays, everyone, [lab.as_of] * len(everyone))
    wanted = [json.loads(json.dumps(as_json(score, 0))) for score in scores]
    assert [row["contact_id"] for row in found] == everyone
    for key in ("status", "as_of", "probability", "score", "grade", "log_odds", "base_log_odds", "reasons"):
        assert [row[key] for row in found] == [row[key] for row in wanted]


@pytest.mark.usefixtures("small_parts")
def test_contacts_of_a_file_keep_their_order(run: Run, lab: Lab, tmp_path: Path) -> None:
    contacts = write_contacts(lab, tmp_path)
    for engine in ("local", "streamed"):
        run("score", NAME, "--log", lab.log, "--contacts", "c.csv", "--out", f"{engine}.jsonl", "--engine", engine)
    found = unseen(tmp_path / "local.jsonl")
    assert found == unseen(tmp_path / "streamed.jsonl")
    assert [row["contact_id"] for row in found] == contacts
    assert {row["status"] for row in found} >= {"scored", "not_in_stage", "unknown_contact"}


def write_contacts(lab: Lab, folder: Path) -> list[str]:
    """A file of contacts in no order, one twice and one unknown, each as of a time of its own."""
    random = np.random.default_rng(0)
    rows = lab.trained[NAME].rows
    some = random.integers(0, len(rows), 40)
    contacts = [lab.arrays.contacts[int(code)].as_py() for code in rows.contact[some]]
    times = [format_time(int(moment)) for moment in rows.cutoff[some]]
    contacts += ["nobody", contacts[0], *random.choice(lab.arrays.contacts.to_pylist(), 20).tolist()]
    times += [times[0], times[1], *["2026-03-01T00:00:00Z"] * 20]
    pyarrow.csv.write_csv(pa.table({"contact_id": contacts, "as_of": times}), folder / "c.csv")
    return contacts


def test_a_database_is_streamed(run: Run, lab: Lab, tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", create=True)
    log.append_tables(pq.read_table(lab.log / "events.parquet"), pq.read_table(lab.log / "attributes.parquet"))
    log.close()
    as_of = ["--as-of", format_time(lab.as_of)]
    for engine in ("local", "streamed"):
        told = run(
            "features", NAME, "--log", "sqlite:///log.db", *as_of, "--out", f"{engine}.csv", "--engine", engine
        )
        assert "rows" in told
    assert (tmp_path / "local.csv").read_bytes() == (tmp_path / "streamed.csv").read_bytes()
    refused = run("features", NAME, "--log", "sqlite:///log.db", "--out", "s.csv", "--engine", "spark")
    assert "Spark reads logs in files" in refused and "--engine streamed" in refused


@pytest.mark.usefixtures("small_parts")
def test_what_does_not_fit_is_streamed(run: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = in_order_of_time(lab, tmp_path / "log")
    run("features", NAME, "--log", log, "--out", "fits.csv")
    monkeypatch.setattr(engines, "_free_memory", lambda: 1 << 20)
    streamed, taken = engines._streamed, list[Any]()

    def noted(log: Any, *rest: Any) -> Any:
        taken.append(log)
        return streamed(log, *rest)

    monkeypatch.setattr(engines, "_streamed", noted)
    said = run("features", NAME, "--log", log, "--out", "streamed.csv")
    assert said.startswith("streamed.csv:"), said
    assert len(taken) == 1
    assert (tmp_path / "fits.csv").read_bytes() == (tmp_path / "streamed.csv").read_bytes()


def in_order_of_time(lab: Lab, folder: Path) -> Path:
    """The lab's log as a service writes it: a contact's events lie everywhere in the file."""
    shutil.copytree(lab.log, folder)
    events = pq.read_table(folder / "events.parquet")
    pq.write_table(events.sort_by("occurred_at"), folder / "events.parquet")
    return folder


def test_free_memory_is_that_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 << 20 < engines._free_memory() < 1 << 50
    for text, wanted in (("max\n", None), ("1024\n", 1024)):
        (tmp_path / "memory.max").write_text(text)
        assert engines._number(tmp_path / "memory.max") == wanted
    assert engines._number(tmp_path / "none") is None


def test_a_master_is_sparks(run: Run, lab: Lab) -> None:
    assert "Add --engine spark" in run("features", NAME, "--log", lab.log, "--out", "t.csv", "--master", "local[2]")


@pytest.fixture(scope="module")
def spark_runs(lab: Lab) -> Iterator[None]:
    """A Spark session that the commands use."""
    pytest.importorskip("pyspark", reason="Spark is an extra: make extras")
    with spark_log(FolderLog(lab.log)):
        yield


@pytest.mark.usefixtures("spark_runs")
def test_sparks_table_is_the_local_one(run: Run, lab: Lab, tmp_path: Path) -> None:
    """With features of contacts and of accounts, and attributes of both."""
    for engine in ("local", "spark"):
        run("features", "meeting_to_win", "--log", lab.log, "--out", f"{engine}.parquet", "--engine", engine)
    assert (tmp_path / "local.parquet").read_bytes() == (tmp_path / "spark.parquet").read_bytes()
    names = pq.read_schema(tmp_path / "spark.parquet").names
    assert any(name.startswith("account_") for name in names) and "industry" in str(names)


@pytest.mark.usefixtures("spark_runs")
def test_sparks_scores_are_the_local_ones(run: Run, lab: Lab, tmp_path: Path) -> None:
    write_contacts(lab, tmp_path)
    for engine in ("local", "spark"):
        run("score", NAME, "--log", lab.log, "--out", f"{engine}.jsonl", "--engine", engine)
        asked = ["--contacts", "c.csv", "--out", f"asked-{engine}.jsonl"]
        run("score", NAME, "--log", lab.log, *asked, "--engine", engine)
    assert unseen(tmp_path / "local.jsonl") == unseen(tmp_path / "spark.jsonl")
    assert unseen(tmp_path / "asked-local.jsonl") == unseen(tmp_path / "asked-spark.jsonl")

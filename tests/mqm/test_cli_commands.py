"""The commands at work: JSON alone on standard output, files that agree, order kept, the past left as it was."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import Done
from lab import CONVERSIONS, Lab

from engagement.schema import EVENTS
from engagement.times import format_time
from training.table import contact_ids

NAME = "mql_to_meeting"
Run = Callable[..., str]


@pytest.fixture
def run(command_line: Callable[..., Done]) -> Run:
    """Runs a command that must succeed; returns what it printed."""

    def do(*arguments: object) -> str:
        done = command_line(*arguments)
        assert (done.code, done.err) == (0, "")
        return done.out

    return do


def in_stage(lab: Lab, number: int, name: str = NAME) -> list[tuple[str, int]]:
    """Contacts and times at which they are in the stage."""
    rows = lab.trained[name].rows
    some = rows.take(np.linspace(0, len(rows) - 1, number).astype(np.int64))
    return list(zip(contact_ids(lab.arrays, some).to_pylist(), some.cutoff.tolist(), strict=True))


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_json_is_one_document_and_nothing_else(
    run: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact, moment = in_stage(lab, 3)[1]
    with_log = ["--log", lab.log]
    (tmp_path / "map.toml").write_text(
        'source = "leads"\n[[events]]\ntype = "lead_created"\ncontact_id = "id"\noccurred_at = "at"\n'
    )
    told: dict[str, Any] = {}
    for command, arguments in {
        "example": ["example", "fresh", "--contacts", 60],
        "check": ["check", lab.log],
        "models": ["models"],
        "score": ["score", NAME, *with_log, "--out", "s.csv"],
        "explain": ["explain", NAME, contact, *with_log, "--as-of", format_time(moment)],
        "explain nobody": ["explain", NAME, "nobody", *with_log],
        "features": ["features", "meeting_to_win", *with_log, "--out", "t.parquet"],
        "judge": ["judge", "meeting_to_win", *with_log],
    }.items():
        told[command] = json.loads(run(*arguments, "--json"))
    assert told["example"]["contacts"] == 60
    assert {one["conversion"] for one in told["models"]} == set(CONVERSIONS)
    assert told["score"]["rows"] == sum(told["score"]["statuses"].values()) > 100
    assert told["score"]["as_of"] == format_time(lab.as_of)
    assert told["explain"]["status"] == "scored"
    assert told["explain nobody"]["status"] == "unknown_contact"
    assert told["explain nobody"]["probability"] is None
    assert told["features"]["rows"] == len(lab.trained["meeting_to_win"].rows)
    assert told["judge"]["model"]["log_loss"]["value"] < told["judge"]["base rate"]["log_loss"]["value"]


def test_registry_and_key_commands_in_json(
    run: Run, command_line: Callable[..., Done], lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lab.copy(tmp_path / "home")
    monkeypatch.setenv("MQM_HOME", str(home))
    monkeypatch.setenv("MQM_STORE", "mlruns")
    trained = json.loads(run("train", "meeting_to_win", "--log", lab.log, "--json"))
    assert trained["version"] == "2"
    assert trained["digest"] == lab.versions["meeting_to_win"].digest  # the same log, the same bundle
    assert trained["as_of"] == format_time(lab.as_of)
    assert trained["promoted"] is None
    assert trained["gate"]["passed"] is (trained["refused"] == [])
    assert {"log loss", "lift", "score shift", "replay"} <= {one["name"] for one in trained["gate"]["tests"]}
    assert json.loads(run("promote", NAME, "1", "--json")) == {"conversion": NAME, "champion": "1"}
    done = command_line("promote", "meeting_to_win")  # by the evidence that the training left
    assert done.code == (0 if trained["gate"]["passed"] else 1)
    if trained["gate"]["passed"]:
        assert json.loads(run("rollback", "meeting_to_win", "--json"))["champion"] == "1"
    assert "no keys yet" in run("key", "list")
    made = json.loads(run("key", "create", "--scope", "score", "--json"))
    assert made["scopes"] == ["score"]
    listed = json.loads(run("key", "list", "--json"))
    assert [key["id"] for key in listed] == [made["id"]]
    assert made["key"] not in json.dumps(listed)
    assert json.loads(run("key", "revoke", made["id"], "--json"))["id"] == made["id"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_contacts_are_scored_in_the_order_of_their_file(suffix: str, run: Run, lab: Lab, tmp_path: Path) -> None:
    asked: list[tuple[str, int | None]] = [*in_stage(lab, 25)]
    asked += [asked[3], ("nobody", None), (asked[3][0], asked[9][1]), ("nobody", asked[0][1]), (asked[5][0], None)]
    table = pa.table(
        {
            "contact_id": [contact for contact, _ in asked],
            "as_of": pa.array([None if at is None else format_time(at) for _, at in asked], pa.string()),
        }
    )
    path = tmp_path / f"contacts.{suffix}"
    pyarrow.csv.write_csv(table, path) if suffix == "csv" else pq.write_table(table, path)
    told = run("score", NAME, "--log", lab.log, "--contacts", path, "--out", "s.jsonl")
    assert "unknown contact" in told
    scores = jsonl(tmp_path / "s.jsonl")
    assert [(one["contact_id"], one["as_of"]) for one in scores] == [
        (contact, format_time(lab.as_of if at is None else at)) for contact, at in asked
    ]
    assert [one["status"] for one in scores[:26]] == ["scored"] * 26
    assert scores[26]["status"] == scores[28]["status"] == "unknown_contact"
    assert {k: v for k, v in scores[3].items() if k != "scored_at"} == {
        k: v for k, v in scores[25].items() if k != "scored_at"
    }
    model = lab.trained[NAME].model
    contacts, times = zip(*in_stage(lab, 25), strict=True)
    for one, expected in zip(scores, model.score(lab.arrays, contacts, times), strict=False):
        assert one["probability"] == expected.probability
        assert one["log_odds"] == expected.log_odds


def test_a_contacts_file_without_times_is_asked_as_of_the_option(run: Run, lab: Lab, tmp_path: Path) -> None:
    contact, moment = in_stage(lab, 5)[2]
    (tmp_path / "c.csv").write_text(f"name,contact_id\nA,{contact}\n")
    run("score", NAME, "--log", lab.log, "--contacts", "c.csv", "--as-of", format_time(moment), "--out", "s.jsonl")
    one = jsonl(tmp_path / "s.jsonl")[0]
    assert (one["as_of"], one["status"]) == (format_time(moment), "scored")


def test_an_empty_contacts_file_gives_an_empty_file(run: Run, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("contact_id\n")
    for suffix in ("csv", "jsonl", "parquet"):
        run("score", NAME, "--log", lab.log, "--contacts", "c.csv", "--out", f"s.{suffix}")
    assert len(pq.read_table(tmp_path / "s.parquet")) == 0
    assert (tmp_path / "s.jsonl").read_text() == ""
    assert (tmp_path / "s.csv").read_text().count("\n") == 1


def test_the_three_kinds_of_files_agree(run: Run, lab: Lab, tmp_path: Path) -> None:
    for suffix in ("csv", "parquet", "jsonl"):
        run("score", NAME, "--log", lab.log, "--out", f"s.{suffix}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.csv", "s.jsonl", "s.parquet"]
    lines, table = jsonl(tmp_path / "s.jsonl"), pq.read_table(tmp_path / "s.parquet").to_pylist()
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert len(lines) == len(table) == len(cells) > 100
    assert [line["contact_id"] for line in lines] == sorted(line["contact_id"] for line in lines)
    for line, row, cell in zip(lines, table, cells, strict=True):
        for name in row:
            if name == "scored_at":
                continue
            assert row[name] == line[name], name
            if name == "reasons":
                assert json.loads(cell[name]) == line[name]
            elif isinstance(line[name], float):
                assert float(cell[name]) == line[name]
            else:
                assert cell[name] == ("" if line[name] is None else str(line[name]))
        if line["status"] != "scored":
            assert line["status_text"]
            assert line["probability"] is None
            continue
        total = line["base_log_odds"] + sum(reason["effect"] for reason in line["reasons"])
        assert abs(total - line["log_odds"]) < 1e-9
        assert line["reason_1"] == line["reasons"][0]["text"]


def test_everyone_in_the_stage_means_those_in_it_then(run: Run, lab: Lab, tmp_path: Path) -> None:
    run("score", "meeting_to_win", "--log", lab.log, "--out", "s.jsonl", "--as-of", "2023-10-01")
    assert (tmp_path / "s.jsonl").read_text() == ""
    run("score", "meeting_to_win", "--log", lab.log, "--out", "s.jsonl", "--as-of", "2026-01-01")
    scores = jsonl(tmp_path / "s.jsonl")
    assert {one["status"] for one in scores} == {"scored", "insufficient_data"}  # these met too long ago
    events = pq.read_table(lab.log / "events.parquet").to_pylist()
    then = datetime(2026, 1, 1, tzinfo=UTC)
    met = {e["contact_id"] for e in events if e["type"] == "meeting_held" and e["occurred_at"] < then}
    assert {one["contact_id"] for one in scores} <= met


def test_an_explanation_adds_up_on_paper(run: Run, lab: Lab) -> None:
    for contact, moment in in_stage(lab, 12):
        text = run("explain", NAME, contact, "--log", lab.log, "--as-of", format_time(moment))
        figures = [float(found) for found in re.findall(r"^ *([+-]\d+\.\d{3})  ", text, re.MULTILINE)]
        *parts, total = figures
        assert len(parts) > 1
        assert abs(sum(parts) - total) <= 0.0005 * (len(figures) + 1)
        share = re.search(r"^([\d.]+)% \(base rate", text, re.MULTILINE)
        assert share is not None
        assert float(share[1]) / 100 == pytest.approx(1 / (1 + np.exp(-total)), abs=0.002)
        assert contact in text


def test_an_unknown_contact_is_an_answer(run: Run, lab: Lab) -> None:
    text = run("explain", NAME, "nobody", "--log", lab.log)
    assert "unknown contact: Nothing is known of this contact at that time." in text


def later(as_of: datetime) -> pa.Table:
    """A thousand events after that time, or of before but received after it."""
    rows = []
    for i in range(1_000):
        shift = timedelta(hours=1 + i)
        occurred = as_of + shift if i % 2 else as_of - shift
        kind = ("mql", "meeting_held", "page_view", "deal_won", "brand_new")[i % 5]
        rows.append(
            dict.fromkeys(EVENTS.names)
            | {"event_id": f"later-{i}", "contact_id": f"c-{1 + i * 7 % 3000}", "account_id": f"a-{i % 50}"}
            | {"type": kind, "occurred_at": occurred, "received_at": as_of + shift, "detail": "pricing"}
        )
    return pa.Table.from_pylist(rows, schema=EVENTS)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("name", CONVERSIONS)
def test_what_comes_later_leaves_the_training_table_as_it_was(
    name: str, suffix: str, run: Run, lab: Lab, tmp_path: Path
) -> None:
    as_of = datetime(2026, 5, 1, tzinfo=UTC)
    log = tmp_path / "log"
    shutil.copytree(lab.log, log)
    command = ["features", name, "--log", log, "--as-of", as_of.isoformat()]
    run(*command, "--out", f"a.{suffix}")
    events = pq.read_table(log / "events.parquet")
    pq.write_table(pa.concat_tables([later(as_of), events]), log / "events.parquet")
    run(*command, "--out", f"b.{suffix}")
    before = (tmp_path / f"a.{suffix}").read_bytes()
    assert len(before) > 10_000
    assert before == (tmp_path / f"b.{suffix}").read_bytes()
    run("features", name, "--log", log, "--out", f"c.{suffix}")  # as of the log's new last moment
    assert before != (tmp_path / f"c.{suffix}").read_bytes()


def test_the_training_table_is_that_of_the_contract(run: Run, lab: Lab, tmp_path: Path) -> None:
    run("features", NAME, "--log", lab.log, "--out", "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.column_names[:3] == ["contact_id", "cutoff", "converted"]
    assert [str(kind) for kind in table.schema.types[:3]] == ["string", "timestamp[us, tz=UTC]", "bool"]
    assert {str(kind) for kind in table.schema.types[3:]} == {"double"}
    rows = lab.trained[NAME].rows
    assert len(table) == len(rows)
    assert table["converted"].to_pylist() == rows.converted.tolist()
    assert table["contact_id"].to_pylist() == contact_ids(lab.arrays, rows).to_pylist()


def test_truth_is_read_by_nothing(run: Run, lab: Lab, tmp_path: Path) -> None:
    log = tmp_path / "log"
    shutil.copytree(lab.log, log)
    run("features", "meeting_to_win", "--log", log, "--out", "a.csv")
    (log / "truth.parquet").unlink()
    run("features", "meeting_to_win", "--log", log, "--out", "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_models_are_listed(run: Run) -> None:
    head, *rows = run("models").splitlines()
    assert head.split()[:3] == ["conversion", "version", "is"]
    assert len(rows) == 2
    assert all("champion" in row and "sha256:" in row for row in rows)


def test_settings_come_from_the_environment_too(run: Run, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = json.loads(run("features", NAME, "--log", lab.log, "--out", "t.csv", "--json"))
    monkeypatch.setenv("MQM_FEATURES__MAX_COLUMNS", "25")
    monkeypatch.setenv("MQM_CONVERSIONS__MQL_TO_MEETING__HORIZON_DAYS", "7")
    narrow = json.loads(run("features", NAME, "--log", lab.log, "--out", "t.csv", "--json"))
    assert narrow["features"] == 25 < wide["features"]
    assert narrow["converted"] < wide["converted"]
    assert narrow["rows"] > wide["rows"]

"""The commands over databases: what they say of a log is the same whatever it is kept in, to the last bit."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import Done
from lab import Lab
from postgres import new_schema

from engagement.folder import FolderLog
from engagement.log import open_database
from engagement.times import format_time


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/log.db"
    else:
        with new_schema() as made:
            yield made


def test_a_database_is_checked_and_scored_as_the_folder_is(
    lab: Lab, command_line: Callable[..., Done], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQM_CONFIG", str(lab.log / "mqm.toml"))
    files = FolderLog(lab.log)
    log = open_database(url, create=True)
    log.append_tables(files.events(), files.attributes())
    log.close()
    chosen = tmp_path / "chosen.csv"
    with chosen.open("w", newline="") as file:
        csv.writer(file).writerows([["contact_id"], *([f"c-{n}"] for n in range(1, 3000))])
    checked, scored = [], []
    for where in (str(lab.log), url):
        told = json.loads(command_line("check", where, "--json").out)
        checked.append({name: value for name, value in told.items() if name != "log"})
        out = tmp_path / "scores.jsonl"
        options = ("--as-of", format_time(lab.as_of), "--contacts", str(chosen), "--out", str(out))
        done = command_line("score", "mql_to_meeting", "--log", where, *options)
        assert done.code == 0, done.err
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        scored.append([{name: value for name, value in row.items() if name != "scored_at"} for row in rows])
    assert checked[0] == checked[1]
    assert scored[0] == scored[1]
    assert sum(row["status"] == "scored" for row in scored[0]) > 20

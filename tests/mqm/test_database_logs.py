"""The commands over databases: what they say of a log is the same whatever it is kept in, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab
from postgres import new_schema

from engagement.folder import FolderLog
from engagement.log import open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/log.db"
    else:
        with new_schema() as made:
            yield made


def mqm(lab: Lab, *arguments: str) -> str:
    command = [sys.executable, "-m", "mqm", *arguments]
    environ = {**os.environ, "MQM_HOME": str(lab.home), "MQM_CONFIG": str(lab.log / "mqm.toml")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_database_is_checked_and_scored_as_the_folder_is(lab: Lab, url: str, tmp_path: Path) -> None:
    files = FolderLog(lab.log)
    log = open_database(url, create=True)
    log.append_tables(files.events(), files.attributes())
    log.close()
    same = ("events", "contacts", "accounts", "event_types")
    told = [json.loads(mqm(lab, "check", where, "--json")) for where in (str(lab.log), url)]
    assert [told[0].get(name) for name in same] == [told[1].get(name) for name in same]

    from engagement.times import format_time

    scores = []
    for number, where in enumerate((str(lab.log), url)):
        out = tmp_path / f"{number}.jsonl"
        mqm(lab, "score", "mql_to_meeting", "--log", where, "--as-of", format_time(lab.as_of), "--out", str(out))
        scores.append(out.read_text())
    assert scores[0] == scores[1]
    assert scores[0].count("\n") > 100

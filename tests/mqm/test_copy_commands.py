"""`mqm export`, `backup`, `restore` and `erase` as a user runs them, scores included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from engagement.events import Attribute, Event
from engagement.ledger import Ledger, Record
from engagement.sqlite import SqliteLog

PERSON = "ann.example@mail.test"


def mqm(home: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "mqm", *arguments]
    done = subprocess.run(command, env={"MQM_HOME": str(home), "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_a_person_is_erased_everywhere_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "mqm.sqlite"
    url = f"sqlite:///{path}"
    log = SqliteLog(path, create=True)
    log.append([Event(f"e{n}", PERSON if n % 2 else "bob", None, "mql", n, n) for n in range(40)])
    log.append([], [Attribute(PERSON, None, "title", "VP", 1, 1)])
    log.close()
    ledger = Ledger(tmp_path / "mqm-ledger.sqlite")
    score = Record(
        score_id="s1", contact_id=PERSON, conversion="x", as_of=1, scored_at=1, status="scored", language="en",
        question=None, answer=PERSON.encode(), features=b"", features_digest="",
    )  # fmt: skip
    ledger.record([score], ["key"])
    ledger.close()
    assert json.loads(mqm(tmp_path, "export", url, str(tmp_path / "out"), "--json"))["events"] == 40
    assert "events               40" in mqm(tmp_path, "backup", url, str(tmp_path / "b.db"))
    kept = (tmp_path / "b.db").read_bytes()

    removed = json.loads(mqm(tmp_path, "erase", PERSON, "--log", url, "--json"))
    assert [(one["events"], one["attributes"], one["scores"], one["bytes_left"]) for one in removed] == [
        (20, 1, 0, 0),
        (20, 1, 0, None),
        (20, 1, 0, 0),
        (0, 0, 1, 0),
    ]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or PERSON.encode() not in file.read_bytes(), file

    (tmp_path / "old.db").write_bytes(kept)  # a copy from elsewhere, made before
    told = json.loads(mqm(tmp_path, "restore", str(tmp_path / "old.db"), "--log", url, "--json"))
    assert (told["restored_events"], told["already_there"], told["of_erased_contacts"]) == (0, 20, 20)
    path.unlink()
    told = json.loads(mqm(tmp_path, "restore", str(tmp_path / "old.db"), "--log", url, "--json"))
    assert (told["restored_events"], told["of_erased_contacts"]) == (20, 20)
    assert PERSON.encode() not in path.read_bytes()
    assert "exists already" in mqm(tmp_path, "backup", url, str(tmp_path / "b.db"), code=1)

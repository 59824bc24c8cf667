"""Scores that were given: found again, told why they changed, and computed again to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tiny import AS_OF, Project

from engagement.ledger import FILE, Ledger
from engagement.times import DAY, HOUR, format_time

ROOT = Path(__file__).parents[2]


def give(http: httpx.Client, project: Project, contact: str, **more: object) -> dict:
    question = {"conversion": "mql_to_meeting", "contact_id": contact, "as_of": format_time(AS_OF), **more}
    answer = http.post("/v1/score", json=question, headers=project.headers("score"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(http: httpx.Client, project: Project, path: str, status: int = 200) -> dict:
    answer = http.get(path, headers=project.headers("score"))
    assert answer.status_code == status, answer.text
    return answer.json()


def mqm(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mqm", *arguments]
    environ = {**os.environ, "MQM_HOME": str(project.home)}
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_score_is_found_again_with_its_features(http: httpx.Client, project: Project) -> None:
    given = give(http, project, "c-20")
    found = get(http, project, f"/v1/scores/{given['score_id']}")
    assert {name: found[name] for name in given} == given
    assert (found["history"], found["language"]) == ("stored", "en")
    values = {one["name"]: one["value"] for one in found["features"]}
    told = [feature for reason in given["reasons"] for feature in reason["features"]]
    assert told
    assert all(values[feature["name"]] == feature["value"] for feature in told)
    assert get(http, project, "/v1/scores/nobody", 404)["code"] == "unknown_score"


def test_a_score_says_what_changed_it(http: httpx.Client, project: Project) -> None:
    contact = "history-1"
    entered, later = format_time(AS_OF - 5 * DAY), format_time(AS_OF + HOUR)
    entry = {"contact_id": contact, "occurred_at": entered, "received_at": entered}
    view = {"contact_id": contact, "occurred_at": later, "received_at": later, "type": "page_view"}
    events = [{**entry, "event_id": "h-1", "type": "mql"}, {**view, "event_id": "h-2"}]
    assert http.post("/v1/events", json={"events": events}, headers=project.headers("events")).status_code == 200
    times = [AS_OF, AS_OF, AS_OF + HOUR // 2, AS_OF + 2 * HOUR, AS_OF + 90 * DAY]
    for at in times[:4]:
        give(http, project, contact, as_of=format_time(at))
    rows: list[dict] = []
    while len(rows) < 4:
        rows = get(http, project, f"/v1/contacts/{contact}/scores?conversion=mql_to_meeting")["scores"]
    changes = [row["change"] and (row["change"]["by"], row["change"]["evidence"]) for row in rows[::-1]]
    assert changes[0] is None
    assert changes[1] == ("nothing", 0)
    assert changes[2] in (("time", 0), ("nothing", 0))
    assert changes[3] == ("evidence", 1)
    assert rows[0]["change"]["since"] == rows[1]["score_id"]
    again = get(http, project, f"/v1/scores/{rows[0]['score_id']}")
    assert again["change"] == rows[0]["change"]
    assert len(get(http, project, f"/v1/contacts/{contact}/scores?limit=2")["scores"]) == 2
    assert get(http, project, f"/v1/contacts/{contact}/scores?limit=0", 400)["path"] == "limit"


def test_an_id_with_a_slash_has_a_history_too(http: httpx.Client, project: Project) -> None:
    give(http, project, "a/b?c")
    rows: list[dict] = []
    while not rows:
        rows = get(http, project, "/v1/contacts/a%2Fb%3Fc/scores")["scores"]
    assert rows[0]["status"] == "unknown_contact"


def test_replay_repeats_scores_to_the_last_bit_and_the_audit_is_whole(http: httpx.Client, project: Project) -> None:
    inline = {"events": [{"type": "mql", "occurred_at": format_time(AS_OF - DAY)}], "attributes": {"country": "DE"}}
    given = [give(http, project, "c-21"), give(http, project, "c-22", **inline)]
    get(http, project, f"/v1/scores/{given[1]['score_id']}")
    for one in given:
        done = mqm(project, "replay", one["score_id"], "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "score_id": one["score_id"], "identical": True, "features_identical": True, "differences": [],
        }  # fmt: skip
    done = mqm(project, "audit-log", "verify")
    assert done.stdout.startswith("whole: "), done.stderr
    assert mqm(project, "replay", "nobody").returncode == 1


def test_a_score_that_was_tampered_with_does_not_replay(
    http: httpx.Client, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from features.arrays import LogArrays
    from models.bundle import load_bundle
    from serving.replay import replay

    given = give(http, project, "c-23")
    get(http, project, f"/v1/scores/{given['score_id']}")
    record = Ledger(project.home / FILE).score(given["score_id"])
    assert record is not None
    model = load_bundle(project.home / "mlruns" / "bundles" / "mql_to_meeting-1", "1")
    events = [event for event in project.events if event.event_id != next(
        e.event_id for e in project.events if e.contact_id == "c-23" and e.type == "page_view")]  # fmt: skip
    whole = replay(record, model, lambda contact: LogArrays.from_events(project.events, project.attributes))
    less = replay(record, model, lambda contact: LogArrays.from_events(events, project.attributes))
    assert whole.identical
    assert not less.identical
    assert "log_odds" in less.differences

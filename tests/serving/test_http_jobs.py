"""Large jobs: accepted at once, done beside what else is asked, taken up again where a worker was killed."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
from tiny import AS_OF, Project

from engagement.jobs import LEASE, Job, add_job, claim_job, contacts_of, end_job, find_job
from engagement.ledger import FILE, Ledger
from engagement.times import format_time
from models.score import Score
from serving.recorder import Given, write


def get(http: httpx.Client, project: Project, path: str) -> dict:
    answer = http.get(path, headers=project.headers("score"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_job_scores_everyone_in_order(http: httpx.Client, project: Project) -> None:
    ids = [f"c-{number % 240}" for number in range(1200)] + ["nobody"]
    body = {"conversion": "mql_to_meeting", "contact_ids": ids, "as_of": format_time(AS_OF)}
    answer = http.post("/v1/score/jobs", json=body, headers=project.headers("score"))
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == job["status_url"]
    give_up = time.monotonic() + 120
    while job["status"] != "done" and time.monotonic() < give_up:
        time.sleep(0.2)
        job = get(http, project, job["status_url"])
    assert (job["status"], job["total"], job["done"]) == ("done", 1201, 1201)
    first = get(http, project, job["scores_url"])
    second = get(http, project, f"{job['scores_url']}?start={first['next']}")
    scores = first["scores"] + second["scores"]
    assert [score["contact_id"] for score in scores] == ids
    assert second["next"] is None
    alone = http.post(
        "/v1/score",
        json={"conversion": "mql_to_meeting", "contact_id": "c-7", "as_of": format_time(AS_OF)},
        headers=project.headers("score"),
    ).json()
    never = ("score_id", "scored_at", "request_id")
    assert {k: v for k, v in scores[7].items() if k not in never} == {
        k: v for k, v in alone.items() if k not in never
    }
    stored = get(http, project, f"/v1/scores/{scores[7]['score_id']}")
    assert stored["probability"] == alone["probability"]


def test_bad_jobs_are_refused(http: httpx.Client, project: Project) -> None:
    good = {"conversion": "mql_to_meeting", "contact_ids": ["c-1"]}
    late = {"as_of": "2199-01-01T00:00:00Z"}
    for change in ({"conversion": "no"}, {"contact_ids": []}, {"contact_ids": [1]}, {"x": 1}, late):
        answer = http.post("/v1/score/jobs", json={**good, **change}, headers=project.headers("score"))
        assert answer.status_code == 400
    assert http.get("/v1/score/jobs/nobody", headers=project.headers("score")).status_code == 404
    start = http.get("/v1/score/jobs/nobody/scores?start=x", headers=project.headers("score"))
    assert start.status_code == 400


def test_a_job_whose_worker_was_killed_goes_on_where_it_stood(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FILE)
    fields = {"key_id": "k", "conversion": "mql_to_meeting", "as_of": AS_OF, "language": "en", "total": 3, "done": 0}
    add_job(ledger, Job(job_id="j", created_at=0, state="queued", **fields), ["a", "b", "c"])
    claimed = claim_job(ledger, 100)
    assert claimed is not None
    assert (claimed.done, contacts_of(ledger, "j")) == (0, ["a", "b", "c"])
    score = Score(status="unknown_contact", contact_id="x", conversion="mql_to_meeting", question="?", as_of=AS_OF)
    write(ledger, [Given(f"s{n}", score, 1, b"{}", "en", "k", None, "j", n) for n in range(2)])
    assert claim_job(ledger, 100 + LEASE - 1) is None
    again = claim_job(ledger, 101 + LEASE)
    assert again is not None
    assert again.done == 2
    end_job(ledger, "j")
    ended = find_job(ledger, "j")
    assert ended is not None
    assert ended.state == "done"
    assert claim_job(ledger, 10 * LEASE) is None

"""Events over a real server: stored once, refused by name one by one, and on disk when the answer is 200."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import pytest
from tiny import AS_OF, Project, write_project

from engagement.sqlite import SqliteLog
from engagement.times import DAY, format_time
from serving.run import free_port, kill, start, wait_for


def event(event_id: str, contact: str = "new-1", **more: object) -> dict:
    return {"event_id": event_id, "contact_id": contact, "type": "mql", "occurred_at": format_time(AS_OF)} | more


def send(http: httpx.Client, project: Project, *events: object, **more: object) -> httpx.Response:
    return http.post("/v1/events", json={"events": list(events), **more}, headers=project.headers("events"))


def counts(answer: httpx.Response) -> tuple[int, int, list[tuple[int, str]]]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["accepted"], body["duplicates"], [(r["index"], r["code"]) for r in body["rejected"]]


def test_the_same_event_again_is_a_duplicate(http: httpx.Client, project: Project) -> None:
    one = event("dup-1", value=2, detail="x", properties={"b": 1, "a": {"c": [1, 2.5, None]}})
    assert counts(send(http, project, one)) == (1, 0, [])
    assert counts(send(http, project, one)) == (0, 1, [])
    again = {**one, "properties": '{"a": {"c": [1, 2.5, null]}, "b": 1}', "value": 2.0}
    assert counts(send(http, project, again)) == (0, 1, [])


def test_the_same_id_with_another_body_is_a_conflict(http: httpx.Client, project: Project) -> None:
    assert counts(send(http, project, event("con-1"))) == (1, 0, [])
    answer = send(http, project, event("con-1", type="meeting_held"))
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"
    assert counts(send(http, project, event("con-1", value=1), event("con-2"))) == (1, 0, [(0, "conflict")])


def test_one_bad_event_does_not_sink_the_others(http: httpx.Client, project: Project) -> None:
    late = format_time(time.time_ns() // 1000 + 10 * 60 * 1_000_000)
    rows = [
        event("bad-0"),
        event("bad-1", value="12"),
        event("bad-2", occurred_at=late),
        event("bad-3", received_at=late, occurred_at=late),
        event("bad-4", surprise=1),
        {"event_id": "bad-5"},
        7,
        event("bad-7", value=2e9),
        event("bad-8", occurred_at="yesterday"),
        event("bad-9"),
    ]
    accepted, duplicates, rejected = counts(send(http, project, *rows))
    assert (accepted, duplicates) == (2, 0)
    assert rejected == [
        (1, "invalid_value"),
        (2, "occurred_after_received"),
        (3, "received_in_future"),
        (4, "unknown_field"),
        (5, "missing_field"),
        (6, "invalid_value"),
        (7, "invalid_value"),
        (8, "invalid_value"),
    ]


def test_a_repeated_id_within_a_request(http: httpx.Client, project: Project) -> None:
    rows = [event("rep-1"), event("rep-1"), event("rep-1", value=1)]
    assert counts(send(http, project, *rows)) == (1, 1, [(2, "conflict")])


def test_what_was_stored_is_scored(http: httpx.Client, project: Project) -> None:
    question = {"conversion": "mql_to_meeting", "contact_id": "fresh-1"}
    ask = {"json": question, "headers": project.headers("score")}
    assert http.post("/v1/score", **ask).json()["status"] == "unknown_contact"
    fact = {"contact_id": "fresh-1", "name": "country", "value": "DE", "occurred_at": format_time(AS_OF)}
    lately = format_time(
        time.time_ns() // 1000 - DAY
    )  # asked for as of now, and a stage entered long ago has no score
    entry = event("fresh-1", "fresh-1", occurred_at=lately)
    assert counts(send(http, project, entry, attributes=[fact])) == (1, 0, [])
    assert http.post("/v1/score", **ask).json()["status"] == "scored"


def test_attributes_become_text_and_bad_ones_are_named(http: httpx.Client, project: Project) -> None:
    at = format_time(AS_OF)
    facts = [
        {"contact_id": "facts-1", "name": "employees", "value": 250, "occurred_at": at},
        {"contact_id": "facts-1", "name": "ratio", "value": 0.5, "occurred_at": at},
        {"account_id": "facts-a", "name": "customer", "value": True, "occurred_at": at},
        {"name": "nobody", "value": "x", "occurred_at": at},
    ]
    answer = send(http, project, attributes=facts)
    assert answer.status_code == 200
    assert [(r["index"], r["code"]) for r in answer.json()["rejected_attributes"]] == [(3, "missing_field")]
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    _, rows = log.history("facts-1")
    log.close()
    assert {row.name: row.value for row in rows} == {"employees": "250", "ratio": "0.5"}


def test_received_at_is_ours_where_none_is_given(http: httpx.Client, project: Project) -> None:
    before = time.time_ns() // 1000
    send(http, project, event("rec-1", "rec-1"), event("rec-2", "rec-1", received_at="2026-10-02T00:00:00Z"))
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    stored = {row.event_id: row.received_at for row in log.history("rec-1")[0]}
    log.close()
    assert before <= stored["rec-1"] <= time.time_ns() // 1000
    assert format_time(stored["rec-2"]) == "2026-10-02T00:00:00Z"


def test_many_writers_at_once_lose_and_double_nothing(url: str, project: Project) -> None:
    answers: list[httpx.Response] = []

    def write(worker: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for number in range(20):
                own = event(f"many-{worker}-{number}", "many")
                shared = event(f"many-shared-{number}", "many")
                answers.append(send(client, project, own, shared))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = [counts(answer) for answer in answers]
    assert sum(accepted for accepted, _, _ in totals) == 8 * 20 + 20
    assert sum(duplicates for _, duplicates, _ in totals) == 7 * 20
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    assert len(log.history("many")[0]) == 180
    log.close()


@pytest.mark.parametrize("workers", [2])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, workers: int) -> None:
    project = write_project(tmp_path, AS_OF)
    port = free_port()
    server = start(tmp_path, port, workers, output=tmp_path / "serve.log")
    acknowledged: list[str] = []
    try:
        wait_for(f"http://127.0.0.1:{port}", "/readyz", server)

        def write(worker: int) -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                for number in range(5_000):
                    name = f"kill-{worker}-{number}"
                    try:
                        if send(client, project, event(name, "kill")).status_code == 200:
                            acknowledged.append(name)
                    except httpx.HTTPError:
                        return

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        kill(server)
        for thread in threads:
            thread.join()
    finally:
        kill(server)
    assert len(acknowledged) > 20
    log = SqliteLog(tmp_path / "mqm.sqlite", create=False)
    stored = {row.event_id for row in log.history("kill")[0]}
    log.close()
    assert set(acknowledged) <= stored

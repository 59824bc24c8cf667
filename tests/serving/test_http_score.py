"""Scores over a real server: explained, additive, the same inline, stored and in a batch."""

from __future__ import annotations

import math

import httpx
import pytest
from tiny import AS_OF, Project

from engagement.times import format_time

NEVER_THE_SAME = ("score_id", "scored_at", "request_id")


def ask(http: httpx.Client, project: Project, path: str = "/v1/score", **body: object) -> dict:
    answer = http.post(path, json=body, headers=project.headers("score"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(http: httpx.Client, project: Project, contact: str, **more: object) -> dict:
    return ask(http, project, conversion="mql_to_meeting", contact_id=contact, as_of=format_time(AS_OF), **more)


def comparable(score: dict) -> dict:
    return {name: value for name, value in score.items() if name not in NEVER_THE_SAME}


def inline(project: Project, contact: str) -> dict:
    """What is stored of a contact and its account, as it would be given with a question."""
    account = next(e.account_id for e in project.events if e.contact_id == contact)
    events = [
        {
            "event_id": e.event_id,
            "contact_id": e.contact_id,
            "account_id": e.account_id,
            "type": e.type,
            "occurred_at": format_time(e.occurred_at),
            "received_at": format_time(e.received_at),
            "value": e.value,
            "detail": e.detail,
        }
        for e in project.events
        if e.account_id == account
    ]
    attributes = [
        {"name": a.name, "value": a.value, "occurred_at": format_time(a.occurred_at)}
        for a in project.attributes
        if a.contact_id == contact
    ]
    return {"events": events, "attributes": attributes}


def test_a_stored_contact_is_scored_and_the_reasons_add_up(http: httpx.Client, project: Project) -> None:
    score = stored(http, project, "c-5")
    assert score["status"] == "scored"
    assert score["question"] == "Will this MQL hold a meeting within 30 days?"
    total = score["base_log_odds"] + math.fsum(reason["effect"] for reason in score["reasons"])
    assert math.isclose(total, score["log_odds"], abs_tol=1e-9)
    assert math.isclose(score["probability"], 1 / (1 + math.exp(-score["log_odds"])), abs_tol=1e-12)
    for reason in score["reasons"]:
        assert math.isclose(reason["effect"], math.fsum(f["effect"] for f in reason["features"]), abs_tol=1e-9)
    assert 1 <= score["score"] <= 99
    assert score["grade"] in "ABCD"
    assert score["reason_1"] == score["reasons"][0]["text"]
    assert score["reasons_text"].startswith(score["reason_1"])
    assert score["model_version"] == "1"
    assert score["model_digest"].startswith("sha256:")


def test_inline_equals_stored(http: httpx.Client, project: Project) -> None:
    for number in range(0, 60, 7):
        contact = f"c-{number}"
        assert comparable(stored(http, project, contact, **inline(project, contact))) == comparable(
            stored(http, project, contact)
        )


def test_a_batch_keeps_the_order_and_equals_one_by_one(http: httpx.Client, project: Project) -> None:
    ids = [f"c-{number}" for number in (9, 3, 200, 9, 11)] + ["nobody"]
    body = {"conversion": "mql_to_meeting", "contact_ids": ids, "as_of": format_time(AS_OF)}
    batch = ask(http, project, "/v1/score/batch", **body)
    assert [score["contact_id"] for score in batch["scores"]] == ids
    assert [comparable(score) for score in batch["scores"]] == [comparable(stored(http, project, c)) for c in ids]


def test_a_batch_mixes_conversions_histories_and_times(http: httpx.Client, project: Project) -> None:
    items = [
        {"contact_id": "c-1"},
        {"contact_id": "c-1", **inline(project, "c-1")},
        {"contact_id": "c-1", "conversion": "meeting_to_win"},
        {"contact_id": "c-1", "as_of": "2026-01-01T00:00:00Z"},
        {"contact_id": "c-1", "events": []},
    ]
    body = {"conversion": "mql_to_meeting", "as_of": format_time(AS_OF), "requests": items}
    scores = ask(http, project, "/v1/score/batch", **body)["scores"]
    statuses = [s["status"] for s in scores]
    assert statuses[:3] == ["scored", "scored", "no_model"]
    assert statuses[3] in ("unknown_contact", "not_in_stage")
    assert statuses[4] == "unknown_contact"
    assert comparable(scores[0]) == comparable(scores[1])


def test_a_thousand_at_once(http: httpx.Client, project: Project) -> None:
    ids = [f"c-{number % 240}" for number in range(1000)]
    body = {"conversion": "mql_to_meeting", "contact_ids": ids, "as_of": format_time(AS_OF)}
    scores = ask(http, project, "/v1/score/batch", **body)["scores"]
    assert [score["contact_id"] for score in scores] == ids
    assert {score["status"] for score in scores} == {"scored"}
    more = http.post("/v1/score/batch", json={**body, "contact_ids": [*ids, "c"]}, headers=project.headers("score"))
    assert more.status_code == 400


@pytest.mark.parametrize(
    ("conversion", "contact", "status"),
    [
        ("mql_to_meeting", "nobody", "unknown_contact"),
        ("meeting_to_win", "c-1", "no_model"),
        ("lead_to_mql", "nobody", "no_model"),
    ],
)
def test_no_score_is_an_answer_with_a_name(
    http: httpx.Client, project: Project, conversion: str, contact: str, status: str
) -> None:
    score = ask(http, project, conversion=conversion, contact_id=contact)
    assert score["status"] == status
    assert score["status_text"]
    assert score["probability"] is None
    assert score["reasons"] == []


def test_the_trend_compares_with_a_week_before(http: httpx.Client, project: Project) -> None:
    scores = [stored(http, project, f"c-{number}") for number in range(40)]
    assert {score["trend"] for score in scores} <= {"improving", "steady", "declining", None}
    assert "improving" in {score["trend"] for score in scores}


def test_attributes_as_an_object(http: httpx.Client, project: Project) -> None:
    given = inline(project, "c-2")
    country = next(a.value for a in project.attributes if a.contact_id == "c-2")
    as_object = stored(http, project, "c-2", events=given["events"], attributes={"country": country})
    assert comparable(as_object) == comparable(stored(http, project, "c-2"))


def test_nothing_of_a_question_is_stored(http: httpx.Client, project: Project) -> None:
    event = {"type": "mql", "occurred_at": format_time(AS_OF - 1)}
    assert stored(http, project, "ghost", events=[event])["status"] == "scored"
    assert stored(http, project, "ghost")["status"] == "unknown_contact"


def test_the_conversions_and_their_models(http: httpx.Client, project: Project) -> None:
    rows = http.get("/v1/conversions", headers=project.headers("score")).json()["conversions"]
    status = {row["conversion"]: row["status"] for row in rows}
    assert status == {"lead_to_mql": "no_model", "mql_to_meeting": "ready", "meeting_to_win": "no_model"}

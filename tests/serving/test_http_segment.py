"""Segment's spec over a real server: what a platform posts is stored once, under the log's own words."""

from __future__ import annotations

import json
import threading
import time

import httpx
import pytest
from tiny import AS_OF, Project

from engagement.sqlite import SqliteLog
from engagement.times import format_time

WHEN = format_time(AS_OF)


def post(http: httpx.Client, project: Project, route: str, **body: object) -> httpx.Response:
    return http.post(f"/v1/{route}", json=body, headers=project.headers("events"))


def counts(answer: httpx.Response) -> tuple[int, int, list[tuple[int, str | None, str]]]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["accepted"], body["duplicates"], [(r["index"], r["event_id"], r["code"]) for r in body["rejected"]]


def stored(project: Project, contact: str) -> tuple[list[tuple], dict[tuple[str | None, str], str | None]]:
    """(type, account, value, detail, properties) of the contact's events, and the attributes by (account, name)."""
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    events, facts = log.history(contact)
    log.close()
    rows = [(e.type, e.account_id, e.value, e.detail, json.loads(e.properties or "null")) for e in events]
    return rows[: sum(e.contact_id == contact for e in events)], {(a.account_id, a.name): a.value for a in facts}


MESSAGES = [
    # route, message, event of the log: type, account, value, detail, properties
    ("track", {"event": "Meeting Booked"}, ("meeting_booked", None, None, None, None)),
    (
        "track",
        {"event": "mql", "context": {"groupId": "seg-acme", "ip": "1.2.3.4"}},
        ("mql", "seg-acme", None, None, None),
    ),
    (
        "track",
        {"event": "demoRequested", "properties": {"detail": "pricing", "value": 3, "revenue": 7}},
        ("demo_requested", None, 3.0, "pricing", {"detail": "pricing", "value": 3, "revenue": 7}),
    ),
    (
        "track",
        {"event": "Order Completed", "properties": {"revenue": 19.5, "value": "12"}},
        ("order_completed", None, 19.5, None, {"revenue": 19.5, "value": "12"}),
    ),
    (
        "track",
        {"event": "x", "properties": None, "context": None, "integrations": {}, "sentAt": WHEN},
        ("x", None, None, None, None),
    ),
    (
        "group",
        {"groupId": "seg-bolt", "traits": {"name": "Acme", "employees": 250}},
        ("grouped", "seg-bolt", None, None, {"machine": True, "traits": {"name": "Acme", "employees": "250"}}),
    ),
    (
        "identify",
        {"traits": {"email": "a@b.c", "jobTitle": "VP", "company": {"industry": "retail"}, "tags": ["x", 1]}},
        (
            "identified", None, None, None,
            {"machine": True, "traits": {"job_title": "VP", "company_industry": "retail", "tags": '["x",1]'}},
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("route", "message", "row"), MESSAGES)
@pytest.mark.parametrize("way", ["alone", "batch"])
def test_a_message_becomes_an_event(
    http: httpx.Client, project: Project, route: str, message: dict, row: tuple, way: str
) -> None:
    contact = f"seg-{way}-{MESSAGES.index((route, message, row))}"
    full = {"messageId": f"m-{contact}", "userId": contact, "timestamp": WHEN, **message}
    sent = {"batch": [{"type": route, **full}]} if way == "batch" else full
    answer = post(http, project, "batch" if way == "batch" else route, **sent)
    assert counts(answer) == (1, 0, [])
    assert stored(project, contact)[0] == [row]


def test_what_is_told_of_people_and_accounts_becomes_attributes(http: httpx.Client, project: Project) -> None:
    traits = {"firstName": "Ann", "title": "CEO", "active": True, "address": {"street": "1 Rd", "country": "DE"}}
    one = {"messageId": "id-1", "userId": "told-1", "timestamp": WHEN, "traits": traits}
    two = {
        "messageId": "id-2",
        "userId": "told-1",
        "timestamp": WHEN,
        "groupId": "told-a",
        "traits": {"name": "Acme"},
    }
    assert counts(post(http, project, "identify", **one)) == (1, 0, [])
    assert counts(post(http, project, "group", **two)) == (1, 0, [])
    assert stored(project, "told-1")[1] == {
        (None, "title"): "CEO",
        (None, "active"): "true",
        (None, "address_country"): "DE",
        ("told-a", "name"): "Acme",
    }


def test_with_another_body_nothing_of_a_message_is_kept(http: httpx.Client, project: Project) -> None:
    first = {"messageId": "con-id", "userId": "con-u", "timestamp": WHEN, "traits": {"title": "CEO"}}
    assert counts(post(http, project, "identify", **first)) == (1, 0, [])
    assert counts(post(http, project, "identify", **first, sentAt=WHEN)) == (0, 1, [])
    answer = post(http, project, "identify", **{**first, "traits": {"title": "CTO"}})
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (409, "conflict", "$")
    assert stored(project, "con-u")[1] == {(None, "title"): "CEO"}


def test_a_message_without_a_time_happened_when_it_came_however_often(http: httpx.Client, project: Project) -> None:
    message = {"messageId": "now-1", "userId": "now-u", "traits": {"plan": "free"}}
    before = time.time_ns() // 1000
    assert counts(post(http, project, "identify", **message)) == (1, 0, [])
    assert counts(post(http, project, "identify", **message)) == (0, 1, [])
    assert counts(post(http, project, "batch", batch=[{"type": "identify", **message}, {"type": 1}])) == (
        0, 1, [(1, None, "unsupported_type")],
    )  # fmt: skip
    assert post(http, project, "identify", **message, context={"groupId": "g"}).status_code == 409
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    events, facts = log.history("now-u")
    log.close()
    assert len(facts) == len(events) == 1
    assert before <= events[0].occurred_at == events[0].received_at == facts[0].occurred_at


def test_one_bad_message_does_not_sink_the_batch(http: httpx.Client, project: Project) -> None:
    good = {"type": "track", "userId": "bat", "event": "mql", "timestamp": WHEN}
    late = format_time(time.time_ns() // 1000 + 3_600_000_000)
    batch = [
        {**good, "messageId": "bat-0"},
        {**good, "messageId": "bat-1", "timestamp": late},
        {**good, "messageId": "bat-2", "event": "!!"},
        {**good, "messageId": "bat-3", "userId": None},
        {**good},
        {**good, "messageId": "bat-5", "type": "alias"},
        {**good, "messageId": "bat-6", "properties": {"value": 1e12}},
        {**good, "messageId": "bat-7", "timestamp": "1850-01-01T00:00:00Z"},
        "text",
        {**good, "messageId": "bat-0", "event": "other"},
        {"type": "page", "anonymousId": "bat", "messageId": "bat-9", "name": "Pricing", "timestamp": WHEN},
        {"type": "screen", "userId": "bat", "messageId": "bat-10", "properties": {"path": "/p"}, "timestamp": WHEN},
    ]
    assert counts(post(http, project, "batch", batch=batch, context={"groupId": "bat-a"})) == (
        3,
        0,
        [
            (1, "bat-1", "occurred_after_received"),
            (2, "bat-2", "invalid_value"),
            (3, "bat-3", "missing_field"),
            (4, None, "missing_field"),
            (5, "bat-5", "unsupported_type"),
            (6, "bat-6", "invalid_value"),
            (7, "bat-7", "time_out_of_range"),
            (8, None, "unsupported_type"),
            (9, "bat-0", "conflict"),
        ],
    )
    assert [(kind, account, detail) for kind, account, _, detail, _ in stored(project, "bat")[0]] == [
        ("mql", "bat-a", None),
        ("screen_view", "bat-a", "/p"),
        ("page_view", "bat-a", "Pricing"),
    ]


@pytest.mark.parametrize(
    ("route", "body", "code", "path"),
    [
        ("track", {}, "missing_field", "$"),
        ("track", {"messageId": "x", "event": "e"}, "missing_field", "$.userId"),
        ("track", {"messageId": "x", "userId": "u"}, "missing_field", "$"),
        ("track", {"messageId": "x", "userId": "u", "event": 1}, "invalid_value", "$.event"),
        ("track", {"messageId": "x", "userId": 7, "event": "e"}, "invalid_value", "$.userId"),
        ("track", {"messageId": "x", "userId": "u", "event": "e", "timestamp": "1"}, "invalid_value", "$.timestamp"),
        ("track", {"messageId": "x", "userId": "u", "event": "e", "properties": []}, "invalid_value", "$.properties"),
        ("group", {"messageId": "x", "userId": "u"}, "missing_field", "$"),
        ("identify", {"messageId": "x", "userId": "u", "traits": {"a": {"?": 1}}}, "invalid_value", "$.traits"),
        ("identify", {"messageId": "x", "userId": "u", "traits": {"a" * 600: 1}}, "invalid_value", "$.traits"),
        ("batch", {}, "missing_field", "$"),
        ("batch", {"batch": {}}, "invalid_value", "$.batch"),
        ("batch", {"batch": [], "context": {"groupId": 1}}, "invalid_value", "$.context.groupId"),
        ("batch", {"batch": [{"type": "page", "messageId": "x"}]}, "missing_field", "$.batch[0].userId"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(
    http: httpx.Client, project: Project, route: str, body: dict, code: str, path: str
) -> None:
    answer = post(http, project, route, **body)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["code"], answer.json()["path"]) == (code, path)


def test_ten_times_the_same_messages_at_once_are_stored_once(url: str, project: Project) -> None:
    batches = [
        [
            {"type": "track", "messageId": f"ten-{b}-{n}", "userId": f"ten-{n}", "event": "mql", "timestamp": WHEN}
            for n in range(20)
        ]
        for b in range(5)
    ]
    answers: list[httpx.Response] = []

    def send(start: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            answers.extend(post(client, project, "batch", batch=batches[(start + n) % 5]) for n in range(5))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = [counts(answer) for answer in answers]
    assert sum(accepted for accepted, _, _ in totals) == 100
    assert sum(duplicates for _, duplicates, _ in totals) == 900
    assert all(len(stored(project, f"ten-{n}")[0]) == 5 for n in range(20))


def test_what_an_erased_contact_did_before_is_refused_by_name(http: httpx.Client, project: Project) -> None:
    message = {"messageId": "gone-1", "userId": "gone", "event": "mql", "timestamp": WHEN}
    assert counts(post(http, project, "track", **message)) == (1, 0, [])
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    assert log.erase("gone", AS_OF + 1) == (1, 0)
    log.close()
    answer = post(http, project, "track", **message)
    assert (answer.status_code, answer.json()["code"]) == (409, "erased")
    later = {**message, "messageId": "gone-2", "timestamp": format_time(AS_OF + 2)}
    batch = [{"type": "track", **message}, {"type": "track", **later}]
    assert counts(post(http, project, "batch", batch=batch)) == (1, 0, [(0, "gone-1", "erased")])

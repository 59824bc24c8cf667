"""Requests that no honest client sends: each is refused by name, nothing of it is repeated, the server lives."""

from __future__ import annotations

import gzip
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from tiny import Project

SCORE, BATCH, EVENTS = "/v1/score", "/v1/score/batch", "/v1/events"
GOOD = b'"conversion": "mql_to_meeting", "contact_id": "c-1"'


def question(more: bytes) -> bytes:
    return b"{" + GOOD + b", " + more + b"}"


def event(more: bytes) -> bytes:
    return question(b'"events": [{"type": "mql", "occurred_at": "2026-09-01T00:00:00Z", ' + more + b"}]")


def deep(levels: int) -> bytes:
    return event(b'"properties": ' + b'{"a":' * levels + b"1" + b"}" * levels)


#: path, body, status, code
BODIES = [
    (SCORE, b"", 400, "malformed_json"),
    (SCORE, b"  ", 400, "malformed_json"),
    (SCORE, b"nonsense", 400, "malformed_json"),
    (SCORE, b"{", 400, "malformed_json"),
    (SCORE, b"{}", 400, "missing_field"),
    (SCORE, b"[]", 400, "invalid_value"),
    (SCORE, b"null", 400, "invalid_value"),
    (SCORE, b'"text"', 400, "invalid_value"),
    (SCORE, b"1", 400, "invalid_value"),
    (SCORE, b"{" + GOOD + b"} {}", 400, "malformed_json"),
    (SCORE, b"{" + GOOD + b"},", 400, "malformed_json"),
    (SCORE, b"{" + GOOD + b",}", 400, "malformed_json"),
    (SCORE, b"{" + GOOD + b"} // why", 400, "malformed_json"),
    (SCORE, b"\xef\xbb\xbf{" + GOOD + b"}", 400, "malformed_json"),
    (SCORE, ("{" + GOOD.decode() + "}").encode("utf-16"), 400, "malformed_json"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "\xff"}', 400, "not_utf8"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "\xed\xa0\x80"}', 400, "not_utf8"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "\xc0\xaf"}', 400, "not_utf8"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "\\ud800 and more text"}', 400, "malformed_json"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "a\\u0000b"}', 400, "nul_character"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "a\x00b"}', 400, "malformed_json"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "a\nb"}', 400, "malformed_json"),
    (SCORE, question(b'"contact_id": "c-2"'), 400, "duplicate_key"),
    (SCORE, question(b'"contact\\u005fid": "c-2"'), 400, "duplicate_key"),
    (SCORE, event(b'"properties": {"a": 1, "a": 2}'), 400, "duplicate_key"),
    (SCORE, event(b'"properties": {"\\\\\\"": ":", "\\\\\\"": 2}'), 400, "duplicate_key"),
    (SCORE, question(b'"surprise": 1'), 400, "unknown_field"),
    (SCORE, question(b'"__proto__": {}'), 400, "unknown_field"),
    (SCORE, question(b'"' + b"x" * 3000 + b'": 1'), 400, "unknown_field"),
    (SCORE, question(b'"' + b"x" * 9000 + b'": 1'), 400, "text_too_long"),
    (SCORE, b'{"conversion": "mql_to_meeting"}', 400, "missing_field"),
    (SCORE, b'{"contact_id": "c-1"}', 400, "missing_field"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": 42}', 400, "invalid_value"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": null}', 400, "invalid_value"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": ""}', 400, "invalid_value"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": ["c-1"]}', 400, "invalid_value"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "' + b"c" * 600 + b'"}', 400, "invalid_value"),
    (SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "' + b"c" * 9000 + b'"}', 400, "text_too_long"),
    (SCORE, b'{"conversion": "no_such", "contact_id": "c-1"}', 400, "unknown_conversion"),
    (SCORE, b'{"conversion": "../../etc/passwd", "contact_id": "c-1"}', 400, "unknown_conversion"),
    (SCORE, b'{"conversion": "' + b"x" * 500 + b'", "contact_id": "c-1"}', 400, "unknown_conversion"),
    (SCORE, question(b'"as_of": "tomorrow"'), 400, "invalid_value"),
    (SCORE, question(b'"as_of": 1763719200'), 400, "invalid_value"),
    (SCORE, question(b'"as_of": "2026-11-21"'), 400, "invalid_value"),
    (SCORE, question(b'"as_of": "2026-11-21T10:00:00"'), 400, "invalid_value"),
    (SCORE, question(b'"as_of": "2026-13-41T10:00:00Z"'), 400, "invalid_value"),
    (SCORE, question(b'"as_of": "2199-01-01T00:00:00Z"'), 400, "as_of_in_future"),
    (SCORE, question(b'"as_of": "1066-10-14T09:00:00Z"'), 400, "time_out_of_range"),
    (SCORE, question(b'"as_of": "0001-01-01T00:00:00+14:00"'), 400, None),
    (SCORE, question(b'"as_of": "9999-12-31T23:59:59-14:00"'), 400, None),
    (SCORE, question(b'"attributes": {"country": "DE"}'), 400, "attributes_without_events"),
    (SCORE, question(b'"events": {}'), 400, "invalid_value"),
    (SCORE, question(b'"events": [1]'), 400, "invalid_value"),
    (SCORE, question(b'"events": [null]'), 400, "invalid_value"),
    (SCORE, question(b'"events": [{"type": "mql"}]'), 400, "missing_field"),
    (SCORE, question(b'"events": [], "attributes": {"": "x"}'), 400, "invalid_value"),
    (SCORE, question(b'"events": [], "attributes": {"a": {"b": 1}}'), 400, "invalid_value"),
    (SCORE, event(b'"value": NaN'), 400, "malformed_json"),
    (SCORE, event(b'"value": Infinity'), 400, "malformed_json"),
    (SCORE, event(b'"value": -Infinity'), 400, "malformed_json"),
    (SCORE, event(b'"value": 1e999'), 400, "number_out_of_range"),
    (SCORE, event(b'"value": -1e999'), 400, "number_out_of_range"),
    (SCORE, event(b'"value": 1e10'), 400, "invalid_value"),
    (SCORE, event(b'"value": 1' + b"0" * 400), 400, "invalid_value"),
    (SCORE, event(b'"value": 1' + b"0" * 5000), 400, "number_out_of_range"),
    (SCORE, event(b'"value": "12"'), 400, "invalid_value"),
    (SCORE, event(b'"value": true'), 400, "invalid_value"),
    (SCORE, event(b'"value": 0x10'), 400, "malformed_json"),
    (SCORE, event(b'"value": 01'), 400, "malformed_json"),
    (SCORE, event(b'"detail": "' + b"d" * 9000 + b'"'), 400, "text_too_long"),
    (SCORE, event(b'"properties": "not json"'), 400, "malformed_json"),
    (SCORE, event(b'"properties": "[1]"'), 400, "invalid_value"),
    (SCORE, event(b'"properties": "{\\"a\\": 1e999}"'), 400, "number_out_of_range"),
    (SCORE, event(b'"properties": [1]'), 400, "invalid_value"),
    (SCORE, deep(14), 400, "too_deep"),
    (SCORE, deep(2000), 400, "too_deep"),
    (SCORE, b"[" * 100_000, 400, None),
    (SCORE, b'{"a":' * 100_000, 400, None),
    (BATCH, b"{}", 400, "invalid_value"),
    (BATCH, b'{"contact_ids": ["c-1"]}', 400, "missing_field"),
    (BATCH, b'{"requests": [{"contact_id": "c-1"}]}', 400, "missing_field"),
    (BATCH, b'{"conversion": "mql_to_meeting", "contact_ids": ["a"], "requests": []}', 400, "invalid_value"),
    (BATCH, b'{"conversion": "mql_to_meeting", "contact_ids": "c-1"}', 400, "invalid_value"),
    (BATCH, b'{"conversion": "mql_to_meeting", "contact_ids": [null]}', 400, "invalid_value"),
    (BATCH, b'{"conversion": "no_such", "contact_ids": ["c-1"]}', 400, "unknown_conversion"),
    ("/v1/track", b"{}", 400, "missing_field"),
    ("/v1/track", b'{"messageId": "m", "messageId": "n"}', 400, "duplicate_key"),
    ("/v1/track", b'{"messageId": "m", "userId": "u", "event": "' + b"e" * 600 + b'"}', 400, "invalid_value"),
    ("/v1/track", b'{"messageId": "m", "userId": "u", "event": "e", "properties": {"value": 1e999}}', 400, None),
    ("/v1/identify", b'{"messageId": "m", "userId": "u", "traits": [1]}', 400, "invalid_value"),
    ("/v1/group", b'{"messageId": "m", "userId": "u", "groupId": ""}', 400, "invalid_value"),
    ("/v1/batch", b'{"batch": ' + b"[" * 20 + b"]" * 20 + b"}", 400, "too_deep"),
    ("/v1/batch", b'{"batch": [null]}', 400, "unsupported_type"),
    (EVENTS, b"{}", 400, "missing_field"),
    (EVENTS, b"[]", 400, "invalid_value"),
    (EVENTS, b'{"events": {}}', 400, "invalid_value"),
    (EVENTS, b'{"events": [{}]}', 400, "missing_field"),
    (EVENTS, b'{"events": [7]}', 400, "invalid_value"),
    (EVENTS, b'{"attributes": [{"name": "a", "occurred_at": "2026-01-01T00:00:00Z"}]}', 400, "missing_field"),
]

CONTENT_TYPES = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/vnd.bentoml+pickle",
    "application/vnd.bentoml.pickle",
    "application/octet-stream",
    "application/json; charset=utf-16",
    "application/json, text/plain",
    "application/msgpack",
]


def post(http: httpx.Client, project: Project, path: str, body: bytes, **headers: str) -> httpx.Response:
    key = project.headers("score" if path in (SCORE, BATCH) else "events")
    return http.post(path, content=body, headers={**key, "Content-Type": "application/json", **headers})


def assert_problem(answer: httpx.Response, status: int, code: str | None = None) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert code is None or problem["code"] == code, problem
    assert len(answer.content) < 1200
    assert "Traceback" not in answer.text
    return problem


@pytest.mark.parametrize(("path", "body", "status", "code"), BODIES)
def test_a_hostile_body_is_refused_by_name(
    http: httpx.Client, project: Project, path: str, body: bytes, status: int, code: str | None
) -> None:
    assert_problem(post(http, project, path, body), status, code)
    assert http.get("/livez").status_code == 200


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("path", [SCORE, BATCH, EVENTS])
def test_only_json_is_read(http: httpx.Client, project: Project, path: str, content_type: str) -> None:
    answer = post(http, project, path, b"{" + GOOD + b"}", **{"Content-Type": content_type})
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body_is_refused(http: httpx.Client, project: Project, encoding: str) -> None:
    body = gzip.compress(b"{" + GOOD + b"}")
    assert_problem(post(http, project, SCORE, body, **{"Content-Encoding": encoding}), 415, "unsupported_encoding")


def test_json_with_a_charset_is_read(http: httpx.Client, project: Project) -> None:
    answer = post(http, project, SCORE, b"{" + GOOD + b"}", **{"Content-Type": 'Application/JSON; Charset="UTF-8"'})
    assert answer.status_code == 200


def test_as_deep_as_allowed_is_read(http: httpx.Client, project: Project) -> None:
    assert post(http, project, SCORE, deep(13)).status_code == 200


def test_unusual_texts_are_read(http: httpx.Client, project: Project) -> None:
    for contact in ("Zoë 😀", "'; DROP TABLE events; --", "a\\u0000b", "\u2028", "{}:,\\", '"', "\x7f"):
        body = json.dumps({"conversion": "mql_to_meeting", "contact_id": contact}).encode()
        answer = post(http, project, SCORE, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["contact_id"] == contact


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused(http: httpx.Client, project: Project, announced: bool) -> None:
    body = b'{"events": [' + b" " * (6 * 1024 * 1024) + b"]}"

    def parts() -> object:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    headers = {**project.headers("events"), "Content-Type": "application/json"}
    try:
        answer = http.post(EVENTS, content=body if announced else parts(), headers=headers)  # type: ignore[arg-type]
    except httpx.WriteError:
        return  # the server hung up in the middle, which is its right
    assert_problem(answer, 413, "body_too_large")


def test_a_body_just_within_the_limit_is_read(http: httpx.Client, project: Project) -> None:
    body = b'{"events": [' + b" " * (5 * 1024 * 1024 - 14) + b"]}"
    assert post(http, project, EVENTS, body).status_code == 200


def test_a_lying_content_length_harms_nobody(http: httpx.Client, url: str, project: Project) -> None:
    key = project.keys["score"]
    for length in ("5", "1000", "99999999999999999999999", "-1", "abc", "0"):
        head = (
            f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        )
        raw = f"{head}Content-Length: {length}\r\n\r\n".encode() + b"{" + GOOD + b"}"
        answer = send_raw(url, raw)
        assert not answer.startswith(b"HTTP/1.1 2"), length
    assert http.get("/livez").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /v1/score HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_http_harms_nobody(http: httpx.Client, url: str, raw: bytes) -> None:
    assert not send_raw(url, raw).startswith(b"HTTP/1.1 2")
    assert http.get("/livez").status_code == 200


def send_raw(url: str, raw: bytes) -> bytes:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), 5) as sock:
        sock.settimeout(3)
        try:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(4096)
        except OSError:
            return b""


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/score/", "/v1/scores/x/y", "/docs.json", "/schema.json", "/healthz", "/metricsz", "/%00",
     "/static_content/x", "//livez", "/call", "/predict", "/..%2f..%2fetc%2fpasswd"],
)  # fmt: skip
def test_an_address_that_is_not_there(http: httpx.Client, project: Project, path: str) -> None:
    for method in ("GET", "POST"):
        assert_problem(http.request(method, path, headers=project.headers("admin")), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method(http: httpx.Client, method: str) -> None:
    answer = http.request(method, SCORE)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert_problem(answer, 405, "method_not_allowed")


def test_a_problem_names_the_path_and_shortens_what_was_sent(http: httpx.Client, project: Project) -> None:
    problem = assert_problem(post(http, project, SCORE, event(b'"colour": 1')), 400, "unknown_field")
    assert problem["path"] == "$.events[0]"
    assert "colour" in problem["detail"]
    long = assert_problem(post(http, project, SCORE, question(b'"' + b"x" * 3000 + b'": 1')), 400)
    assert len(long["detail"]) < 250


def test_a_sane_request_id_is_echoed_and_another_is_replaced(http: httpx.Client) -> None:
    assert http.get("/livez", headers={"X-Request-ID": "abc-123.x_Y"}).headers["x-request-id"] == "abc-123.x_Y"
    for odd in ("a b", "x" * 100, "ann@example.com", "<script>", ""):
        assert http.get("/livez", headers={"X-Request-ID": odd}).headers["x-request-id"] != odd


def test_logs_are_json_lines_and_hold_nothing_personal(http: httpx.Client, project: Project) -> None:
    secret = "ann.secret@example.com"
    post(http, project, SCORE, b'{"conversion": "mql_to_meeting", "contact_id": "' + secret.encode() + b'"}')
    post(http, project, SCORE, b'{"' + secret.encode() + b'": 1}')
    http.get(f"/v1/contacts/{secret}/scores?email={secret}", headers=project.headers("score"))
    http.get("/livez", headers={"X-Request-ID": secret})
    text = (project.home / "serve.log").read_text()
    assert secret not in text
    assert all(key.partition(".")[2] not in text for key in project.keys.values())
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert any(line["message"] == "request" and line["route"] == SCORE for line in lines)
    assert "Traceback" not in text

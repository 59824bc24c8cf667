"""Doors: every route of the document with every kind of key, and the document against what is really answered."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate
from tiny import AS_OF, Project

from engagement.times import format_time
from serving.app import DOORS
from serving.keys import SCOPES, create_key, revoke_key
from serving.openapi import document

OPERATIONS = [
    (path, method.upper(), operation.get("x-scope"))
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
]
PRIVATE = [operation for operation in OPERATIONS if operation[2]]
BODIES = {
    "/v1/score": {"conversion": "mql_to_meeting", "contact_id": "c-1", "as_of": format_time(AS_OF)},
    "/v1/score/jobs": {"conversion": "mql_to_meeting", "contact_ids": ["c-1", "c-2", "nobody"]},
    "/v1/score/batch": {
        "conversion": "mql_to_meeting",
        "contact_ids": ["c-1", "nobody"],
        "as_of": format_time(AS_OF),
    },
    "/v1/events": {"events": [{"event_id": "x"}, 7], "attributes": [{"name": "a"}]},
    "/v1/track": {"messageId": "door-1", "userId": "d", "event": "mql", "timestamp": format_time(AS_OF)},
    "/v1/identify": {"messageId": "door-2", "userId": "d", "timestamp": format_time(AS_OF)},
    "/v1/group": {"messageId": "door-3", "userId": "d", "groupId": "g", "timestamp": format_time(AS_OF)},
    "/v1/batch": {"batch": [{"type": "alias"}, 7]},
}


def knock(http: httpx.Client, path: str, method: str, headers: dict[str, str]) -> httpx.Response:
    return http.request(method, path, json=BODIES.get(path), headers=headers)


def place(http: httpx.Client, project: Project, path: str) -> str:
    """The path with the ids of something that is there."""
    if "{score_id}" in path:
        score = knock(http, "/v1/score", "POST", project.headers("score"))
        path = path.replace("{score_id}", score.json()["score_id"])
    if "{job_id}" in path:
        job = knock(http, "/v1/score/jobs", "POST", project.headers("score"))
        path = path.replace("{job_id}", job.json()["job_id"])
    return path.replace("{contact_id}", "c-1")


def test_the_document_is_valid_and_lists_every_route() -> None:
    validate(json.loads(json.dumps(document())))
    assert document()["openapi"] == "3.0.3"
    assert set(OPERATIONS) == {(door.path.replace(":path}", "}"), door.method, door.scope) for door in DOORS}


def test_the_document_suits_salesforce() -> None:
    text = json.dumps(document())
    assert '"enum"' not in text
    assert '"format"' not in text
    schemas = document()["components"]["schemas"]
    for schema in schemas.values():
        assert all(name.isidentifier() for name in schema["properties"])
    names = [op["operationId"] for methods in document()["paths"].values() for op in methods.values()]
    assert all(name.isidentifier() for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("path", "method", "scope"), PRIVATE)
@pytest.mark.parametrize("key", [*SCOPES, None])
def test_a_key_opens_the_doors_of_its_scope_only(
    http: httpx.Client, project: Project, path: str, method: str, scope: str, key: str | None
) -> None:
    answer = knock(http, place(http, project, path), method, project.headers(key) if key else {})
    good = 202 if path == "/v1/score/jobs" else 200
    expected = 401 if key is None else good if key in (scope, "admin") else 403
    assert answer.status_code == expected, answer.text
    if expected == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("path", "method", "scope"), OPERATIONS)
def test_answers_have_the_shape_that_the_document_gives(
    http: httpx.Client, project: Project, path: str, method: str, scope: str | None
) -> None:
    spec = http.get("/openapi.json").json()
    responses = spec["paths"][path][method.lower()]["responses"]
    path = place(http, project, path)
    good = knock(http, path, method, project.headers("admin"))
    expected = responses[str(good.status_code)]
    check(spec, expected, next(iter(expected["content"])), good)
    if scope:
        check(spec, responses["401"], "application/problem+json", knock(http, path, method, {}))
        check(spec, responses["403"], "application/problem+json", knock(http, path, method, project.headers("card")))
    if path in BODIES:
        bad = http.request(method, path, json={"surprise": 1}, headers=project.headers("admin"))
        check(spec, responses["400"], "application/problem+json", bad)


def check(spec: dict, response: dict, media_type: str, answer: httpx.Response) -> None:
    assert answer.headers["content-type"].partition(";")[0] == media_type
    if media_type.startswith("text/"):
        return
    schema = strict(response["content"][media_type]["schema"], spec)
    jsonschema.Draft202012Validator(schema).validate(answer.json())


def strict(schema: Any, spec: dict) -> Any:
    """The OpenAPI 3.0 schema in JSON Schema's words; a field that the document does not list is an error."""
    if "$ref" in schema:
        resolved = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return strict({**resolved, **{k: v for k, v in schema.items() if k != "$ref"}}, spec)
    out = dict(schema)
    if "properties" in out:
        out["properties"] = {name: strict(value, spec) for name, value in out["properties"].items()}
        out["additionalProperties"] = False
    if "items" in out:
        out["items"] = strict(out["items"], spec)
    if out.pop("nullable", False) and "type" in out:
        out["type"] = [out["type"], "null"]
    return out


def test_a_key_in_each_of_three_headers(http: httpx.Client, project: Project) -> None:
    key = project.keys["score"]
    basic = base64.b64encode(f"{key}:".encode()).decode()
    ways = [{"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"Authorization": f"Basic {basic}"}]
    ways += [{"Authorization": f"bearer   {key}"}]
    for headers in ways:
        assert http.get("/v1/conversions", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Basic",
        "Basic !!!",
        "Basic /w==",
        "Digest x",
        "x",
        "Bearer .",
        "Bearer a.b.c",
        "Bearer é",
    ],
)
def test_what_is_no_key(http: httpx.Client, header: str) -> None:
    answer = http.get("/v1/conversions", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401, answer.text


def test_almost_a_key_is_none(http: httpx.Client, project: Project) -> None:
    key = project.keys["score"]
    key_id, _, secret = key.partition(".")
    almost = [key[:-1], key + "x", key_id, f"{key_id}.", f".{secret}", secret, key.swapcase(), f"{key_id}.{key_id}"]
    for text in almost:
        assert http.get("/v1/conversions", headers={"X-API-Key": text}).status_code == 401, text


def test_a_key_is_revoked_and_expires_while_the_service_runs(http: httpx.Client, project: Project) -> None:
    now = time.time_ns() // 1000
    key, text = create_key(project.home, ["score"], now)
    assert http.get("/v1/conversions", headers={"X-API-Key": text}).status_code == 200
    revoke_key(project.home, key.id, now)
    answer = http.get("/v1/conversions", headers={"X-API-Key": text})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
    _, short = create_key(project.home, ["score"], now, expires_at=time.time_ns() // 1000 + 300_000)
    time.sleep(0.4)
    answer = http.get("/v1/conversions", headers={"X-API-Key": short})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_expired")


def test_a_key_is_asked_for_before_the_body_is_read(http: httpx.Client, project: Project) -> None:
    for headers in ({}, project.headers("card")):
        answer = http.post("/v1/score", content=b"not json", headers={"Content-Type": "text/plain", **headers})
        assert answer.status_code in (401, 403)


def test_without_keys_the_service_says_how_to_make_one(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    from serving.app import make_app
    from serving.keys import KeyRing
    from serving.limits import RateLimit
    from serving.shelf import Shelf
    from serving.state import State

    def no_log() -> Any:
        raise AssertionError

    state = State({}, KeyRing(tmp_path), RateLimit(tmp_path), Shelf(dict, no_log), no_log, no_log, lambda: 0)
    client = TestClient(make_app(state))
    answer = client.get("/v1/conversions")
    assert (answer.status_code, answer.json()["code"]) == (401, "no_keys")
    assert "mqm key create" in answer.json()["detail"]
    (tmp_path / "mqm-keys.json").write_text("{")
    assert client.get("/v1/conversions", headers={"X-API-Key": "a.b"}).status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    (tmp_path / "mqm-keys.json").unlink()
    _, text = create_key(tmp_path, ["score"], 0)
    waiting = client.post("/v1/score", json={"conversion": "x", "contact_id": "y"}, headers={"X-API-Key": text})
    assert waiting.status_code == 400  # unknown conversion, before the log is asked

"""The OpenAPI document: 3.0.3, because Salesforce External Services reads no other. Plain dicts; no enums, no
formats, names that are valid identifiers. Tests hold it against the routes and against real answers.
"""

from __future__ import annotations

from engagement.settings import LANGUAGES
from serving.schema_words import Schema, ref
from serving.schemas import SCHEMAS


def document() -> Schema:
    """The whole document."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "mqm",
            "version": "1",
            "description": "Who will turn a marketing-qualified lead into a meeting, and why.",
        },
        "servers": [{"url": "/"}],
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "basic": {"type": "http", "scheme": "basic", "description": "The key as user name."},
            },
        },
    }


#: Optional: a caller that cannot send headers gets the service's own language.
_LANGUAGE: Schema = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": f"The language of the sentences: {', '.join(LANGUAGES)}. Numbers do not depend on it.",
    "schema": {"type": "string"},
}


def _parameter(name: str, where: str, description: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": schema or {"type": "string"},
    }


_JOB_ID = _parameter("job_id", "path", "As the answer to the job named it.")
_START = _parameter("start", "query", "The place of the first score.", {"type": "integer", "minimum": 0})
_SCORE_ID = _parameter("score_id", "path", "As the answer named it.")
_CONTACT_ID = _parameter("contact_id", "path", "The contact, percent-encoded.")
_CONVERSION = _parameter("conversion", "query", "Only scores of this conversion.")
_MOST = _parameter("limit", "query", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 100})


def _operation(
    name: str,
    scope: str | None,
    summary: str,
    body: str | None,
    answer: Schema,
    parameters: tuple[Schema, ...] = (),
    status: str = "200",
    media_type: str = "application/json",
) -> Schema:
    problem = {
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
    statuses = ["400", "408", "413", "415"] if body else []
    statuses += ["401", "403", "429", "503"] if scope else []
    statuses += ["409"] if scope == "events" else []
    statuses += ["404"] if any(one["in"] == "path" for one in parameters) else []
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {
            status: {"description": "The answer.", "content": {media_type: {"schema": answer}}},
            **dict.fromkeys(sorted(statuses), problem),
            "default": problem,
        },
    }
    if scope:
        operation["description"] = f"Needs a key with the scope {scope}."
        operation["x-scope"] = scope
        operation["security"] = [{"bearer": []}, {"key": []}, {"basic": []}]
    if scope == "score" and body:
        parameters = (*parameters, _LANGUAGE)
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    return operation


PATHS: Schema = {
    "/v1/score": {"post": _operation("score", "score", "One explained score.", "ScoreRequest", ref("Score"))},
    "/v1/score/batch": {
        "post": _operation("scoreBatch", "score", "Up to 1000 explained scores.", "BatchRequest", ref("Scores"))
    },
    "/v1/score/jobs": {
        "post": _operation(
            "submitJob", "score", "Scores up to 100000 contacts, in a while.", "JobRequest", ref("Job"), (), "202"
        )
    },
    "/v1/score/jobs/{job_id}": {"get": _operation("job", "score", "How far a job is.", None, ref("Job"), (_JOB_ID,))},
    "/v1/score/jobs/{job_id}/scores": {
        "get": _operation(
            "scoresOfJob", "score", "The scores of a job, a thousand at a time.", None, ref("Page"), (_JOB_ID, _START)
        )
    },
    "/v1/scores/{score_id}": {
        "get": _operation("storedScore", "score", "A given score.", None, ref("StoredScore"), (_SCORE_ID,))
    },
    "/v1/contacts/{contact_id}/scores": {
        "get": _operation(
            "scoresOfContact",
            "score",
            "A contact's given scores, the newest first.",
            None,
            ref("History"),
            (_CONTACT_ID, _CONVERSION, _MOST),
        )
    },
    "/v1/events": {
        "post": _operation("addEvents", "events", "Stores events; 200 is on disk.", "EventsRequest", ref("Stored"))
    },
    "/v1/track": {"post": _operation("track", "events", "Stores what a contact did.", "SegmentTrack", ref("Stored"))},
    "/v1/identify": {
        "post": _operation("identify", "events", "Stores traits of a contact.", "SegmentIdentify", ref("Stored"))
    },
    "/v1/group": {
        "post": _operation("group", "events", "Stores a contact's account.", "SegmentGroup", ref("Stored"))
    },
    "/v1/batch": {"post": _operation("batch", "events", "Stores many messages.", "SegmentBatch", ref("Stored"))},
    "/v1/conversions": {
        "get": _operation("conversions", "score", "What can be asked for.", None, ref("Conversions"))
    },
    "/metrics": {
        "get": _operation("metrics", "metrics", "For Prometheus.", None, {"type": "string"}, media_type="text/plain")
    },
    "/docs": {
        "get": _operation("docs", None, "This document as a page.", None, {"type": "string"}, media_type="text/html")
    },
    "/livez": {"get": _operation("live", None, "Whether the process answers.", None, ref("Health"))},
    "/readyz": {"get": _operation("ready", None, "Whether scores can be asked for.", None, ref("Health"))},
    "/openapi.json": {"get": _operation("openapi", None, "This document.", None, {"type": "object"})},
}

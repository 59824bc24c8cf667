"""The shapes of requests and answers as OpenAPI 3.0 schemas: what `wire` and `answers` are, for other programs."""

from __future__ import annotations

from engagement.schema import VALUE_LIMIT
from serving.schema_words import TIME, Schema, integer, listing, maybe, number, record, ref, text
from serving.segment_schemas import SEGMENT_SCHEMAS
from serving.wire import MAX_BATCH, MAX_JOB

_ID = text(minLength=1, maxLength=512)
_MAYBE_ID = maybe(_ID)
_TIME = text(TIME)
_MAYBE_TIME = maybe(text(TIME))
_VALUE = maybe(number(minimum=-VALUE_LIMIT, maximum=VALUE_LIMIT))
_PROPERTIES: Schema = {"description": "An object, or the same as JSON text; null when there are none."}
_FACT_VALUE: Schema = {"description": "Text; a number or a truth value is kept as text. Null empties the attribute."}

_EVENT = {
    "event_id": _ID,
    "contact_id": _ID,
    "account_id": _MAYBE_ID,
    "type": _ID,
    "occurred_at": _TIME,
    "received_at": _MAYBE_TIME,
    "value": _VALUE,
    "detail": maybe(text()),
    "properties": _PROPERTIES,
}
_QUESTION = {
    "conversion": _ID,
    "contact_id": _ID,
    "as_of": maybe(text(f"Null means now. {TIME}")),
    "events": maybe(listing(ref("InlineEvent"), "Given (also when empty): the history is exactly these.")),
    "attributes": {"description": "With events: an object of names and values, or a list of InlineAttribute."},
}
_REJECTED = record(
    ["index", "code", "detail"],
    {"index": integer(), "event_id": maybe(text()), "code": text(), "detail": text()},
)

_SCORE_ALWAYS = ["status", "score_id", "contact_id", "conversion", "as_of", "scored_at", "reasons", "request_id"]
_SCORE: Schema = {
    "status": text("scored, unknown_contact, not_in_stage, insufficient_data, no_model or objected."),
    "status_text": maybe(text("Why there is no score, as a sentence.")),
    "score_id": text(),
    "contact_id": text(),
    "conversion": text(),
    "question": maybe(text()),
    "as_of": text(TIME),
    "scored_at": text(TIME),
    "probability": maybe(number(minimum=0, maximum=1)),
    "base_rate": maybe(number(minimum=0, maximum=1)),
    "score": maybe(integer("The percentile within the reference cohort, 1 to 99.", minimum=1, maximum=99)),
    "grade": maybe(text()),
    "trend": maybe(text("improving, steady or declining: against the score of 7 days before.")),
    "log_odds": maybe(number()),
    "base_log_odds": maybe(number()),
    "reason_1": maybe(text()),
    "reason_2": maybe(text()),
    "reason_3": maybe(text()),
    "reasons_text": maybe(text()),
    "reasons": listing(ref("Reason")),
    "model_version": maybe(text()),
    "model_digest": maybe(text()),
    "request_id": text(),
}

SCHEMAS: Schema = {
    **SEGMENT_SCHEMAS,
    "ScoreRequest": record(["conversion", "contact_id"], _QUESTION, closed=True),
    "BatchItem": record(["contact_id"], {**_QUESTION, "conversion": _MAYBE_ID}, closed=True),
    "BatchRequest": record(
        [],
        {
            "conversion": _MAYBE_ID,
            "as_of": _MAYBE_TIME,
            "contact_ids": maybe(listing(_ID, maxItems=MAX_BATCH)),
            "requests": maybe(listing(ref("BatchItem"), maxItems=MAX_BATCH)),
        },
        closed=True,
        description="Either contact_ids (with conversion) or requests.",
    ),
    "InlineEvent": record(
        ["type", "occurred_at"], {**_EVENT, "event_id": _MAYBE_ID, "contact_id": _MAYBE_ID}, closed=True
    ),
    "InlineAttribute": record(
        ["name", "occurred_at"],
        {
            "name": _ID,
            "value": _FACT_VALUE,
            "occurred_at": _TIME,
            "received_at": _MAYBE_TIME,
            "account_id": _MAYBE_ID,
        },
        closed=True,
    ),
    "Event": record(["event_id", "contact_id", "type", "occurred_at"], _EVENT, closed=True),
    "Attribute": record(
        ["name", "occurred_at"],
        {
            "contact_id": _MAYBE_ID,
            "account_id": _MAYBE_ID,
            "name": _ID,
            "value": _FACT_VALUE,
            "occurred_at": _TIME,
            "received_at": _MAYBE_TIME,
        },
        closed=True,
        description="Of a contact or of an account: one of the two ids is needed.",
    ),
    "EventsRequest": record(
        [],
        {"events": maybe(listing(ref("Event"))), "attributes": maybe(listing(ref("Attribute")))},
        closed=True,
        description="Each row is checked on its own. A request with a single row answers with that row's status.",
    ),
    "FeatureEffect": record(
        ["name", "effect"],
        {"name": text(), "value": maybe(number()), "effect": number()},
    ),
    "Reason": record(
        ["code", "text", "effect", "features"],
        {"code": text(), "text": text(), "effect": number(), "features": listing(ref("FeatureEffect"))},
    ),
    "Score": record(_SCORE_ALWAYS, _SCORE),
    "StoredScore": record(
        [*_SCORE_ALWAYS, "features", "history", "language", "change"],
        {
            **_SCORE,
            "features": listing(ref("Feature"), "The row of numbers behind the score."),
            "features_digest": maybe(text("SHA-256 of the features' names and bits.")),
            "history": text("stored, or given with the question."),
            "language": text(),
            "change": maybe(ref("Change")),
        },
    ),
    "PastScore": record([*_SCORE_ALWAYS, "change"], {**_SCORE, "change": maybe(ref("Change"))}),
    "History": record(["scores", "request_id"], {"scores": listing(ref("PastScore")), "request_id": text()}),
    "Feature": record(["name"], {"name": text(), "value": maybe(number())}),
    "Change": record(
        ["by", "since", "evidence"],
        {
            "by": text("model, evidence, time or nothing: why the score differs from the one before."),
            "since": text("The id of the score before."),
            "log_odds": maybe(number("The difference.")),
            "evidence": integer("How many facts became known since."),
        },
    ),
    "JobRequest": record(
        ["conversion", "contact_ids"],
        {
            "conversion": _ID,
            "contact_ids": listing(_ID, minItems=1, maxItems=MAX_JOB),
            "as_of": maybe(text(f"Null means now. {TIME}")),
        },
        closed=True,
    ),
    "Job": record(
        ["job_id", "status", "conversion", "as_of", "total", "done", "status_url", "scores_url", "request_id"],
        {
            "job_id": text(),
            "status": text("queued, running, done or failed."),
            "error": maybe(text()),
            "conversion": text(),
            "as_of": text(TIME),
            "total": integer(),
            "done": integer(),
            "status_url": text(),
            "scores_url": text(),
            "request_id": text(),
        },
    ),
    "Page": record(
        ["scores", "request_id"],
        {
            "scores": listing(ref("Score")),
            "next": maybe(integer("Where the next page starts; null on the last one so far.")),
            "request_id": text(),
        },
    ),
    "Scores": record(["scores", "request_id"], {"scores": listing(ref("Score")), "request_id": text()}),
    "Stored": record(
        ["accepted", "duplicates", "rejected", "rejected_attributes", "request_id"],
        {
            "accepted": integer("Events that are new and now on disk."),
            "duplicates": integer("Events that were there already, with the same body."),
            "rejected": listing(ref("Rejected")),
            "rejected_attributes": listing(ref("Rejected")),
            "request_id": text(),
        },
    ),
    "Rejected": _REJECTED,
    "Conversion": record(
        ["conversion", "question", "status"],
        {
            "conversion": text(),
            "question": text(),
            "start": text(),
            "goal": text(),
            "horizon_days": number(),
            "level": text(),
            "status": text("ready or no_model."),
            "model_version": maybe(text()),
            "model_digest": maybe(text()),
        },
    ),
    "Conversions": record(
        ["conversions", "request_id"], {"conversions": listing(ref("Conversion")), "request_id": text()}
    ),
    "Health": record(["status"], {"status": text()}),
    "Problem": record(
        ["type", "title", "status", "detail", "code", "request_id"],
        {
            "type": text(),
            "title": text(),
            "status": integer(),
            "detail": text(),
            "code": text(),
            "path": maybe(text("Where in the body.")),
            "request_id": text(),
        },
    ),
}

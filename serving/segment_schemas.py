"""The messages of Segment's spec as OpenAPI 3.0 schemas: only what is looked at; other fields are welcome."""

from __future__ import annotations

from serving.schema_words import Schema, listing, maybe, record, ref, text

_ID = text(minLength=1, maxLength=512)
_TIME = "An RFC 3339 time with an offset. Without one, the message's event happened when it arrived."
_MESSAGE: Schema = {
    "messageId": {**_ID, "description": "The same id with the same body is stored once; with another it is a 409."},
    "userId": maybe({**_ID, "description": "The contact; needed unless anonymousId is given."}),
    "anonymousId": maybe({**_ID, "description": "The contact where there is no userId."}),
    "timestamp": maybe(text(_TIME)),
    "context": maybe(ref("SegmentContext")),
}
_PROPERTIES: Schema = {
    "type": "object",
    "nullable": True,
    "description": "Kept as they are. detail (a text) is the event's detail; value, or else revenue, its value.",
}
_NAME: Schema = {**_ID, "description": "In snake_case it is the event's type."}
_TRAITS: Schema = {
    "type": "object",
    "nullable": True,
    "description": "Each becomes an attribute: names in snake_case, objects flattened. What names a person (email, "
    "phone, name, first_name, last_name, username, avatar, birthday, street and the like) is not kept.",
}

SEGMENT_SCHEMAS: Schema = {
    "SegmentContext": record([], {"groupId": maybe({**_ID, "description": "The account."})}),
    "SegmentTrack": record(
        ["messageId", "event"],
        {
            **_MESSAGE,
            "event": {**_ID, "description": "In snake_case it is the event's type."},
            "properties": _PROPERTIES,
        },
    ),
    "SegmentIdentify": record(["messageId"], {**_MESSAGE, "traits": _TRAITS}),
    "SegmentGroup": record(
        ["messageId", "groupId"], {**_MESSAGE, "groupId": {**_ID, "description": "The account."}, "traits": _TRAITS}
    ),
    "SegmentMessage": record(
        ["messageId", "type"],
        {
            **_MESSAGE,
            "type": text("track, identify, group, page or screen."),
            "event": maybe(text("Of a track.")),
            "groupId": maybe(text("Of a group.")),
            "name": maybe(text("Of a page or screen: the detail of its page_view or screen_view.")),
            "properties": _PROPERTIES,
            "traits": _TRAITS,
        },
    ),
    "SegmentBatch": record(
        ["batch"],
        {"batch": listing(ref("SegmentMessage")), "context": maybe(ref("SegmentContext"))},
        description="Each message is checked on its own. A batch of one answers with that message's status.",
    ),
}

"""From the wire to the log's own rows: times within reach, properties as text, questions made whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from engagement.errors import BadInput, shorten
from engagement.events import Attribute, Event
from engagement.times import EARLIEST, MINUTE, format_time, from_datetime
from serving.problems import Problem
from serving.strict import parse
from serving.wire import (
    AttributeIn,
    AttributeValue,
    BatchItem,
    BatchRequest,
    EventIn,
    InlineAttribute,
    InlineEvent,
    ScoreRequest,
)

#: Clocks differ: a time this far ahead of ours is still believed.
PATIENCE = 5 * MINUTE

_SORTED = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Question:
    """One question, made whole: times in microseconds. `history` is None when the stored one is meant."""

    conversion: str
    contact_id: str
    as_of: int
    history: tuple[list[Event], list[Attribute]] | None = None


def question_from(request: ScoreRequest | BatchItem, now: int, default: BatchRequest | None, root: str) -> Question:
    """The question that a request asks; a batch's conversion and as_of stand in where an item has none.

    Raises:
        Problem: 400: no conversion, a time out of reach, attributes without events, an id given twice.
    """
    conversion = request.conversion or (default.conversion if default else None)
    if conversion is None:
        raise Problem(400, "missing_field", f"No conversion is given at {root}.", f"{root}.conversion")
    moment = request.as_of or (default.as_of if default else None)
    as_of = now if moment is None else micros(moment, root, "as_of")
    if as_of > now + PATIENCE:
        detail = f"as_of {format_time(as_of)} is in the future: nothing can be known of it yet."
        raise Problem(400, "as_of_in_future", detail, f"{root}.as_of")
    if request.events is None:
        if request.attributes:
            detail = "Attributes are given together with events; the stored history has attributes of its own."
            raise Problem(400, "attributes_without_events", detail, f"{root}.attributes")
        return Question(conversion, request.contact_id, as_of)
    events = _inline_events(request.events, request.contact_id, f"{root}.events")
    attributes = _inline_attributes(request.attributes or [], request.contact_id, f"{root}.attributes")
    return Question(conversion, request.contact_id, as_of, (events, attributes))


def event_from(event: EventIn, now: int, root: str) -> Event:
    """The log's row of an event that is to be stored.

    Raises:
        Problem: 400: a time out of reach, or properties that are not JSON.
    """
    occurred, received = times_of(event.occurred_at, event.received_at, now, root)
    properties = properties_text(event.properties, root)
    return Event(
        event.event_id,
        event.contact_id,
        event.account_id,
        event.type,
        occurred,
        received,
        event.value,
        event.detail,
        properties,
    )


def attribute_from(row: AttributeIn, now: int, root: str) -> Attribute:
    """The log's row of an attribute that is to be stored.

    Raises:
        Problem: 400: nobody's, or a time out of reach.
    """
    if row.contact_id is None and row.account_id is None:
        raise Problem(400, "missing_field", f"An attribute names a contact_id or an account_id at {root}.", root)
    occurred, received = times_of(row.occurred_at, row.received_at, now, root)
    return Attribute(row.contact_id, row.account_id, row.name, value_text(row.value), occurred, received)


def times_of(
    occurred_at: datetime, received_at: datetime | None, now: int, root: str, name: str = "occurred_at"
) -> tuple[int, int]:
    """When something happened and when it was received (by default now), in microseconds UTC.

    Raises:
        Problem: 400: out of reach, received in the future, or happened after it was received.
    """
    occurred = micros(occurred_at, root, name)
    received = now if received_at is None else micros(received_at, root, "received_at")
    if received > now + PATIENCE:
        detail = f"received_at {format_time(received)} is in the future: we cannot have learned of it yet."
        raise Problem(400, "received_in_future", detail, f"{root}.received_at")
    if occurred > received + PATIENCE:
        detail = f"{name} {format_time(occurred)} is later than received_at {format_time(received)}."
        raise Problem(400, "occurred_after_received", detail, f"{root}.{name}")
    return occurred, received


def json_text(document: Any) -> str:
    """JSON text with sorted keys, so that the same body is the same text."""
    try:
        return _SORTED.encode(document).decode()
    except OverflowError:  # an integer beyond 64 bits
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def micros(moment: datetime, root: str, name: str) -> int:
    """A time of the wire in microseconds UTC; `name` is the field's, in the object at `root`.

    Raises:
        Problem: 400: outside the years that a log can hold.
    """
    try:
        return from_datetime(moment)
    except (BadInput, OverflowError):
        path = f"{root}.{name}"
        raise Problem(400, "time_out_of_range", f"{path} lies outside the years 1900 to 2200.", path) from None


def properties_text(properties: dict[str, Any] | str | None, root: str) -> str | None:
    """Properties as the log keeps them: JSON text with sorted keys, so that the same body is the same text.

    Raises:
        Problem: 400: a text that is not a JSON object.
    """
    if isinstance(properties, str):
        path = f"{root}.properties"
        try:
            properties = parse(properties.encode())
        except Problem as problem:
            raise Problem(400, problem.code, f"{path} is a text that is not JSON: {problem.detail}", path) from None
        if not isinstance(properties, dict):
            raise Problem(400, "invalid_value", f"{path} is a text, but not that of a JSON object.", path)
    return None if properties is None else json_text(properties)


def value_text(value: AttributeValue) -> str | None:
    """An attribute's value as text: 250 and 250.0 are both "250", true is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return None if value is None else str(value)


def _inline_events(rows: list[InlineEvent], contact_id: str, root: str) -> list[Event]:
    found: dict[str, Event] = {}
    for index, row in enumerate(rows):
        where = f"{root}[{index}]"
        occurred = micros(row.occurred_at, where, "occurred_at")
        received = occurred if row.received_at is None else micros(row.received_at, where, "received_at")
        event = Event(
            row.event_id or f"inline-{index:07}",
            row.contact_id or contact_id,
            row.account_id,
            row.type,
            occurred,
            received,
            row.value,
            row.detail,
            properties_text(row.properties, where),
        )
        if found.setdefault(event.event_id, event) != event:
            detail = f"The event_id {shorten(event.event_id, 40)} is given twice, with two bodies."
            raise Problem(400, "conflict", detail, where)
    return list(found.values())


def _inline_attributes(
    given: Mapping[str, AttributeValue] | list[InlineAttribute], contact_id: str, root: str
) -> list[Attribute]:
    if isinstance(given, Mapping):  # without a time: known from the beginning
        return [Attribute(contact_id, None, name, value_text(v), EARLIEST, EARLIEST) for name, v in given.items()]
    rows = []
    for index, row in enumerate(given):
        where = f"{root}[{index}]"
        occurred = micros(row.occurred_at, where, "occurred_at")
        received = occurred if row.received_at is None else micros(row.received_at, where, "received_at")
        whose = contact_id if row.account_id is None else None
        rows.append(Attribute(whose, row.account_id, row.name, value_text(row.value), occurred, received))
    return rows

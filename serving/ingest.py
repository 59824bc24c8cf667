"""Events and attributes on their way into the log: read one by one, so that a bad one is refused by name alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engagement.errors import shorten
from engagement.events import Attribute, Event
from serving.answers import Rejected, Stored
from serving.intake import attribute_from, event_from
from serving.problems import Problem
from serving.strict import parse
from serving.wire import AttributeIn, EventIn, EventsRequest, fit


@dataclass
class Rows:
    """What a request brought: the rows to store, and those that cannot be.

    Attributes:
        places: of each event in `events`, its index in the request.
        single: the request held one row only.
    """

    single: bool
    events: list[Event] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_attributes: list[Rejected] = field(default_factory=list)


def read_rows(body: bytes, now: int) -> Rows:
    """The rows of a request.

    Raises:
        Problem: 400: the body as a whole cannot be read.
    """
    request = fit(parse(body), EventsRequest)
    if request.events is None and request.attributes is None:
        raise Problem(400, "missing_field", "A request holds events or attributes.", "$.events")
    events, attributes = request.events or [], request.attributes or []
    rows = Rows(single=len(events) + len(attributes) == 1)
    for index, item in enumerate(events):
        where = f"$.events[{index}]"
        try:
            event = event_from(fit(item, EventIn, where), now, where)
        except Problem as problem:
            rows.rejected.append(Rejected(index, _event_id(item), problem.code, problem.detail))
        else:
            rows.events.append(event)
            rows.places.append(index)
    for index, item in enumerate(attributes):
        where = f"$.attributes[{index}]"
        try:
            rows.attributes.append(attribute_from(fit(item, AttributeIn, where), now, where))
        except Problem as problem:
            rows.rejected_attributes.append(Rejected(index, None, problem.code, problem.detail))
    return rows


def outcome(rows: Rows, statuses: tuple[str, ...], request_id: str) -> Stored:
    """The answer, given what the log said of each event.

    Raises:
        Problem: the request held a single row and that was refused: 409 for a conflict, else 400.
    """
    for event, index, status in zip(rows.events, rows.places, statuses, strict=True):
        if status == "conflict":
            detail = f"The event_id {shorten(event.event_id, 40)} is stored already, with another body."
            rows.rejected.append(Rejected(index, event.event_id, "conflict", detail))
    rows.rejected.sort(key=lambda row: row.index)
    refused = rows.rejected + rows.rejected_attributes
    if rows.single and refused:
        place = "$.events[0]" if rows.rejected else "$.attributes[0]"
        raise Problem(409 if refused[0].code == "conflict" else 400, refused[0].code, refused[0].detail, place)
    return Stored(
        accepted=statuses.count("accepted"),
        duplicates=statuses.count("duplicate"),
        rejected=rows.rejected,
        rejected_attributes=rows.rejected_attributes,
        request_id=request_id,
    )


def _event_id(item: Any) -> str | None:
    """The id of an event that could not be read, if it has one that can be."""
    found = item.get("event_id") if isinstance(item, dict) else None
    return found[:512] if isinstance(found, str) else None

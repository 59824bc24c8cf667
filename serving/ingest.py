"""Events and attributes on their way into the log: read one by one, so that a bad one is refused by name alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engagement.errors import shorten
from engagement.events import Attribute, Event, Told
from serving.answers import Rejected, Stored
from serving.intake import attribute_from, event_from
from serving.problems import Problem
from serving.segment import message_from
from serving.strict import parse
from serving.wire import AttributeIn, BatchIn, EventIn, EventsRequest, fit


@dataclass
class Rows:
    """What a request brought: the rows to store, and those that cannot be.

    Attributes:
        single: the request held one row only.
        place: where a row stands in the body, with its index to be filled in.
        indices: of each event in `events`, its index in the request.
        untimed: ids of events that came without a time; theirs is that of their arrival.
    """

    single: bool
    place: str = "$.events[{}]"
    events: list[Event | Told] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    untimed: set[str] = field(default_factory=set)
    attributes: list[Attribute] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_attributes: list[Rejected] = field(default_factory=list)

    def read(self, items: list[Any], read: Callable[[Any, str], Event | Told], name: str) -> None:
        """Reads events one by one; `name` is the field that holds an event's id.

        Raises:
            Problem: 400: the only row of the request cannot be stored.
        """
        for index, item in enumerate(items):
            try:
                event = read(item, self.place.format(index))
            except Problem as problem:
                if self.single:
                    raise
                self.rejected.append(Rejected(index, _text(item, name), problem.code, problem.detail))
            else:
                self.events.append(event)
                self.indices.append(index)


def read_rows(body: bytes, now: int) -> Rows:
    """The rows of a request in the log's own columns.

    Raises:
        Problem: 400: the body as a whole cannot be read, or its only row.
    """
    request = fit(parse(body), EventsRequest)
    if request.events is None and request.attributes is None:
        raise Problem(400, "missing_field", "A request holds events or attributes.", "$.events")
    events, attributes = request.events or [], request.attributes or []
    rows = Rows(single=len(events) + len(attributes) == 1)
    rows.read(events, lambda item, where: event_from(fit(item, EventIn, where), now, where), "event_id")
    for index, item in enumerate(attributes):
        where = f"$.attributes[{index}]"
        try:
            rows.attributes.append(attribute_from(fit(item, AttributeIn, where), now, where))
        except Problem as problem:
            if rows.single:
                raise
            rows.rejected_attributes.append(Rejected(index, None, problem.code, problem.detail))
    return rows


def read_message(kind: str) -> Callable[[bytes, int], Rows]:
    """A reader of requests that hold one message of Segment's spec."""

    def read(body: bytes, now: int) -> Rows:
        rows = Rows(single=True, place="$")
        _read_messages(rows, [parse(body)], now, lambda item: kind)
        return rows

    return read


def read_batch(body: bytes, now: int) -> Rows:
    """The messages of a batch in Segment's spec; the batch's context stands in where a message names no group.

    Raises:
        Problem: 400: the body as a whole cannot be read, or its only row.
    """
    request = fit(parse(body), BatchIn)
    rows = Rows(single=len(request.batch) == 1, place="$.batch[{}]")
    group = request.context.group_id if request.context else None
    _read_messages(rows, request.batch, now, lambda item: item.get("type") if isinstance(item, dict) else None, group)
    return rows


def _read_messages(
    rows: Rows, items: list[Any], now: int, kind: Callable[[Any], Any], group: str | None = None
) -> None:
    rows.read(items, lambda item, where: message_from(kind(item), item, now, where, group), "messageId")
    untimed = {_text(item, "messageId") for item in items if isinstance(item, dict) and not item.get("timestamp")}
    rows.untimed = {found for found in untimed if found is not None}


def settled(rows: Rows, statuses: tuple[str, ...], stored: Callable[[str], Event | None]) -> tuple[str, ...]:
    """The log's statuses, but that an event without a time is the same event however often it arrives."""
    return tuple(
        "duplicate" if status == "conflict" and _again(_event(row), rows, stored) else status
        for row, status in zip(rows.events, statuses, strict=True)
    )


def _again(event: Event, rows: Rows, stored: Callable[[str], Event | None]) -> bool:
    known = stored(event.event_id) if event.event_id in rows.untimed else None
    if known is None or known.occurred_at != known.received_at:
        return False
    times = {"occurred_at": known.occurred_at, "received_at": known.received_at}
    return msgspec.structs.replace(event, **times) == known


def _event(row: Event | Told) -> Event:
    return row.event if isinstance(row, Told) else row


def outcome(rows: Rows, statuses: tuple[str, ...], request_id: str) -> Stored:
    """The answer, given what the log said of each event.

    Raises:
        Problem: 409: the only row of the request is stored already with another body, or of an erased contact.
    """
    for row, index, status in zip(rows.events, rows.indices, statuses, strict=True):
        if status == "conflict":
            event_id = _event(row).event_id
            detail = f"The id {shorten(event_id, 40)} is stored already, with another body."
            rows.rejected.append(Rejected(index, event_id, "conflict", detail))
        elif status == "erased":
            detail = "The contact was erased after this occurred: it is not stored again."
            rows.rejected.append(Rejected(index, _event(row).event_id, "erased", detail))
    if rows.single and rows.rejected:
        first = rows.rejected[0]
        raise Problem(409, first.code, first.detail, rows.place.format(0))
    rows.rejected.sort(key=lambda row: row.index)
    return Stored(
        accepted=statuses.count("accepted"),
        duplicates=statuses.count("duplicate"),
        rejected=rows.rejected,
        rejected_attributes=rows.rejected_attributes,
        request_id=request_id,
    )


def _text(item: Any, name: str) -> str | None:
    """The id of an event, which may be one that cannot be read, if it has one that can be."""
    found = item.get(name) if isinstance(item, dict) else None
    return found[:512] if isinstance(found, str) else None

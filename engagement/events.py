"""One event and one attribute, as the online path carries them: the rows of the log, times in UTC microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False):
    """An immutable fact about a contact, with when it happened and when we learned of it."""

    event_id: str
    contact_id: str
    account_id: str | None
    type: str
    occurred_at: int
    received_at: int
    value: float | None = None
    detail: str | None = None
    properties: str | None = None


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """A fact about a contact or an account, with a time; a changed CRM field is a new attribute."""

    contact_id: str | None
    account_id: str | None
    name: str
    value: str | None
    occurred_at: int
    received_at: int


class Told(msgspec.Struct, frozen=True, gc=False):
    """An event and the attributes that were told with it: they are stored if the event is new, and only then."""

    event: Event
    attributes: tuple[Attribute, ...] = ()


def told(events: Sequence[Event | Told], statuses: Sequence[str]) -> Iterator[Attribute]:
    """The attributes that were told with the events that are "accepted"."""
    for event, status in zip(events, statuses, strict=True):
        if status == "accepted" and isinstance(event, Told):
            yield from event.attributes

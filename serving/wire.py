"""What comes in over the wire: the shapes of requests, checked by msgspec at the speed of C.

Unknown fields are refused, and nothing is converted on the quiet: "3" is no number. Times are RFC 3339 with an
offset. What a shape cannot say (times within reach, no two questions in one) `serving.intake` checks.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from engagement.errors import shorten
from engagement.schema import VALUE_LIMIT
from serving.problems import Problem

#: Contacts, accounts, events and names are texts of 1 to 512 characters.
Id = Annotated[str, Meta(min_length=1, max_length=512)]
Time = Annotated[datetime, Meta(tz=True)]
Value = Annotated[float, Meta(ge=-VALUE_LIMIT, le=VALUE_LIMIT)]
MAX_BATCH = 1000
MAX_JOB = 100_000

#: An attribute's value is text in the log; numbers and truth values are written as text.
AttributeValue = str | int | float | bool | None


class _Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Shapes that refuse fields they do not know."""


class InlineEvent(_Strict):
    """An event given with a question. Contact is the one asked about unless another (a colleague) is named."""

    type: Id
    occurred_at: Time
    event_id: Id | None = None
    received_at: Time | None = None
    contact_id: Id | None = None
    account_id: Id | None = None
    value: Value | None = None
    detail: str | None = None
    properties: dict[str, Any] | str | None = None


class InlineAttribute(_Strict):
    """An attribute given with a question: the contact's, or an account's where one is named."""

    name: Id
    occurred_at: Time
    value: AttributeValue = None
    received_at: Time | None = None
    account_id: Id | None = None


class ScoreRequest(_Strict):
    """One question. With `events` (also an empty list) the history is exactly what is given."""

    conversion: Id
    contact_id: Id
    as_of: Time | None = None
    events: list[InlineEvent] | None = None
    attributes: dict[Id, AttributeValue] | list[InlineAttribute] | None = None


class BatchItem(_Strict):
    """One question of a batch; conversion and as_of default to those of the batch."""

    contact_id: Id
    conversion: Id | None = None
    as_of: Time | None = None
    events: list[InlineEvent] | None = None
    attributes: dict[Id, AttributeValue] | list[InlineAttribute] | None = None


class BatchRequest(_Strict):
    """Up to 1000 questions: `contact_ids` with one conversion, or `requests`."""

    conversion: Id | None = None
    as_of: Time | None = None
    contact_ids: Annotated[list[Id], Meta(max_length=MAX_BATCH)] | None = None
    requests: Annotated[list[BatchItem], Meta(max_length=MAX_BATCH)] | None = None


class JobRequest(_Strict):
    """Up to 100,000 contacts, to be scored from their stored histories beside what else is asked."""

    conversion: Id
    contact_ids: Annotated[list[Id], Meta(min_length=1, max_length=MAX_JOB)]
    as_of: Time | None = None


class EventIn(_Strict):
    """An event for the log, in the log's own columns; `received_at` is set by the service where absent."""

    event_id: Id
    contact_id: Id
    type: Id
    occurred_at: Time
    account_id: Id | None = None
    received_at: Time | None = None
    value: Value | None = None
    detail: str | None = None
    properties: dict[str, Any] | str | None = None


class AttributeIn(_Strict):
    """An attribute for the log: of a contact or of an account."""

    name: Id
    occurred_at: Time
    value: AttributeValue = None
    contact_id: Id | None = None
    account_id: Id | None = None
    received_at: Time | None = None


class EventsRequest(_Strict):
    """Events and attributes to store. Each is checked on its own, so that one bad one does not sink the others."""

    events: list[Any] | None = None
    attributes: list[Any] | None = None


class Context(msgspec.Struct, rename="camel"):
    """What Segment's messages say beside their content; of all that only the account is looked at."""

    group_id: Id | None = None


class BatchIn(msgspec.Struct, kw_only=True):
    """A batch in Segment's spec. Each message is checked on its own; other fields are passed over."""

    batch: list[Any]
    context: Context | None = None


T = TypeVar("T")

_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_CODES = {"Object contains unknown": "unknown_field", "Object missing required": "missing_field"}


def fit(document: Any, shape: type[T], root: str = "$") -> T:
    """The document as that shape; `root` is where it lies in the body.

    Raises:
        Problem: 400, naming the field and its path.
    """
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        match = _WHERE.match(str(error))
        what, path = (match["what"], match["path"] or "$") if match else (str(error), "$")
        code = next((code for start, code in _CODES.items() if what.startswith(start)), "invalid_value")
        where = root + path[1:]
        raise Problem(400, code, f"{_plain(what)} at {where}.", where) from None


def _plain(text: str) -> str:
    """The message on one line, and not longer than a line: it may quote a field's name."""
    return shorten(text, 160)[1:-1] if len(text) > 160 or not text.isprintable() else text

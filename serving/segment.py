"""Segment's spec (track, identify, group, page, screen): what any customer-data platform posts, as the log's rows.

A message is one event, whose id is `messageId`. What identify and group tell of a person or an account become
attributes beside it. Platforms add fields as they please: those that are not asked for are passed over, and of
`context` only `groupId` is kept. Traits that name a person are not kept either: no model needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engagement.events import Attribute, Event, Told
from engagement.map_sql import snake_case
from engagement.schema import VALUE_LIMIT
from serving.intake import json_text, times_of, value_text
from serving.problems import Problem
from serving.wire import Context, Id, Time, fit

#: Traits of a person that say who it is, and nothing of what the person may do.
PERSONAL = {"email", "phone", "name", "first_name", "last_name", "middle_name", "username", "avatar", "birthday"}
PERSONAL |= {"description", "website", "address_street", "address_postal_code"}
MAX_NAME = 512


class _Message(msgspec.Struct, kw_only=True, rename="camel"):
    """What all messages have. One of the two ids is needed; without `timestamp` it happened when it came."""

    message_id: Id
    user_id: Id | None = None
    anonymous_id: Id | None = None
    timestamp: Time | None = None
    context: Context | None = None


class _Track(_Message, kw_only=True):
    event: Id
    properties: dict[str, Any] | None = None


class _Page(_Message, kw_only=True):
    name: str | None = None
    properties: dict[str, Any] | None = None


class _Identify(_Message, kw_only=True):
    traits: dict[str, Any] | None = None


class _Group(_Identify, kw_only=True, rename="camel"):
    group_id: Id


def message_from(kind: Any, item: Any, now: int, root: str, group: str | None = None) -> Told:
    """The event of a message, with the attributes it tells; `group` is the account where the message names none.

    Raises:
        Problem: 400: a kind that is not stored, a field missing or not of its type, a time out of reach.
    """
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        kinds = f"The type at {root} is not one that is stored: {', '.join(_SHAPES)}."
        raise Problem(400, "unsupported_type", kinds, f"{root}.type")
    message: Any = fit(item, shape, root)
    contact = message.user_id or message.anonymous_id
    if contact is None:
        raise Problem(400, "missing_field", f"A message has a userId or an anonymousId at {root}.", f"{root}.userId")
    occurred = now if message.timestamp is None else times_of(message.timestamp, None, now, root, "timestamp")[0]
    if isinstance(message, _Identify):
        return _traits(message, contact, occurred, now, root, group)
    properties = message.properties or {}
    text = json_text(properties) if properties else None
    account = _account(message, group)
    of_type, detail = _named(message, kind, properties, root)
    value = _value(properties, f"{root}.properties")
    return Told(Event(message.message_id, contact, account, of_type, occurred, now, value, detail, text))


def _named(message: Any, kind: str, properties: Mapping[str, Any], root: str) -> tuple[str, str | None]:
    """The event's type and detail: a track's name in snake_case; a page's name (or path) is the detail of a view."""
    if isinstance(message, _Track):
        found = snake_case(message.event)
        if not found:
            raise Problem(400, "invalid_value", f"No letter or digit in {root}.event.", f"{root}.event")
        return found, _text(properties.get("detail"))
    return f"{kind}_view", _text(message.name) or _text(properties.get("path"))


def _value(properties: Mapping[str, Any], root: str) -> float | None:
    for name in ("value", "revenue"):
        number = properties.get(name)
        if isinstance(number, int | float) and not isinstance(number, bool):
            if abs(number) > VALUE_LIMIT:
                path = f"{root}.{name}"
                raise Problem(400, "invalid_value", f"Expected a number of at most {VALUE_LIMIT:g} at {path}.", path)
            return float(number)
    return None


def _traits(message: _Identify, contact: str, occurred: int, now: int, root: str, group: str | None) -> Told:
    """Identify and group: an event that says who was told of, made by a machine, so that no feature counts it."""
    of_account = isinstance(message, _Group)
    account = message.group_id if isinstance(message, _Group) else _account(message, group)
    person, company = (None, account) if of_account else (contact, None)
    kept = {
        name: value
        for name, value in _flat(message.traits or {}, "", f"{root}.traits")
        if of_account or name not in PERSONAL
    }
    attributes = tuple(Attribute(person, company, name, value, occurred, now) for name, value in kept.items())
    properties = json_text({"machine": True, "traits": kept})
    kind = "grouped" if of_account else "identified"
    return Told(Event(message.message_id, contact, account, kind, occurred, now, None, None, properties), attributes)


def _flat(traits: Mapping[str, Any], before: str, root: str) -> Iterator[tuple[str, str | None]]:
    """Names in snake_case and values as text: an object's names are joined (`company_industry`), a list is JSON."""
    for key, value in traits.items():
        plain = snake_case(key)
        name = before + plain
        if not plain or len(name) > MAX_NAME:
            raise Problem(400, "invalid_value", f"A name without a letter or digit, or too long, at {root}.", root)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}_", root)
        else:
            yield name, json_text(value) if isinstance(value, list) else value_text(value)


def _account(message: _Message, group: str | None) -> str | None:
    own = message.context.group_id if message.context else None
    return own or group


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


_SHAPES: dict[str, type[_Message]] = {
    "track": _Track,
    "identify": _Identify,
    "group": _Group,
    "page": _Page,
    "screen": _Page,
}

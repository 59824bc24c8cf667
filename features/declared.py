"""Declarations read from `features.json` and from `[[features.add]]` of mqm.toml, checked field by field.

[[features.add]]
op = "count"
type = "page_view"
detail = "pricing"
windows_days = [3, 14]
level = "account"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from engagement.errors import BadInput
from engagement.times import days
from features.declare import KINDS, Feature, GapSpread, HourShare, StageAge, Trend, WeekdayShare

_LONGEST_SPREAD = days(3650)
_DAYS = ("windows_days", "window_days", "against_days")


def to_json(feature: Feature) -> dict[str, Any]:
    """The declaration as it stands in `features.json`: what differs from the defaults."""
    body: dict[str, Any] = {"op": feature.op, "type": feature.type, "level": feature.level}
    for field in fields(feature):
        value = getattr(feature, field.name)
        if field.name not in body and value != field.default:
            body[field.name] = list(value) if isinstance(value, tuple) else value
    return body


def from_json(body: Mapping[str, Any]) -> Feature:
    """The declaration that `to_json` wrote.

    Raises:
        BadInput: an operation or a field that is not known, or a value that it cannot have.
    """
    given = dict(body)
    kind = KINDS.get(str(given.pop("op", None)))
    if kind is None:
        raise BadInput("a feature with an unknown operation", body.get("op"), f"Known: {', '.join(KINDS)}.")
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(given) - known):
        cure = f"It knows {', '.join(sorted(known))}."
        raise BadInput(f"a feature with the operation {kind.op} has an unknown field", unknown[0], cure)
    values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in given.items()}
    feature = kind(**values)
    check(feature)
    return feature


def from_settings(tables: Sequence[Mapping[str, Any]]) -> list[Feature]:
    """The declarations of `[[features.add]]`, one for each of its windows.

    Raises:
        BadInput: as `from_json`, saying which of the tables.
    """
    found: list[Feature] = []
    for place, table in enumerate(tables, 1):
        try:
            found += _of_table(table)
        except BadInput as error:
            raise BadInput(
                f"mqm.toml: [[features.add]] number {place}: {error.what}", error.seen, error.cure
            ) from None
    return found


def _of_table(table: Mapping[str, Any]) -> list[Feature]:
    body = {name: value for name, value in table.items() if name not in _DAYS}
    widths = table.get("windows_days", [table["window_days"]] if "window_days" in table else [None])
    if not isinstance(widths, list) or not widths:
        raise BadInput("windows_days is not a list of days", widths, "Write windows_days = [7, 30].")
    if "against_days" in table:
        body["against"] = _micros(table["against_days"])
    return [from_json(body if width is None else body | {"window": _micros(width)}) for width in widths]


def _micros(width: object) -> int:
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 3650:
        raise BadInput("a window that is not a number of days", width, "Give days above 0 and at most 3650.")
    return days(width)


def check(feature: Feature) -> None:
    """Whether the values are such as the operation can have.

    Raises:
        BadInput: they aren't.
    """
    for name in ("type", "detail", "per"):
        value = getattr(feature, name, None)
        if value is not None and not isinstance(value, str):
            raise BadInput(f"a feature's {name} is not a text", value, f"Write {name} in quotes.")
    if feature.level not in ("contact", "account"):
        raise BadInput("a feature's level", feature.level, "It is contact or account.")
    for name in ("window", "against"):
        value = getattr(feature, name, None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value <= 0):
            raise BadInput(f"a feature's {name}", value, "It is a whole number of microseconds above 0.")
    if isinstance(feature, GapSpread) and (feature.window is None or feature.window > _LONGEST_SPREAD):
        raise BadInput(f"{feature.op} needs a window", feature.window, "Give one of at most 3650 days.")
    if isinstance(feature, Trend) and (feature.window is None or feature.window >= feature.against):
        raise BadInput(
            "a trend compares a window with a longer one", feature.window, "Give window_days < against_days."
        )
    if isinstance(feature, StageAge) and feature.window is not None:
        raise BadInput("a stage's age has no window", feature.window, "Leave it out.")
    if isinstance(feature, HourShare) and not _ascending(feature.hours, 24, exactly=2):
        raise BadInput("hours of the day", feature.hours, "Give two, such as hours = [9, 17]; the last one is open.")
    if isinstance(feature, WeekdayShare) and not _ascending(feature.weekdays, 6):
        raise BadInput("weekdays", feature.weekdays, "Give some of 0 (Monday) to 6, ascending.")
    if not all(isinstance(text, str) for text in getattr(feature, "categories", ())):
        raise BadInput("categories", getattr(feature, "categories", ()), "They are texts.")


def _ascending(numbers: tuple[Any, ...], most: int, exactly: int | None = None) -> bool:
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= most for n in numbers)
    return whole and list(numbers) == sorted(set(numbers)) and len(numbers) > 0 and exactly in (None, len(numbers))

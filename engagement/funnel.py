"""The funnel and its conversions, as `mqm.toml` declares them.

A stage is entered by an event. A conversion leads from one stage to another within a horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeGuard

from engagement.errors import BadInput, UnknownConversion
from engagement.times import DAY, days, from_datetime

#: The stages of the default funnel and the event types that enter them.
DEFAULT_STAGES = {
    "lead": "lead_created",
    "mql": "mql",
    "meeting": "meeting_held",
    "opportunity": "opportunity_created",
    "win": "deal_won",
    "purchase": "purchase",
}

DEFAULT_CONVERSIONS: dict[str, dict[str, Any]] = {
    "lead_to_mql": {
        "start": "lead",
        "goal": "mql",
        "horizon_days": 30,
        "landmark_days": [0, 1, 3, 7, 14],
    },
    "mql_to_meeting": {
        "start": "mql",
        "goal": "meeting",
        "horizon_days": 30,
        "landmark_days": [0, 1, 3, 7, 14],
    },
    "meeting_to_win": {
        "start": "meeting",
        "goal": "win",
        "horizon_days": 180,
        "landmark_days": [0, 1, 7],
        "level": "account",
    },
}

#: Being a lead or an MQL is a state, entered once; of these each opens a row of its own.
HAPPENS_OFTEN = frozenset(
    {"meeting_requested", "meeting_booked", "meeting_held", "opportunity_created", "deal_won", "purchase"}
)

#: How the built-in stages are spoken of: as a subject, and as what is asked of it.
SUBJECTS = {
    "lead": "lead",
    "mql": "MQL",
    "meeting": "meeting",
    "opportunity": "opportunity",
    "win": "customer",
    "purchase": "customer",
}
DEEDS = {
    "mql": "become an MQL",
    "meeting": "hold a meeting",
    "opportunity": "become an opportunity",
    "win": "turn into a win",
    "purchase": "buy again",
}


@dataclass(frozen=True)
class Conversion:
    """From one stage to another within a horizon.

    Attributes:
        start, goal: names of stages; `start_type`, `goal_type`: the event types that enter them.
        horizon: microseconds the label looks ahead.
        landmarks: delays in microseconds after the stage is entered at which a row is made, ascending.
        level: "contact", or "account" when the goal reached by anyone of the account counts.
        each: every event of the start type opens a row that lasts until the next; else only the first does.
        ends: event types that close a row without conversion (a lost deal, a cancelled application).
        since: microseconds UTC; label times before it are left out of training (outcomes were not recorded yet).
    """

    name: str
    start: str
    goal: str
    start_type: str
    goal_type: str
    horizon: int
    landmarks: tuple[int, ...] = (0,)
    level: str = "contact"
    each: bool = False
    ends: tuple[str, ...] = ()
    since: int | None = None

    @property
    def question(self) -> str:
        """The question that a probability of this conversion answers."""
        if self.start in SUBJECTS and self.goal in DEEDS:
            return f"Will this {SUBJECTS[self.start]} {DEEDS[self.goal]} within {self.horizon_text}?"
        return (
            f"Will this contact come from {_spoken(self.start)} to {_spoken(self.goal)} within {self.horizon_text}?"
        )

    @property
    def horizon_text(self) -> str:
        """The horizon in words: "30 days"."""
        number = self.horizon / DAY
        return f"{number:g} day" + ("" if number == 1 else "s")


@dataclass(frozen=True)
class Funnel:
    """Stages (name → event type), in order, and the conversions between them."""

    stages: Mapping[str, str]
    conversions: Mapping[str, Conversion]

    def conversion(self, name: str) -> Conversion:
        """The conversion of that name.

        Raises:
            UnknownConversion: the funnel has none of that name.
        """
        if name not in self.conversions:
            known = ", ".join(self.conversions)
            raise UnknownConversion("unknown conversion", name, f"The funnel has: {known}.")
        return self.conversions[name]


def funnel_from(settings: Mapping[str, Any]) -> Funnel:
    """The funnel of an `mqm.toml` (its parsed content); the built-in one where it declares none.

    Raises:
        BadInput: a stage or conversion that cannot be used.
    """
    for table in ("stages", "conversions"):
        if not isinstance(settings.get(table, {}), Mapping):
            raise BadInput(f"mqm.toml: {table} is not a table", settings[table], f"Write [{table}].")
    stages: dict[str, str] = dict(settings.get("stages") or DEFAULT_STAGES)
    for name, kind in stages.items():
        if not isinstance(kind, str) or not kind:
            raise BadInput(f"mqm.toml: stage {name!r} names no event type", kind, 'Write mql = "mql".')
    declared = settings.get("conversions")
    if declared is None:
        declared = {n: c for n, c in DEFAULT_CONVERSIONS.items() if c["start"] in stages and c["goal"] in stages}
    if not declared:
        raise BadInput("mqm.toml declares no conversion", list(stages), "Add a [conversions.NAME] table.")
    return Funnel(stages, {name: _conversion(name, body, stages) for name, body in declared.items()})


def _conversion(name: str, body: Mapping[str, Any], stages: Mapping[str, str]) -> Conversion:
    where = f"mqm.toml: conversion {name!r}"
    if not isinstance(body, Mapping):
        raise BadInput(f"{where} is not a table", body, f"Write it as [conversions.{name}].")
    known = {"start", "goal", "horizon_days", "landmark_days", "level", "each", "ends", "since"}
    if unknown := sorted(set(body) - known):
        raise BadInput(f"{where} has an unknown setting", unknown[0], f"It knows {', '.join(sorted(known))}.")
    for key in ("start", "goal"):
        if body.get(key) not in stages:
            raise BadInput(f"{where}: {key} is not a stage", body.get(key), f"Stages: {', '.join(stages)}.")
    horizon = body.get("horizon_days")
    if not _is_number(horizon) or not 0 < horizon <= 3650:
        raise BadInput(f"{where}: horizon_days", horizon, "Give a number of days above 0, at most 3650.")
    landmarks = body.get("landmark_days", [0])
    if not isinstance(landmarks, list) or not landmarks or not all(_is_number(d) and d >= 0 for d in landmarks):
        raise BadInput(f"{where}: landmark_days", landmarks, "Give a list of days, such as [0, 1, 7].")
    level = body.get("level", "contact")
    if level not in ("contact", "account"):
        raise BadInput(f"{where}: level", level, 'It is "contact" or "account".')
    ends = body.get("ends", [])
    if not isinstance(ends, list) or not all(isinstance(kind, str) for kind in ends):
        raise BadInput(f"{where}: ends", ends, 'Give a list of event types, such as ["deal_lost"].')
    start_type, goal_type = stages[body["start"]], stages[body["goal"]]
    each = body.get("each", start_type == goal_type or start_type in HAPPENS_OFTEN)
    if not isinstance(each, bool):
        raise BadInput(f"{where}: each", each, "It is true or false.")
    return Conversion(
        name=name,
        start=body["start"],
        goal=body["goal"],
        start_type=start_type,
        goal_type=goal_type,
        horizon=days(horizon),
        landmarks=tuple(sorted({days(d) for d in landmarks})),
        level=level,
        each=each,
        ends=tuple(ends),
        since=_since(where, body.get("since")),
    )


def _since(where: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return from_datetime(value)
    if isinstance(value, date):
        return from_datetime(datetime(value.year, value.month, value.day, tzinfo=UTC))
    raise BadInput(f"{where}: since", value, "Give a date, such as 2018-01-01 (without quotes).")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _spoken(name: str) -> str:
    return name.replace("_", " ")

"""What looks wrong with a log: each suspicion a code and a sentence with what was seen and what it may mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engagement import checking_sql as sql
from engagement.funnel import Funnel
from engagement.times import DAY, format_time

#: A contact with more than this share of all events (and at least so many) is taken for a test account.
DOMINATING_SHARE, DOMINATING_EVENTS = 0.05, 100
#: A silence is worth a word from so many days on, where there is usually an event every day.
SILENT_DAYS = 7
#: A type has stopped when it was silent for this share of the log's length, and for this many times its usual pace.
STOPPED_SHARE, STOPPED_PACES = 0.2, 20


@dataclass(frozen=True)
class Suspicion:
    """Something to look at. `code` is stable, `text` a sentence."""

    code: str
    text: str


def suspicions(connection: Any, funnel: Funnel, first: int, last: int) -> Iterator[Suspicion]:
    """All that looks suspicious in the views of `checking_sql`; `first` and `last` are the log's ends."""
    yield from _receipts(connection)
    yield from _duplicates(connection)
    yield from _stages(connection, funnel)
    yield from _late_goals(connection, funnel)
    yield from _dominating(connection)
    yield from _silence(connection)
    yield from _dates_only(connection)
    yield from _stopped(connection, first, last)


def _receipts(connection: Any) -> Iterator[Suspicion]:
    count, example = connection.execute(sql.EARLY_RECEIPTS).fetchone()
    if count:
        yield Suspicion(
            "received_before_occurred",
            f"{_events(count)} received before occurring (such as {example!r}): is a clock wrong, or a time zone?",
        )
    count, example, at = connection.execute(sql.FUTURE).fetchone()
    if count:
        yield Suspicion(
            "far_future",
            f"{_events(count)} over 90 days later than nearly all was received (such as {example!r}, up to "
            f"{format_time(at)}): planned, or a wrong year?",
        )


def _duplicates(connection: Any) -> Iterator[Suspicion]:
    count, example = connection.execute(sql.DUPLICATES).fetchone()
    if count:
        ids = "1 event_id stands" if count == 1 else f"{count:,} event_ids stand"
        yield Suspicion(
            "duplicate_event_ids", f"{ids} more than once (such as {example!r}): import the log anew with mqm import."
        )


def _stages(connection: Any, funnel: Funnel) -> Iterator[Suspicion]:
    counts = {row[0]: row[1] for row in connection.execute(sql.TYPES).fetchall()}
    entering = set(funnel.stages.values())
    needed = {kind for c in funnel.conversions.values() for kind in (c.start_type, c.goal_type)}
    for stage, kind in funnel.stages.items():
        if kind not in counts:
            near = difflib.get_close_matches(kind, counts, 1, 0.8)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            use = "a conversion needs it" if kind in needed else "no conversion needs it"
            yield Suspicion("stage_absent", f"No event {kind!r} enters the stage {stage!r}; {use}.{hint}")
    for kind in sorted(set(counts) - entering):
        near = difflib.get_close_matches(kind, sorted(entering & set(counts)), 1, 0.85)
        if near and counts[kind] < counts[near[0]]:
            yield Suspicion(
                "type_like_a_stage", f"The type {kind!r} ({counts[kind]:,}) looks like {near[0]!r}: a typing error?"
            )


def _late_goals(connection: Any, funnel: Funnel) -> Iterator[Suspicion]:
    first = {row[0]: row[3] for row in connection.execute(sql.TYPES).fetchall()}
    for c in funnel.conversions.values():
        if c.start_type in first and c.goal_type in first:
            late = first[c.goal_type] - first[c.start_type]
            if late > c.horizon:
                yield Suspicion(
                    "goal_starts_late",
                    f"The first {c.goal_type!r} comes {late // DAY} days after the first {c.start_type!r}, longer "
                    f"than the {c.horizon_text} of {c.name}: are earlier ones missing? Their contacts look lost.",
                )


def _dominating(connection: Any) -> Iterator[Suspicion]:
    contact, count = connection.execute(sql.DOMINATING).fetchone()
    events, contacts, *_ = connection.execute(sql.OVERVIEW).fetchone()
    if contacts > 1 and count >= DOMINATING_EVENTS and count > DOMINATING_SHARE * events:
        yield Suspicion(
            "dominating_contact",
            f"The contact {contact!r} has {count / events:.0%} of all events: a test account or a default id?",
        )


def _silence(connection: Any) -> Iterator[Suspicion]:
    empty, day, usual, active = connection.execute(sql.GAP).fetchone()
    # Only where days without events are rare: a monthly log is not silent, it is slow.
    if empty is not None and empty >= SILENT_DAYS and active >= 30 and usual >= 3:
        begin = format_time((day + 1) * DAY)[:10]
        yield Suspicion(
            "silence", f"No events for {empty} days from {begin}, where {usual:g} a day are usual: is a part missing?"
        )


def _dates_only(connection: Any) -> Iterator[Suspicion]:
    for kind, count in connection.execute(sql.DATES_ONLY).fetchall():
        yield Suspicion(
            "dates_only",
            f"All {count:,} events {kind!r} are at midnight UTC: dates without a time. What happened on the same day "
            f"seems to come after.",
        )


def _stopped(connection: Any, first: int, last: int) -> Iterator[Suspicion]:
    for kind, count, begin, end in connection.execute(sql.ACTIVITY).fetchall():
        pace = (end - begin) / count
        silent = last - end
        if silent > STOPPED_SHARE * (last - first) and silent > STOPPED_PACES * pace:
            yield Suspicion(
                "type_stopped",
                f"{kind!r} stops on {format_time(end)[:10]}, {silent // DAY} days before the log ends, after "
                f"{count:,} events: renamed, or no longer tracked?",
            )


def _events(count: int) -> str:
    return f"{count:,} event" + (" is" if count == 1 else "s are")

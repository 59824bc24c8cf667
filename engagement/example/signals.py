"""What decides about an MQL: a pull computed from nothing but the log as it was known on entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement.example.facts import END, SOURCES, Facts, Floats, Ints, Mask
from engagement.example.world import World, company_size
from engagement.times import DAY

#: Marketing leaves a contact to sales for so long after the MQL.
PAUSE = 90 * DAY

#: Effects by code, an unknown level or industry last.
BY_LEVEL = np.array([0.9, 0.8, 0.3, -0.2, -0.9, -0.3])
BY_INDUSTRY = np.array([0.6, 0.1, 0.4, -0.1, -0.4, -0.6, 0.2, -0.7, 0.0])
BY_SOURCE = np.array([0.1, -0.2, 0.0, 0.2, 0.9, 0.5, -0.9])


@dataclass(frozen=True)
class Signals:
    """The events of nurture that decide, and per contact when its nurture pauses (END for never)."""

    pricing: Facts
    attended: Facts
    forms: Facts
    hands: Facts
    paused: Ints


def signals_of(world: World, events: Facts) -> Signals:
    """Picks the deciding events out of all."""
    return Signals(
        pricing=events.where(events.of("page_view", "pricing")),
        attended=events.where(events.of("webinar_attended")),
        forms=events.where(events.of("form_submitted")),
        hands=events.where(events.of("form_submitted", "contact_us")),
        paused=np.full(world.contacts, END),
    )


def not_paused(events: Facts, paused: Ints) -> Mask:
    """Which nurture events do happen, given the time at which each contact's pause begins."""
    since = paused[events.contact]
    return np.asarray((events.occurred < since) | (events.occurred >= since + PAUSE))


def pull(world: World, signals: Signals, contact: Ints, entered: Ints, cutoff: Ints) -> tuple[Floats, Ints]:
    """The log-strength of each MQL (one per account at most) and its number of raised hands; arrays of k.

    Only events with `occurred < entered` and `received <= cutoff` count. Smooth, saturating and interacting:
    the price page, webinars (worth more to who came through an event), a raised hand, seniority (worth more in a
    small company), industry, source and, weakly, the forms of the whole account.
    """
    until, known = np.full(world.contacts, -1), np.full(world.contacts, -1)
    until[contact], known[contact] = entered, cutoff
    pricing, attended, hands = (
        _count(events, events.contact, until, known)[contact]
        for events in (signals.pricing, signals.attended, signals.hands)
    )
    groups = int(world.group.max()) + 1
    of_group, known_group = np.full(groups, -1), np.full(groups, -1)
    of_group[world.group[contact]], known_group[world.group[contact]] = entered, cutoff
    forms = signals.forms.where(not_paused(signals.forms, signals.paused))
    together = _count(forms, world.group[forms.contact], of_group, known_group)[world.group[contact]]

    level, source = world.level_at(contact, cutoff), world.source[contact]
    size = company_size(world.employees_at(contact, cutoff))
    by_event = np.isin(source, [SOURCES.index("webinar"), SOURCES.index("trade_fair")])
    strength = (
        1.0 * np.minimum(np.log1p(pricing), 2.2)
        + np.where(by_event, 0.9, 0.4) * np.minimum(attended, 3)
        + 1.0 * np.minimum(hands, 1)
        + BY_LEVEL[level]
        - 0.35 * size * np.where(level <= 1, 1.6, 0.6)
        + BY_INDUSTRY[world.industry_of(contact)]
        + BY_SOURCE[source]
        + 0.15 * np.log1p(together)
    )
    return np.asarray(strength), np.asarray(hands, dtype=np.int64)


def _count(events: Facts, key: Ints, until: Ints, known: Ints) -> Ints:
    """Events by key (contact or group) that occurred before `until[key]` and were received by `known[key]`."""
    counted = (events.occurred < until[key]) & (events.received <= known[key])
    return np.bincount(key[counted], minlength=len(until))

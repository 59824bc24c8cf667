"""Events while they are made: equal-long columns of small codes, turned into text only when they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engagement.times import DAY, HOUR, SECOND, parse_time

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rng = np.random.Generator

#: The example's three years; fixed, so that it never depends on the day it is made.
START = parse_time("2023-10-01T00:00:00Z")
END = parse_time("2026-10-01T00:00:00Z")

KINDS = (
    "lead_created", "email_sent", "email_open", "email_click", "page_view", "webinar_registered",
    "webinar_attended", "form_submitted", "mql", "sales_email_sent", "sales_email_open", "sales_email_click",
    "sales_email_reply", "call_connected", "lead_recycled", "meeting_requested", "meeting_booked", "meeting_held",
    "meeting_no_show", "meeting_cancelled", "survey_answered", "opportunity_created", "deal_won", "deal_lost",
    "purchase",
)  # fmt: skip

SOURCES = ("organic_search", "paid_search", "webinar", "trade_fair", "referral", "partner", "content_syndication")
PAGES = ("home", "product", "blog", "docs", "case_study", "pricing", "integrations", "careers")
FORMS = ("newsletter", "whitepaper", "contact_us")
TOPICS = ("product_tour", "customer_story", "industry_trends", "security")
MEETINGS = ("demo", "executive_briefing", "expert_session", "roundtable", "webinar", "partner_meeting")
ANSWERS = ("very_likely", "likely", "unsure", "unlikely")
REASONS = ("lead_score", "hand_raise")

#: Code 0 is "no detail".
DETAILS = ("", *dict.fromkeys((*SOURCES, *PAGES, *FORMS, *TOPICS, *MEETINGS, *ANSWERS, *REASONS)))
PROPERTIES = ("", '{"machine": true}', '{"bot": true}')
MACHINE, BOT = 1, 2


def details(names: Sequence[str]) -> Ints:
    """The detail codes of those names, to be indexed by a position among them."""
    return np.array([DETAILS.index(name) for name in names], dtype=np.int64)


@dataclass(frozen=True)
class Facts:
    """Events as columns of one length: contact index, codes of kind, detail and properties, times in UTC µs."""

    contact: Ints
    kind: npt.NDArray[np.int8]
    detail: npt.NDArray[np.int8]
    properties: npt.NDArray[np.int8]
    occurred: Ints
    received: Ints
    value: Floats

    def __len__(self) -> int:
        return len(self.contact)

    def where(self, mask: Mask | Ints) -> Facts:
        """The events of a mask, or at those positions in that order."""
        return Facts(*(getattr(self, field.name)[mask] for field in fields(self)))

    def of(self, kind: str, detail: str | None = None) -> Mask:
        """Which events are of that kind (and detail)."""
        found: Mask = self.kind == KINDS.index(kind)
        return found if detail is None else found & (self.detail == DETAILS.index(detail))


def facts(
    kind: str,
    contact: Ints,
    occurred: Ints,
    received: Ints,
    detail: str | Ints = "",
    value: Floats | None = None,
    properties: int = 0,
) -> Facts:
    """Events of one kind; `detail` is one name for all or a code for each."""
    size = len(contact)
    codes = np.full(size, DETAILS.index(detail)) if isinstance(detail, str) else detail
    return Facts(
        contact,
        np.full(size, KINDS.index(kind), np.int8),
        codes.astype(np.int8),
        np.full(size, properties, np.int8),
        occurred,
        received,
        np.full(size, np.nan) if value is None else value,
    )


def together(parts: Sequence[Facts]) -> Facts:
    """All events of the parts, in their order."""
    return Facts(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Facts)))


def promptly(rng: Rng, occurred: Ints) -> Ints:
    """Received within half a minute: what decides about stages is never late."""
    return occurred + rng.integers(SECOND, 30 * SECOND, len(occurred))


def sometimes_late(rng: Rng, occurred: Ints) -> Ints:
    """Received promptly, but 3 % of them an hour to ten days later: a laptop offline, a nightly import."""
    late = rng.random(len(occurred)) < 0.03
    delay = np.exp(rng.uniform(np.log(HOUR), np.log(10 * DAY), len(occurred))).astype(np.int64)
    return np.where(late, occurred + delay, promptly(rng, occurred))


def pick(rng: Rng, weights: Floats, size: int) -> Ints:
    """Positions drawn by weights: of shape (k,) the same for all, or (size, k) one row for each."""
    edges = np.cumsum(weights, axis=-1)
    draw = rng.random(size) * edges[..., -1]
    if edges.ndim == 1:
        return np.minimum(np.searchsorted(edges, draw, side="right"), len(edges) - 1).astype(np.int64)
    return np.asarray((draw[:, None] >= edges[:, :-1]).sum(axis=1), dtype=np.int64)

"""English: what people do: "viewed the pricing page 3 times", "has not held a meeting"."""

from __future__ import annotations

from features.declare import Feature
from features.words import facts

#: (done, object in the singular, in the plural) for well-known types; others are spoken of by their own name.
VERBS = {
    "page_view": ("viewed", "page", "pages"),
    "email_open": ("opened", "mail", "mails"),
    "email_click": ("clicked in", "mail", "mails"),
    "email_sent": ("was sent", "mail", "mails"),
    "email_bounced": ("bounced", "mail", "mails"),
    "form_submitted": ("submitted", "form", "forms"),
    "webinar_registered": ("registered for", "webinar", "webinars"),
    "webinar_attended": ("attended", "webinar", "webinars"),
    "meeting_requested": ("requested", "meeting", "meetings"),
    "meeting_booked": ("booked", "meeting", "meetings"),
    "meeting_held": ("held", "meeting", "meetings"),
    "meeting_no_show": ("missed", "meeting", "meetings"),
    "meeting_cancelled": ("cancelled", "meeting", "meetings"),
    "survey_answered": ("answered", "survey", "surveys"),
    "sales_email_sent": ("was sent", "sales mail", "sales mails"),
    "sales_email_open": ("opened", "sales mail", "sales mails"),
    "sales_email_click": ("clicked in", "sales mail", "sales mails"),
    "sales_email_reply": ("replied to", "sales mail", "sales mails"),
    "purchase": ("made", "purchase", "purchases"),
    "deal_won": ("won", "deal", "deals"),
    "deal_lost": ("lost", "deal", "deals"),
    "opportunity_created": ("opened", "opportunity", "opportunities"),
}

#: What has no object to count: as done, and as what "has" or "was" not been done.
PHRASES = {
    "mql": ("became an MQL", "has not become an MQL"),
    "lead_created": ("became a lead", "has not become a lead"),
    "lead_recycled": ("was handed back to marketing", "was not handed back to marketing"),
    "call_connected": ("was reached by phone", "was not reached by phone"),
}

#: Of these a detail names the very thing ("the pricing page"); of others it is told after it ("a meeting (demo)").
NAMED = frozenset({"page_view", "form_submitted", "webinar_registered", "webinar_attended"})


def is_known(feature: Feature) -> bool:
    """Whether there is a verb for it, so that a sentence can have a subject."""
    return feature.type in VERBS or feature.type in PHRASES


def deed(feature: Feature, times: int | None) -> str:
    """What was done, so many times; once when that is not known."""
    kind, told = feature.type or "event", _told(feature)
    often = f" {times} times" if times is not None and times > 1 else ""
    if kind in PHRASES:
        return PHRASES[kind][0] + told + often
    if kind not in VERBS:
        return spoken(kind) + told + often
    done, one, many = VERBS[kind]
    if feature.detail is not None and kind in NAMED:
        return f"{done} {_the(feature.detail, one)}{often}"
    return f"{done} {times} {many}{told}" if often else f"{done} {a(one)}{told}"


def not_done(feature: Feature) -> str:
    """What was not done."""
    kind, told = feature.type or "event", _told(feature)
    if kind in PHRASES:
        return PHRASES[kind][1] + told
    if kind not in VERBS:
        return f"no {spoken(kind)}{told}"
    done, one, _ = VERBS[kind]
    if feature.detail is not None and kind in NAMED:
        return f"has not {done} {_the(feature.detail, one)}"
    return (f"was not {done[4:]}" if done.startswith("was ") else f"has not {done}") + f" {a(one)}{told}"


def nouns(feature: Feature) -> str:
    """What happened, in the plural: "page views", "submitted forms", "activities"."""
    kind, told = feature.type, _told(feature)
    if kind is None:
        return f"activities{told}"
    *_, last = kind.split("_")
    if kind in VERBS and last in VERBS[kind][0].split():
        return f"{last} {VERBS[kind][2]}{told}"
    words = spoken(kind)
    if kind not in VERBS:
        return f"{words} events{told}"
    return f"{words[:-1]}ies{told}" if words.endswith("y") else f"{words}s{told}"


def a(noun: str) -> str:
    """ "a mail", "an opportunity"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(number: int, noun: str, plural_noun: str | None = None) -> str:
    """ "1 day", "3 days"."""
    return f"{number} {noun if number == 1 else plural_noun or noun + 's'}"


def spoken(name: str) -> str:
    """A name as words: `free_mail` → "free mail"."""
    return facts.spoken(name) or "(empty)"


def _told(feature: Feature) -> str:
    return "" if feature.detail is None else f" ({spoken(feature.detail).strip('()')})"


def _the(detail: str, noun: str) -> str:
    name = spoken(detail)
    return f"the {name}" if name.lower().endswith(noun) else f"the {name} {noun}"

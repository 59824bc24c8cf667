"""German: what people do. The verb comes apart: "hat die Preisseite vor 2 Stunden angesehen"."""

from __future__ import annotations

from dataclasses import dataclass

from features.declare import Feature
from features.words import facts


@dataclass(frozen=True)
class Verb:
    """Auxiliary and participle around an object: one, none, or many after their number (where `{}` stands)."""

    begins: str
    one: str
    none: str
    many: str
    ends: str = ""


#: Well-known types; others are spoken of by their own name.
VERBS = {
    "page_view": Verb("hat", "eine Seite", "keine Seite", "{} Seiten", "angesehen"),
    "email_open": Verb("hat", "eine Mail", "keine Mail", "{} Mails", "geöffnet"),
    "email_click": Verb("hat", "in einer Mail", "in keiner Mail", "in {} Mails", "geklickt"),
    "email_sent": Verb("hat", "eine Mail", "keine Mail", "{} Mails", "erhalten"),
    "email_bounced": Verb("hat", "eine Mail", "keine Mail", "{} Mails", "zurückgewiesen"),
    "form_submitted": Verb("hat", "ein Formular", "kein Formular", "{} Formulare", "abgeschickt"),
    "webinar_registered": Verb("hat sich", "für ein Webinar", "für kein Webinar", "für {} Webinare", "angemeldet"),
    "webinar_attended": Verb("hat", "an einem Webinar", "an keinem Webinar", "an {} Webinaren", "teilgenommen"),
    "meeting_requested": Verb("hat", "einen Termin", "keinen Termin", "{} Termine", "angefragt"),
    "meeting_booked": Verb("hat", "einen Termin", "keinen Termin", "{} Termine", "gebucht"),
    "meeting_held": Verb("hat", "einen Termin", "keinen Termin", "{} Termine", "wahrgenommen"),
    "meeting_no_show": Verb("hat", "einen Termin", "keinen Termin", "{} Termine", "versäumt"),
    "meeting_cancelled": Verb("hat", "einen Termin", "keinen Termin", "{} Termine", "abgesagt"),
    "survey_answered": Verb("hat", "eine Umfrage", "keine Umfrage", "{} Umfragen", "beantwortet"),
    "sales_email_sent": Verb("hat", "eine Vertriebsmail", "keine Vertriebsmail", "{} Vertriebsmails", "erhalten"),
    "sales_email_open": Verb("hat", "eine Vertriebsmail", "keine Vertriebsmail", "{} Vertriebsmails", "geöffnet"),
    "sales_email_click": Verb(
        "hat", "in einer Vertriebsmail", "in keiner Vertriebsmail", "in {} Vertriebsmails", "geklickt"
    ),
    "sales_email_reply": Verb(
        "hat", "auf eine Vertriebsmail", "auf keine Vertriebsmail", "auf {} Vertriebsmails", "geantwortet"
    ),
    "purchase": Verb("hat", "einen Kauf", "keinen Kauf", "{} Käufe", "getätigt"),
    "deal_won": Verb("hatte", "einen gewonnenen Deal", "keinen gewonnenen Deal", "{} gewonnene Deals"),
    "deal_lost": Verb("hatte", "einen verlorenen Deal", "keinen verlorenen Deal", "{} verlorene Deals"),
    "opportunity_created": Verb(
        "hatte", "eine neue Verkaufschance", "keine neue Verkaufschance", "{} neue Verkaufschancen"
    ),
}

#: What has no object to count.
PHRASES = {
    "mql": ("ist", "zum MQL geworden"),
    "lead_created": ("ist", "zum Lead geworden"),
    "lead_recycled": ("wurde", "ans Marketing zurückgegeben"),
    "call_connected": ("wurde", "telefonisch erreicht"),
}

#: Of these a detail names the very thing; of others it is told after it: "einen Termin (demo)".
NAMED = {
    "page_view": "die Seite „{}“",
    "form_submitted": "das Formular „{}“",
    "webinar_registered": "für das Webinar „{}“",
    "webinar_attended": "am Webinar „{}“",
}
#: Pages that have a German name.
PAGES = {"pricing": "die Preisseite", "home": "die Startseite"}

#: What happened, in the plural; the same in the dative; one of them after "pro".
NOUNS = {
    None: ("Aktivitäten", "Aktivitäten", "Aktivität"),
    "page_view": ("Seitenaufrufe", "Seitenaufrufen", "Seitenaufruf"),
    "email_open": ("Mailöffnungen", "Mailöffnungen", "Mailöffnung"),
    "email_click": ("Mailklicks", "Mailklicks", "Mailklick"),
    "email_sent": ("erhaltene Mails", "erhaltenen Mails", "erhaltene Mail"),
    "email_bounced": ("zurückgewiesene Mails", "zurückgewiesenen Mails", "zurückgewiesene Mail"),
    "form_submitted": ("abgeschickte Formulare", "abgeschickten Formularen", "abgeschicktes Formular"),
    "webinar_registered": ("Webinaranmeldungen", "Webinaranmeldungen", "Webinaranmeldung"),
    "webinar_attended": ("Webinarteilnahmen", "Webinarteilnahmen", "Webinarteilnahme"),
    "meeting_requested": ("Terminanfragen", "Terminanfragen", "Terminanfrage"),
    "meeting_booked": ("Terminbuchungen", "Terminbuchungen", "Terminbuchung"),
    "meeting_held": ("wahrgenommene Termine", "wahrgenommenen Terminen", "wahrgenommenen Termin"),
    "meeting_no_show": ("versäumte Termine", "versäumten Terminen", "versäumten Termin"),
    "meeting_cancelled": ("Terminabsagen", "Terminabsagen", "Terminabsage"),
    "survey_answered": ("beantwortete Umfragen", "beantworteten Umfragen", "beantwortete Umfrage"),
    "sales_email_sent": ("erhaltene Vertriebsmails", "erhaltenen Vertriebsmails", "erhaltene Vertriebsmail"),
    "sales_email_open": (
        "Öffnungen von Vertriebsmails", "Öffnungen von Vertriebsmails", "Öffnung einer Vertriebsmail"
    ),
    "sales_email_click": ("Klicks in Vertriebsmails", "Klicks in Vertriebsmails", "Klick in einer Vertriebsmail"),
    "sales_email_reply": (
        "Antworten auf Vertriebsmails", "Antworten auf Vertriebsmails", "Antwort auf eine Vertriebsmail"
    ),
    "purchase": ("Käufe", "Käufen", "Kauf"),
    "deal_won": ("gewonnene Deals", "gewonnenen Deals", "gewonnenen Deal"),
    "deal_lost": ("verlorene Deals", "verlorenen Deals", "verlorenen Deal"),
    "opportunity_created": ("neue Verkaufschancen", "neuen Verkaufschancen", "neue Verkaufschance"),
}  # fmt: skip

_PLURALS = {"hat": "haben", "hat sich": "haben sich", "ist": "sind", "wurde": "wurden", "hatte": "hatten"}


def is_known(feature: Feature) -> bool:
    """Whether there is a verb for it, so that a sentence can have a subject."""
    return feature.type in VERBS or feature.type in PHRASES


def done(feature: Feature, times: int, when: str, many_did: bool = False) -> str:
    """ "hat die Preisseite in den letzten 7 Tagen 3-mal angesehen": well-known types only."""
    often = f"{times}-mal" if times > 1 else ""
    if feature.type in PHRASES:
        begins, rest = PHRASES[feature.type]
        return _joined(_begin(begins, many_did), when, often, rest + told(feature))
    verb = VERBS[str(feature.type)]
    if (name := _name(feature)) is not None:
        return _joined(_begin(verb.begins, many_did), name, when, often, verb.ends)
    thing = (verb.many.format(times) if times > 1 else verb.one) + told(feature)
    return _joined(_begin(verb.begins, many_did), when, thing, verb.ends)


def not_done(feature: Feature, when: str) -> str:
    """ "hat die Preisseite bisher nicht angesehen", "hat bisher keine Mail geöffnet": well-known types only."""
    if feature.type in PHRASES:
        begins, rest = PHRASES[feature.type]
        return _joined(begins, when, "nicht", rest + told(feature))
    verb = VERBS[str(feature.type)]
    if (name := _name(feature)) is not None:
        return _joined(verb.begins, name, when, "nicht", verb.ends)
    return _joined(verb.begins, when, verb.none + told(feature), verb.ends)


def nouns(feature: Feature, form: int = 0) -> str:
    """ "Seitenaufrufe"; form 1 is the dative, form 2 the singular after "pro"."""
    if feature.type in NOUNS:
        return NOUNS[feature.type][form] + told(feature)
    return f"{('Ereignisse', 'Ereignissen', 'Ereignis')[form]} „{spoken(str(feature.type))}“{told(feature)}"


def no(feature: Feature) -> str:
    """ "keine Seitenaufrufe", "keine erhaltenen Mails"."""
    first, *others = nouns(feature).split(" ")
    return " ".join(["keine", first + "n" if first[0].islower() else first, *others])


def own_name(feature: Feature) -> str:
    """What a type without a verb is called: "demo watched", of an account "demo watched im Unternehmen"."""
    name = spoken(feature.type) if feature.type else "Ereignis"
    return name + told(feature) + (" im Unternehmen" if feature.level == "account" else "")


def told(feature: Feature) -> str:
    """ " (demo)"."""
    return "" if feature.detail is None else f" ({spoken(feature.detail).strip('()')})"


def spoken(name: str) -> str:
    """A name as words; names stay as they are in every language."""
    return facts.spoken(name) or "(leer)"


def _name(feature: Feature) -> str | None:
    if feature.detail is None or feature.type not in NAMED:
        return None
    known = PAGES.get(feature.detail) if feature.type == "page_view" else None
    return known or NAMED[feature.type].format(spoken(feature.detail))


def _begin(begins: str, many_did: bool) -> str:
    return _PLURALS[begins] if many_did else begins


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)

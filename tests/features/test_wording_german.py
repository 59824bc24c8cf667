"""German beside English, to be checked by eye; and every declaration at its edges in both languages."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from test_wording import CLICK_RATE, GAPS, NAN, PRICING, RHYTHM, TABLE, VIEWS_TREND, assert_readable

from engagement.errors import BadInput
from engagement.funnel import funnel_from
from engagement.settings import LANGUAGES as CODES
from engagement.settings import read_settings, settings_from
from engagement.times import DAY, HOUR, MINUTE, days
from features.declare import KINDS, Colleagues, Count, Feature, GapMean, Ratio, WeekdayShare
from features.wording import sentence
from features.words import LANGUAGES
from features.words.english_verbs import PHRASES, VERBS
from features.words.german_spans import duration, number, span, within
from features.words.german_verbs import NOUNS
from features.words.german_verbs import PHRASES as GERMAN_PHRASES
from features.words.german_verbs import VERBS as GERMAN_VERBS

GERMAN = LANGUAGES["de"]
ENGLISH = LANGUAGES["en"]

#: What is said in English, and in German of the same columns and values.
SAID = {
    "Viewed the pricing page 3 times in the last 7 days, last 2 hours ago": (
        "Hat die Preisseite in den letzten 7 Tagen 3-mal angesehen, zuletzt vor 2 Stunden"
    ),
    "Viewed the pricing page 4 times in the last 90 days, last 8 days ago": (
        "Hat die Preisseite in den letzten 90 Tagen 4-mal angesehen, zuletzt vor 8 Tagen"
    ),
    "Viewed the pricing page 1 day ago": "Hat die Preisseite vor 1 Tag angesehen",
    "Viewed the pricing page less than a minute ago, 9 times in all": (
        "Hat die Preisseite vor weniger als einer Minute angesehen, insgesamt 9-mal"
    ),
    "Viewed the pricing page in the last 7 days, 4 times in the last 90 days": (
        "Hat die Preisseite in den letzten 7 Tagen angesehen, in den letzten 90 Tagen 4-mal"
    ),
    "Viewed the pricing page 200 days ago": "Hat die Preisseite vor 200 Tagen angesehen",
    "Viewed the pricing page 2 times, last more than 12 months ago": (
        "Hat die Preisseite 2-mal angesehen, zuletzt vor mehr als 12 Monaten"
    ),
    "Viewed the pricing page more than 12 months ago": "Hat die Preisseite vor mehr als 12 Monaten angesehen",
    "Has not viewed the pricing page so far": "Hat die Preisseite bisher nicht angesehen",
    "Has not viewed the pricing page in the last 90 days": (
        "Hat die Preisseite in den letzten 90 Tagen nicht angesehen"
    ),
    "Viewed the pricing page 3 days ago": "Hat die Preisseite vor 3 Tagen angesehen",
    "Has not viewed the pricing page in the last 12 months": (
        "Hat die Preisseite in den letzten 12 Monaten nicht angesehen"
    ),
    "Has not replied to a sales mail so far": "Hat bisher auf keine Vertriebsmail geantwortet",
    "Replied to a sales mail 2 days ago": "Hat vor 2 Tagen auf eine Vertriebsmail geantwortet",
    "Replied to 2 sales mails in the last 30 days, last 2 days ago": (
        "Hat in den letzten 30 Tagen auf 2 Vertriebsmails geantwortet, zuletzt vor 2 Tagen"
    ),
    "Was not sent a mail so far": "Hat bisher keine Mail erhalten",
    "Was sent a mail": "Hat eine Mail erhalten",
    "Was sent 2 mails": "Hat 2 Mails erhalten",
    "Opened an opportunity": "Hatte eine neue Verkaufschance",
    "Has not opened an opportunity so far": "Hatte bisher keine neue Verkaufschance",
    "Opened 3 opportunities": "Hatte 3 neue Verkaufschancen",
    "Became an MQL 5 days ago": "Ist vor 5 Tagen zum MQL geworden",
    "Became an MQL 2 times, last 5 days ago": "Ist 2-mal zum MQL geworden, zuletzt vor 5 Tagen",
    "Has not become an MQL so far": "Ist bisher nicht zum MQL geworden",
    "Was not reached by phone so far": "Wurde bisher nicht telefonisch erreicht",
    "Became a lead (trade fair)": "Ist zum Lead geworden (trade fair)",
    "Demo watched 3 times, last 12 hours ago": "Demo watched: 3-mal, zuletzt vor 12 Stunden",
    "Demo watched 12 hours ago": "Demo watched: vor 12 Stunden",
    "No demo watched (part 2) so far": "Demo watched (part 2): bisher nicht",
    "Account: demo watched 2 times": "Demo watched im Unternehmen: 2-mal",
    "Booked 2 meetings (expert session)": "Hat 2 Termine (expert session) gebucht",
    "Answered a survey (very likely)": "Hat eine Umfrage (very likely) beantwortet",
    "Viewed the Landing Page": "Hat die Seite „Landing Page“ angesehen",
    "Has not attended the security webinar so far": "Hat am Webinar „security“ bisher nicht teilgenommen",
    "Event (pricing) 2 times, last 1 day ago": "Ereignis (pricing): 2-mal, zuletzt vor 1 Tag",
    "The account viewed 2 pages in the last 7 days, last 1 day ago": (
        "Das Unternehmen hat in den letzten 7 Tagen 2 Seiten angesehen, zuletzt vor 1 Tag"
    ),
    "The account viewed a page 40 days ago": "Das Unternehmen hat vor 40 Tagen eine Seite angesehen",
    "The account has not viewed a page in the last 12 months": (
        "Das Unternehmen hat in den letzten 12 Monaten keine Seite angesehen"
    ),
    "Account: 1 activity in the last 24 hours": "Im Unternehmen: 1 Aktivität in den letzten 24 Stunden",
    "Account: no activity in the last 24 hours": "Im Unternehmen: keine Aktivität in den letzten 24 Stunden",
    "4 activities in the last 7 days, last 1 day ago, known for 12 days": (
        "4 Aktivitäten in den letzten 7 Tagen, zuletzt vor 1 Tag, seit 12 Tagen bekannt"
    ),
    "1 activity in the last 12 months, last 40 days ago, known for more than 12 months": (
        "1 Aktivität in den letzten 12 Monaten, zuletzt vor 40 Tagen, seit mehr als 12 Monaten bekannt"
    ),
    "1 activity in the last 7 days, last 12 hours ago, known for less than a day": (
        "1 Aktivität in den letzten 7 Tagen, zuletzt vor 12 Stunden, seit weniger als einem Tag bekannt"
    ),
    "No activity so far": "Bisher keine Aktivität",
    "Known for 1 day": "Seit 1 Tag bekannt",
    "Last active 1 day ago": "Zuletzt aktiv vor 1 Tag",
    "No activity in the last 12 months": "Keine Aktivität in den letzten 12 Monaten",
    "Active": "Aktiv",
    "Became an MQL 3 days ago": "Ist vor 3 Tagen zum MQL geworden",
    "Held a meeting 12 hours ago": "Hat vor 12 Stunden einen Termin wahrgenommen",
    "60% of the page views in the last 28 days came in the last 7 days (picking up)": (
        "Seitenaufrufe in den letzten 28 Tagen: 60 % davon in den letzten 7 Tagen (zunehmend)"
    ),
    "10% of the page views in the last 28 days came in the last 7 days (slowing down)": (
        "Seitenaufrufe in den letzten 28 Tagen: 10 % davon in den letzten 7 Tagen (abnehmend)"
    ),
    "25% of the page views in the last 28 days came in the last 7 days (a steady pace)": (
        "Seitenaufrufe in den letzten 28 Tagen: 25 % davon in den letzten 7 Tagen (gleichbleibend)"
    ),
    "All the page views in the last 28 days came in the last 7 days (picking up)": (
        "Seitenaufrufe in den letzten 28 Tagen: alle in den letzten 7 Tagen (zunehmend)"
    ),
    "Nearly all the page views in the last 28 days came in the last 7 days (picking up)": (
        "Seitenaufrufe in den letzten 28 Tagen: fast alle in den letzten 7 Tagen (zunehmend)"
    ),
    "No page views in the last 7 days, though some in the last 28 days": (
        "Keine Seitenaufrufe in den letzten 7 Tagen, wohl aber in den letzten 28 Tagen"
    ),
    "No page views in the last 28 days": "Keine Seitenaufrufe in den letzten 28 Tagen",
    "Account: no activities in the last 28 days": "Keine Aktivitäten im Unternehmen in den letzten 28 Tagen",
    "0.4 email clicks for each of the sent mails in the last 90 days": (
        "Im Schnitt 0,4 Mailklicks pro erhaltene Mail in den letzten 90 Tagen"
    ),
    "No email clicks in the last 90 days, though there were sent mails": (
        "Keine Mailklicks in den letzten 90 Tagen, wohl aber erhaltene Mails"
    ),
    "As many email clicks as sent mails in the last 90 days": (
        "Ebenso viele Mailklicks wie erhaltene Mails in den letzten 90 Tagen"
    ),
    "No sent mails in the last 90 days": "Keine erhaltenen Mails in den letzten 90 Tagen",
    "30% of the activities so far were demo watched events": (
        "Aktivitäten bisher: 30 % davon Ereignisse „demo watched“"
    ),
    "Page views every 3 days on average, give or take 2 days, 5 days between the last two (in the last 90 days)": (
        "Seitenaufrufe im durchschnittlichen Abstand von 3 Tagen, mit Schwankungen von 2 Tagen, "
        "zuletzt im Abstand von 5 Tagen (in den letzten 90 Tagen)"
    ),
    "Page views every 2 hours on average, 2 hours between the last two (in the last 90 days)": (
        "Seitenaufrufe im durchschnittlichen Abstand von 2 Stunden, "
        "zuletzt im Abstand von 2 Stunden (in den letzten 90 Tagen)"
    ),
    "Fewer than two page views in the last 90 days": "Weniger als zwei Seitenaufrufe in den letzten 90 Tagen",
    "4 days between the last two page views (in the last 90 days)": (
        "Seitenaufrufe zuletzt im Abstand von 4 Tagen (in den letzten 90 Tagen)"
    ),
    "Times between page views that vary by 4 days (in the last 90 days)": (
        "Seitenaufrufe in Abständen mit Schwankungen von 4 Tagen (in den letzten 90 Tagen)"
    ),
    "Fewer than three page views in the last 90 days": "Weniger als drei Seitenaufrufe in den letzten 90 Tagen",
    "70% of the activities in the last 12 months came between 12:00 and 18:00 UTC, 10% at the weekend": (
        "Aktivitäten in den letzten 12 Monaten: 70 % davon zwischen 12:00 und 18:00 Uhr (UTC), 10 % am Wochenende"
    ),
    "Not one of the activities in the last 12 months came between 06:00 and 12:00 UTC": (
        "Aktivitäten in den letzten 12 Monaten: keine zwischen 06:00 und 12:00 Uhr (UTC)"
    ),
    "All the activities in the last 12 months came at the weekend": (
        "Aktivitäten in den letzten 12 Monaten: alle am Wochenende"
    ),
    "No activities in the last 12 months": "Keine Aktivitäten in den letzten 12 Monaten",
    "Less than 1% of the page views so far came on Monday and Friday": (
        "Seitenaufrufe bisher: weniger als 1 % davon montags und freitags"
    ),
    "Made 2 purchases (last value 5; largest 20)": "Hat 2 Käufe getätigt (letzter Wert 5; größter Wert 20)",
    "Made a purchase (last value 5)": "Hat einen Kauf getätigt (letzter Wert 5)",
    "Made a purchase (smallest 3; largest 20)": "Hat einen Kauf getätigt (kleinster Wert 3; größter Wert 20)",
    "Has not made a purchase so far": "Hat bisher keinen Kauf getätigt",
    "Made a purchase (last value 16,200)": "Hat einen Kauf getätigt (letzter Wert 16.200)",
    "Made 3 purchases (last value 5,610.5; 1,234,567 in the last 12 months)": (
        "Hat 3 Käufe getätigt (letzter Wert 5.610,5; Summe in den letzten 12 Monaten: 1.234.567)"
    ),
    "Made 2 purchases": "Hat 2 Käufe getätigt",
    "Made a purchase (20 in all)": "Hat einen Kauf getätigt (Summe insgesamt: 20)",
    "Made a purchase (last value 0)": "Hat einen Kauf getätigt (letzter Wert 0)",
    "Has not made a purchase in the last 12 months": "Hat in den letzten 12 Monaten keinen Kauf getätigt",
    "Submitted a form (last: contact us)": "Hat ein Formular abgeschickt (zuletzt: contact us)",
    "Submitted a form (last: a rarely seen one)": "Hat ein Formular abgeschickt (zuletzt: ein seltener Wert)",
    "Has not submitted a form so far": "Hat bisher kein Formular abgeschickt",
    "Has not submitted a form in the last 24 hours": "Hat in den letzten 24 Stunden kein Formular abgeschickt",
    "Viewed 7 pages (3 different ones in the last 12 months)": (
        "Hat 7 Seiten angesehen (3 verschiedene in den letzten 12 Monaten)"
    ),
    "Has not viewed a page in the last 12 months": "Hat in den letzten 12 Monaten keine Seite angesehen",
    "Viewed a page": "Hat eine Seite angesehen",
    "Has not viewed a page in the last 7 days": "Hat in den letzten 7 Tagen keine Seite angesehen",
    "Viewed a page, first 3 days ago": "Hat eine Seite angesehen, zuerst vor 3 Tagen",
    "Viewed a page, first more than 12 months ago": "Hat eine Seite angesehen, zuerst vor mehr als 12 Monaten",
    "Has not viewed a page so far": "Hat bisher keine Seite angesehen",
    "No colleague was active in the last 12 months": (
        "Niemand sonst im Unternehmen war in den letzten 12 Monaten aktiv"
    ),
    "1 colleague was active in the last 12 months": (
        "1 weitere Person im Unternehmen war in den letzten 12 Monaten aktiv"
    ),
    "2 colleagues were active in the last 7 days": (
        "2 weitere Personen im Unternehmen waren in den letzten 7 Tagen aktiv"
    ),
    "2 colleagues were active so far": "2 weitere Personen im Unternehmen waren bisher aktiv",
    "2 colleagues were sent a mail in the last 24 hours": (
        "2 weitere Personen im Unternehmen haben in den letzten 24 Stunden eine Mail erhalten"
    ),
    "1 colleague became an MQL so far": "1 weitere Person im Unternehmen ist bisher zum MQL geworden",
    "No colleague became an MQL so far": "Niemand sonst im Unternehmen ist bisher zum MQL geworden",
    "3 colleagues with demo watched so far": "„demo watched“ bisher bei 3 weiteren Personen im Unternehmen",
    "Job level: c level": "Job level: c level",
    "Job level: a rarely seen one": "Job level: ein seltener Wert",
    "Job level: unknown": "Job level: unbekannt",
    "Employees of the account: 12,000": "Employees des Unternehmens: 12.000",
    "Employees of the account: unknown": "Employees des Unternehmens: unbekannt",
    "Score: 0": "Score: 0",
    "Note: (empty)": "Note: (leer)",
}

#: Of each well-known type: done twice; not by the account; by three colleagues; none of them, as a noun.
OF_TYPES = {
    "page_view": [
        "Hat 2 Seiten angesehen",
        "Das Unternehmen hat in den letzten 7 Tagen keine Seite angesehen",
        "3 weitere Personen im Unternehmen haben bisher eine Seite angesehen",
        "Bisher keine Seitenaufrufe",
    ],
    "email_open": [
        "Hat 2 Mails geöffnet",
        "Das Unternehmen hat in den letzten 7 Tagen keine Mail geöffnet",
        "3 weitere Personen im Unternehmen haben bisher eine Mail geöffnet",
        "Bisher keine Mailöffnungen",
    ],
    "email_click": [
        "Hat in 2 Mails geklickt",
        "Das Unternehmen hat in den letzten 7 Tagen in keiner Mail geklickt",
        "3 weitere Personen im Unternehmen haben bisher in einer Mail geklickt",
        "Bisher keine Mailklicks",
    ],
    "email_sent": [
        "Hat 2 Mails erhalten",
        "Das Unternehmen hat in den letzten 7 Tagen keine Mail erhalten",
        "3 weitere Personen im Unternehmen haben bisher eine Mail erhalten",
        "Bisher keine erhaltenen Mails",
    ],
    "email_bounced": [
        "Hat 2 Mails zurückgewiesen",
        "Das Unternehmen hat in den letzten 7 Tagen keine Mail zurückgewiesen",
        "3 weitere Personen im Unternehmen haben bisher eine Mail zurückgewiesen",
        "Bisher keine zurückgewiesenen Mails",
    ],
    "form_submitted": [
        "Hat 2 Formulare abgeschickt",
        "Das Unternehmen hat in den letzten 7 Tagen kein Formular abgeschickt",
        "3 weitere Personen im Unternehmen haben bisher ein Formular abgeschickt",
        "Bisher keine abgeschickten Formulare",
    ],
    "webinar_registered": [
        "Hat sich für 2 Webinare angemeldet",
        "Das Unternehmen hat sich in den letzten 7 Tagen für kein Webinar angemeldet",
        "3 weitere Personen im Unternehmen haben sich bisher für ein Webinar angemeldet",
        "Bisher keine Webinaranmeldungen",
    ],
    "webinar_attended": [
        "Hat an 2 Webinaren teilgenommen",
        "Das Unternehmen hat in den letzten 7 Tagen an keinem Webinar teilgenommen",
        "3 weitere Personen im Unternehmen haben bisher an einem Webinar teilgenommen",
        "Bisher keine Webinarteilnahmen",
    ],
    "meeting_requested": [
        "Hat 2 Termine angefragt",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Termin angefragt",
        "3 weitere Personen im Unternehmen haben bisher einen Termin angefragt",
        "Bisher keine Terminanfragen",
    ],
    "meeting_booked": [
        "Hat 2 Termine gebucht",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Termin gebucht",
        "3 weitere Personen im Unternehmen haben bisher einen Termin gebucht",
        "Bisher keine Terminbuchungen",
    ],
    "meeting_held": [
        "Hat 2 Termine wahrgenommen",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Termin wahrgenommen",
        "3 weitere Personen im Unternehmen haben bisher einen Termin wahrgenommen",
        "Bisher keine wahrgenommenen Termine",
    ],
    "meeting_no_show": [
        "Hat 2 Termine versäumt",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Termin versäumt",
        "3 weitere Personen im Unternehmen haben bisher einen Termin versäumt",
        "Bisher keine versäumten Termine",
    ],
    "meeting_cancelled": [
        "Hat 2 Termine abgesagt",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Termin abgesagt",
        "3 weitere Personen im Unternehmen haben bisher einen Termin abgesagt",
        "Bisher keine Terminabsagen",
    ],
    "survey_answered": [
        "Hat 2 Umfragen beantwortet",
        "Das Unternehmen hat in den letzten 7 Tagen keine Umfrage beantwortet",
        "3 weitere Personen im Unternehmen haben bisher eine Umfrage beantwortet",
        "Bisher keine beantworteten Umfragen",
    ],
    "sales_email_sent": [
        "Hat 2 Vertriebsmails erhalten",
        "Das Unternehmen hat in den letzten 7 Tagen keine Vertriebsmail erhalten",
        "3 weitere Personen im Unternehmen haben bisher eine Vertriebsmail erhalten",
        "Bisher keine erhaltenen Vertriebsmails",
    ],
    "sales_email_open": [
        "Hat 2 Vertriebsmails geöffnet",
        "Das Unternehmen hat in den letzten 7 Tagen keine Vertriebsmail geöffnet",
        "3 weitere Personen im Unternehmen haben bisher eine Vertriebsmail geöffnet",
        "Bisher keine Öffnungen von Vertriebsmails",
    ],
    "sales_email_click": [
        "Hat in 2 Vertriebsmails geklickt",
        "Das Unternehmen hat in den letzten 7 Tagen in keiner Vertriebsmail geklickt",
        "3 weitere Personen im Unternehmen haben bisher in einer Vertriebsmail geklickt",
        "Bisher keine Klicks in Vertriebsmails",
    ],
    "sales_email_reply": [
        "Hat auf 2 Vertriebsmails geantwortet",
        "Das Unternehmen hat in den letzten 7 Tagen auf keine Vertriebsmail geantwortet",
        "3 weitere Personen im Unternehmen haben bisher auf eine Vertriebsmail geantwortet",
        "Bisher keine Antworten auf Vertriebsmails",
    ],
    "purchase": [
        "Hat 2 Käufe getätigt",
        "Das Unternehmen hat in den letzten 7 Tagen keinen Kauf getätigt",
        "3 weitere Personen im Unternehmen haben bisher einen Kauf getätigt",
        "Bisher keine Käufe",
    ],
    "deal_won": [
        "Hatte 2 gewonnene Deals",
        "Das Unternehmen hatte in den letzten 7 Tagen keinen gewonnenen Deal",
        "3 weitere Personen im Unternehmen hatten bisher einen gewonnenen Deal",
        "Bisher keine gewonnenen Deals",
    ],
    "deal_lost": [
        "Hatte 2 verlorene Deals",
        "Das Unternehmen hatte in den letzten 7 Tagen keinen verlorenen Deal",
        "3 weitere Personen im Unternehmen hatten bisher einen verlorenen Deal",
        "Bisher keine verlorenen Deals",
    ],
    "opportunity_created": [
        "Hatte 2 neue Verkaufschancen",
        "Das Unternehmen hatte in den letzten 7 Tagen keine neue Verkaufschance",
        "3 weitere Personen im Unternehmen hatten bisher eine neue Verkaufschance",
        "Bisher keine neuen Verkaufschancen",
    ],
    "mql": [
        "Ist 2-mal zum MQL geworden",
        "Das Unternehmen ist in den letzten 7 Tagen nicht zum MQL geworden",
        "3 weitere Personen im Unternehmen sind bisher zum MQL geworden",
    ],
    "lead_created": [
        "Ist 2-mal zum Lead geworden",
        "Das Unternehmen ist in den letzten 7 Tagen nicht zum Lead geworden",
        "3 weitere Personen im Unternehmen sind bisher zum Lead geworden",
    ],
    "lead_recycled": [
        "Wurde 2-mal ans Marketing zurückgegeben",
        "Das Unternehmen wurde in den letzten 7 Tagen nicht ans Marketing zurückgegeben",
        "3 weitere Personen im Unternehmen wurden bisher ans Marketing zurückgegeben",
    ],
    "call_connected": [
        "Wurde 2-mal telefonisch erreicht",
        "Das Unternehmen wurde in den letzten 7 Tagen nicht telefonisch erreicht",
        "3 weitere Personen im Unternehmen wurden bisher telefonisch erreicht",
    ],
}


@pytest.mark.parametrize(("features", "values", "english"), TABLE)
def test_what_is_said_in_german(features: Sequence[Feature], values: Sequence[float], english: str) -> None:
    assert sentence(features, values, GERMAN) == SAID[english]


def test_every_type_that_english_knows_german_knows() -> None:
    assert set(VERBS) == set(GERMAN_VERBS) == set(NOUNS) - {None}
    assert set(PHRASES) == set(GERMAN_PHRASES)
    assert set(OF_TYPES) == set(VERBS) | set(PHRASES)


@pytest.mark.parametrize(("kind", "said"), OF_TYPES.items())
def test_verbs_and_nouns(kind: str, said: list[str]) -> None:
    week = days(7)
    found = [
        sentence([Count(kind)], [2], GERMAN),
        sentence([Count(kind, window=week, level="account")], [0], GERMAN),
        sentence([Colleagues(kind)], [3], GERMAN),
        sentence([Ratio(kind, per=kind)], [NAN], GERMAN),
    ]
    assert found[: len(said)] == said


def test_where_english_was_mended() -> None:
    cases: list[tuple[Sequence[Feature], list[float], str, str]] = [
        (
            [Count("email_sent", window=HOUR)],
            [0],
            "Was not sent a mail in the last hour",
            "Hat in der letzten Stunde keine Mail erhalten",
        ),
        (
            GAPS[1:2],
            [1.5],
            "Page views every day on average (in the last 90 days)",
            "Seitenaufrufe im durchschnittlichen Abstand von 1 Tag (in den letzten 90 Tagen)",
        ),
        (
            GAPS[1:2],
            [0],
            "Page views less than a minute apart on average (in the last 90 days)",
            "Seitenaufrufe im durchschnittlichen Abstand von weniger als einer Minute (in den letzten 90 Tagen)",
        ),
        (
            [CLICK_RATE],
            [0.999],
            "About as many email clicks as sent mails in the last 90 days",
            "Etwa ebenso viele Mailklicks wie erhaltene Mails in den letzten 90 Tagen",
        ),
        (
            RHYTHM,
            [0.2, 0.7, 0.0],
            "70% of the activities in the last 12 months came between 12:00 and 18:00 UTC, none at the weekend",
            "Aktivitäten in den letzten 12 Monaten: 70 % davon "
            "zwischen 12:00 und 18:00 Uhr (UTC), keine am Wochenende",
        ),
        (
            [WeekdayShare("page_view", weekdays=(0, 1, 4))],
            [0.5],
            "50% of the page views so far came on Monday, Tuesday and Friday",
            "Seitenaufrufe bisher: 50 % davon montags, dienstags und freitags",
        ),
        (
            [GapMean("page_view", window=days(30)), GapMean("page_view", window=days(90))],
            [2, 6],
            "Page views every 2 days on average (in the last 30 days)",
            "Seitenaufrufe im durchschnittlichen Abstand von 2 Tagen (in den letzten 30 Tagen)",
        ),
    ]
    for features, values, english, german in cases:
        assert sentence(features, values, ENGLISH) == english
        assert sentence(features, values, GERMAN) == german


def made(op: str, **more: Any) -> Feature:
    """A declaration of each kind, at its smallest."""
    kind = KINDS[op]
    given: dict[str, Any] = {"window": days(7)} if kind.windowed else {}
    if op in ("is", "last_detail"):
        given["categories"] = ("demo", "free_mail")
    return kind(**given | more)


def assert_readable_german(text: str) -> None:
    assert text
    assert text == " ".join(text.split())
    assert not text[0].islower()
    assert "_" not in text
    assert not re.search(r"\b(nan|inf|None|the|was|were|last|days|hours|ago|of)\b", text)
    assert not re.search(r"\b1 (Tagen|Tage|Stunden|Minuten|Seiten|Mails|Aktivitäten|weitere Personen)\b", text)
    assert not re.search(r"\b0 |[,;:]$|\(\)|\{", text)
    assert text.count("„") == text.count("“")


@pytest.mark.parametrize(("op", "kind"), product(KINDS, ["page_view", "mql", "demo_watched", None]))
def test_every_declaration_at_its_edges(op: str, kind: str | None) -> None:
    if op == "is" and kind is None:
        return  # an attribute has a name
    whole = op in ("count", "days", "distinct", "colleagues", "is", "last_detail")
    values = (0.0, 1.0, 2.0, 7.0, 365.0, math.nan, *(() if whole else (40 / 86_400, 0.3)))
    for level, value in product(("contact", "account"), values):
        feature = made(op, type=kind, level=level)
        for language, check in ((ENGLISH, assert_readable), (GERMAN, assert_readable_german)):
            text = sentence([feature], [value], language)
            check(text)
            zero = value == 0 and op in ("count", "sum", "days", "distinct", "colleagues")
            if zero or (math.isnan(value) and op not in ("is", "gap_spread", "gap_mean", "gap_last")):
                assert re.search(r"\b(no|not|nicht|[Kk]eine?n?|[Nn]iemand|[Kk]einer)\b", text, re.IGNORECASE), text


def test_spans_and_numbers() -> None:
    assert [span(x) for x in (0, MINUTE / DAY, 2 / 24, 1, 400)] == [
        "weniger als einer Minute", "1 Minute", "2 Stunden", "1 Tag", "400 Tagen",
    ]  # fmt: skip
    assert [duration(x) for x in (DAY, days(7), days(365), 36 * HOUR, days(3.5), 90_000_001)] == [
        "24 Stunden", "7 Tagen", "12 Monaten", "36 Stunden", "84 Stunden", "0,00104 Tagen",
    ]  # fmt: skip
    assert [within(x) for x in (None, HOUR, days(30))] == [
        "bisher",
        "in der letzten Stunde",
        "in den letzten 30 Tagen",
    ]
    assert [number(x) for x in (0.0, -0.001, 12.5, 1e6, -0.0, 1e20)] == [
        "0",
        "-0,001",
        "12,5",
        "1.000.000",
        "0",
        "1e+20",
    ]


def test_questions_and_statuses() -> None:
    asked = [GERMAN.question(one) for one in funnel_from({}).conversions.values()]
    assert asked == [
        "Wird dieser Lead innerhalb von 30 Tagen zum MQL werden?",
        "Wird dieser MQL innerhalb von 30 Tagen einen Termin wahrnehmen?",
        "Wird dieser Termin innerhalb von 180 Tagen zum Abschluss führen?",
    ]
    for status in ("unknown", "not_entered", "converted", "long_ago", "ended"):
        assert_readable(ENGLISH.status(status, "mql", "deal_won", days(44)))
        assert_readable_german(GERMAN.status(status, "mql", "deal_won", days(44)))


def test_one_sentence_within_another() -> None:
    old, new = sentence(PRICING, [0, 0, 0, NAN], GERMAN), sentence(PRICING, [3, 3, 3, 0.1], GERMAN)
    assert GERMAN.changed(old, new) == (
        "Hat die Preisseite in den letzten 7 Tagen 3-mal angesehen, zuletzt vor 2 Stunden "
        "(vorher: hat die Preisseite bisher nicht angesehen)"
    )
    views = sentence([VIEWS_TREND], [0.6], GERMAN)
    assert GERMAN.changed(views, views).endswith("(wie vorher)")
    assert GERMAN.changed(views, new).endswith("(vorher: " + views + ")")  # a noun keeps its capital
    old, new = (sentence(PRICING, values, ENGLISH) for values in ([0, 0, 0, NAN], [3, 3, 3, 0.1]))
    assert ENGLISH.changed(old, new) == (
        "Viewed the pricing page 3 times in the last 7 days, last 2 hours ago "
        "(before: has not viewed the pricing page so far)"
    )
    assert ENGLISH.changed("MQL: yes", new).endswith("(before: MQL: yes)")


def test_the_settings_know_the_same_languages() -> None:
    assert tuple(LANGUAGES) == CODES
    assert settings_from({}).language == "en"
    assert settings_from({"wording": {"language": "de"}}).language == "de"
    assert read_settings([], {"MQM_WORDING__LANGUAGE": "de"}).language == "de"
    for wrong in ("fr", 3, ["de"]):
        with pytest.raises(BadInput, match=r"language: .*There are: en, de\."):
            settings_from({"wording": {"language": wrong}})
    with pytest.raises(BadInput, match="It knows language"):
        settings_from({"wording": {"tongue": "de"}})

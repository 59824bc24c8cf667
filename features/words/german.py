"""German sentences: "Hat die Preisseite in den letzten 7 Tagen 3-mal angesehen, zuletzt vor 2 Stunden"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engagement.funnel import Conversion
from engagement.times import DAY
from features.declare import AsOf, Feature, Ratio, Trend
from features.words.facts import Age, Extra, Seen, category
from features.words.german_spans import ago, counted, duration, in_all, number, part, share, span, whole, within
from features.words.german_verbs import NOUNS, done, is_known, no, not_done, nouns, own_name, spoken
from features.words.language import Language

_WEEKDAYS = ("montags", "dienstags", "mittwochs", "donnerstags", "freitags", "samstags", "sonntags")
_RARE = "ein seltener Wert"
_SUBJECTS = {
    "lead": "dieser Lead",
    "mql": "dieser MQL",
    "meeting": "dieser Termin",
    "opportunity": "diese Verkaufschance",
    "win": "dieser Kunde",
    "purchase": "dieser Kunde",
}
_DEEDS = {
    "mql": "zum MQL werden",
    "meeting": "einen Termin wahrnehmen",
    "opportunity": "zur Verkaufschance werden",
    "win": "zum Abschluss führen",
    "purchase": "wieder kaufen",
}
#: Words that begin sentences and are no nouns.
_SMALL = {"Hat", "Ist", "Wurde", "Hatte", "Das", "Im", "Bisher", "Keine", "Weniger", "Zuletzt", "Seit", "Niemand"}
_SMALL |= {"Aktiv", "Ebenso", "Etwa"} | {n[0].split(" ")[0].capitalize() for n in NOUNS.values() if n[0][0].islower()}


class German(Language):
    """German."""

    code = "de"

    def deed(self, lead: Feature, seen: Seen, extras: Sequence[Extra]) -> str:
        """ "hat die Preisseite in den letzten 7 Tagen 3-mal angesehen, zuletzt vor 2 Stunden"."""
        if not is_known(lead):
            return f"{own_name(lead)}: {_bare(seen)}{_added(extras)}"
        whose = "das Unternehmen " if lead.level == "account" else ""
        if not seen.happened:
            return whose + not_done(lead, within(seen.silent)) + _added(extras)
        window, times = seen.first_count
        inside = "" if window is None else within(window)
        when = ago(seen.last) if seen.last and times <= 1 else inside
        return whose + done(lead, times, when) + _more(seen) + _added(extras)

    def anything(self, lead: Feature, seen: Seen) -> str:
        """ "4 Aktivitäten in den letzten 7 Tagen, zuletzt vor 2 Stunden, seit 12 Tagen bekannt"."""
        whose = "im Unternehmen: " if lead.level == "account" else ""
        if not seen.happened:
            return whose + _inside("keine Aktivität", seen.silent)
        parts = []
        if seen.counts:
            window, times = seen.first_count
            text = counted(times, "Aktivität", "Aktivitäten")
            parts.append(text if window is None else f"{text} {within(window)}")
        if seen.last:
            parts.append(f"zuletzt {'' if parts else 'aktiv '}{ago(seen.last)}")
        if seen.since:
            parts.append(f"seit {whole(seen.since)} bekannt")
        return whose + (", ".join(parts) or "aktiv")

    def attribute(self, feature: AsOf, value: float) -> str:
        """ "job level: vp"."""
        name = spoken(str(feature.type)) + (" des Unternehmens" if feature.level == "account" else "")
        if math.isnan(value):
            return f"{name}: unbekannt"
        if not feature.categories:
            return f"{name}: {number(value)}"
        known = category(feature.categories, value)
        return f"{name}: {_RARE if known is None else spoken(known)}"

    def colleagues(self, feature: Feature, number: int) -> str:
        """ "2 weitere Personen im Unternehmen waren in den letzten 7 Tagen aktiv"."""
        when = within(feature.window)
        if feature.type is not None and not is_known(feature):
            who = "keiner weiteren Person" if not number else counted(number, "weiteren Person", "weiteren Personen")
            return f"„{spoken(feature.type)}“ {when} bei {who} im Unternehmen"
        who = counted(number, "weitere Person im", "weitere Personen im") if number else "niemand sonst im"
        if feature.type is None:
            did = f"{'waren' if number > 1 else 'war'} {when} aktiv"
        else:
            did = done(feature, 1, when, many_did=number > 1)
        return f"{who} Unternehmen {did}"

    def stage(self, feature: Feature, days: float) -> str:
        """ "ist vor 3 Tagen zum MQL geworden"."""
        missing = math.isnan(days)
        if not is_known(feature):
            return f"{own_name(feature)}: {'bisher nicht' if missing else ago(Age(days))}"
        whose = "das Unternehmen " if feature.level == "account" else ""
        return whose + (not_done(feature, "bisher") if missing else done(feature, 1, ago(Age(days))))

    def silence(self, feature: Feature, window: int | None, fewer_than: int = 1) -> str:
        """ "keine Seitenaufrufe in den letzten 28 Tagen"."""
        few = {2: "weniger als zwei", 3: "weniger als drei"}.get(fewer_than)
        return _inside((f"{few} {nouns(feature)}" if few else no(feature)) + _where(feature), window)

    def trend(self, feature: Trend, share: float) -> str:
        """ "Seitenaufrufe in den letzten 28 Tagen: 60 % davon in den letzten 7 Tagen (zunehmend)"."""
        lately, before = within(feature.window), within(feature.against)
        if share == 0:
            return f"{no(feature)}{_where(feature)} {lately}, wohl aber {before}"
        usual = (feature.window or 0) / feature.against
        pace = "zunehmend" if share > usual else "abnehmend" if share < usual else "gleichbleibend"
        return f"{nouns(feature)}{_where(feature)} {before}: {part(share)} {lately} ({pace})"

    def ratio(self, feature: Ratio, ratio: float) -> str:
        """ "im Schnitt 0,4 Mailklicks pro erhaltene Mail in den letzten 90 Tagen"."""
        these, of, where = nouns(feature), Feature(feature.per), _where(feature)
        if ratio == 0:
            return f"{_inside(no(feature) + where, feature.window)}, wohl aber {nouns(of)}"
        if feature.per is None:
            much = {"alle": "nur", "fast alle": "fast nur"}.get(part(ratio), part(ratio))
            return f"{nouns(of)}{where} {within(feature.window)}: {much} {these}"
        if number(ratio) == "1":
            about = "ebenso" if ratio == 1 else "etwa ebenso"
            return f"{about} viele {these} wie {nouns(of)}{where} {within(feature.window)}"
        return f"im Schnitt {number(ratio)} {these} pro {nouns(of, 2)}{where} {within(feature.window)}"

    def gaps(self, lead: Feature, mean: float | None, spread: float | None, last: float | None) -> str:
        """ "Seitenaufrufe im durchschnittlichen Abstand von 3 Tagen, zuletzt im Abstand von 5 Tagen"."""
        parts = []
        if mean is not None:
            parts.append(f"im durchschnittlichen Abstand von {span(mean)}")
        if spread is not None:
            parts.append(f"{'mit' if parts else 'in Abständen mit'} Schwankungen von {span(spread)}")
        if last is not None:
            parts.append(f"zuletzt im Abstand von {span(last)}")
        return f"{nouns(lead)}{_where(lead)} {', '.join(parts)} ({within(lead.window)})"

    def rhythm(
        self, lead: Feature, hours: tuple[int, int, float] | None, weekdays: Sequence[tuple[Sequence[int], float]]
    ) -> str:
        """ "Aktivitäten in den letzten 12 Monaten: 45 % davon zwischen 06:00 und 12:00 Uhr (UTC)"."""
        parts = [(value, _on(days)) for days, value in weekdays]
        if hours is not None:
            parts.insert(0, (hours[2], f"zwischen {hours[0]:02}:00 und {hours[1]:02}:00 Uhr (UTC)"))
        (value, when), *others = parts
        text = f"{nouns(lead)}{_where(lead)} {within(lead.window)}: {part(value)} {when}"
        return text + "".join(f", {share(value)} {when}" for value, when in others)

    def rest(self, number: int) -> str:
        """ "12 kleinere Einflüsse zusammen"."""
        return "1 kleinerer Einfluss" if number == 1 else f"{number} kleinere Einflüsse zusammen"

    def changed(self, before: str | None, after: str | None, same_model: bool = False) -> str:
        """ "Hat vor 1 Tag eine Mail geöffnet (vorher: hat bisher keine Mail geöffnet)"."""
        if after is None:
            now = "Jetzt unter den kleineren Einflüssen" if same_model else "Nicht mehr betrachtet"
            return f"{now} (vorher: {_inner(str(before))})"
        if before is None:
            return f"{after} (vorher {'unter den kleineren Einflüssen' if same_model else 'nicht betrachtet'})"
        return f"{after} ({'wie vorher' if before == after else 'vorher: ' + _inner(before)})"

    def other_start(self) -> str:
        """The other model's start."""
        return "Das Modell selbst ist ein anderes: Der Ausgangspunkt für alle hat sich verschoben"

    def question(self, conversion: Conversion) -> str:
        """ "Wird dieser MQL innerhalb von 30 Tagen einen Termin wahrnehmen?"."""
        days = conversion.horizon / DAY
        inside = f"innerhalb von {f'{days:g}'.replace('.', ',')} {'Tag' if days == 1 else 'Tagen'}"
        start, goal = conversion.start, conversion.goal
        if start in _SUBJECTS and goal in _DEEDS:
            return f"Wird {_SUBJECTS[start]} {inside} {_DEEDS[goal]}?"
        return f"Wird dieser Kontakt {inside} von „{spoken(start)}“ zu „{spoken(goal)}“ gelangen?"

    def status(self, status: str, start: str, goal: str, reach: int) -> str:
        """Why there is no score."""
        start, goal = spoken(start), spoken(goal)
        return {
            "unknown": "Über diesen Kontakt ist zu diesem Zeitpunkt nichts bekannt.",
            "not_entered": f"Dieser Kontakt hatte zu diesem Zeitpunkt die Stufe „{start}“ noch nicht erreicht.",
            "converted": f"Dieser Kontakt hatte zu diesem Zeitpunkt die Stufe „{goal}“ bereits erreicht.",
            "long_ago": f"Dieser Kontakt hat die Stufe „{start}“ vor mehr als {duration(reach)} erreicht: Aus "
            "solchen Fällen hat das Modell nichts gelernt, keine Zahl wäre ehrlich.",
            "ended": f"Der Weg dieses Kontakts von „{start}“ zu „{goal}“ war zu diesem Zeitpunkt bereits zu Ende.",
        }[status]

    def no_model(self, conversion: str) -> str:
        """That there is no model."""
        return f"Für {conversion} ist noch kein Modell freigegeben."


def _where(feature: Feature) -> str:
    return " im Unternehmen" if feature.level == "account" else ""


def _inside(what: str, window: int | None) -> str:
    """ "keine Seitenaufrufe in den letzten 7 Tagen", "bisher keine Seitenaufrufe"."""
    return f"bisher {what}" if window is None else f"{what} {within(window)}"


def _bare(seen: Seen) -> str:
    """How often and when, without a verb: "in den letzten 7 Tagen 3-mal, zuletzt vor 2 Stunden"."""
    if not seen.happened:
        return f"{within(seen.silent)} nicht"
    window, times = seen.first_count
    if times <= 1 and seen.last:
        return ago(seen.last) + _more(seen)
    often = f"{times}-mal" if times else "mindestens 1-mal"
    return (f"{within(window)} {often}" if window else often) + _more(seen)


def _more(seen: Seen) -> str:
    """ ", zuletzt vor 2 Stunden"; ", insgesamt 9-mal" where it was once lately."""
    _, times = seen.first_count
    if times > 1:
        return f", zuletzt {ago(seen.last)}" if seen.last else ""
    if times and seen.more:
        widest, most = seen.more
        return f", {in_all(widest)} {most}-mal"
    return f", zuerst vor {whole(seen.since)}" if not times and not seen.last and seen.since else ""


def _added(extras: Sequence[Extra]) -> str:
    """ " (zuletzt: demo; größter Wert 20)"."""
    said = {
        "last": lambda one: f"zuletzt: {_RARE if one.name is None else spoken(one.name)}",
        "last_value": lambda one: f"letzter Wert {number(one.value)}",
        "smallest": lambda one: f"kleinster Wert {number(one.value)}",
        "largest": lambda one: f"größter Wert {number(one.value)}",
        "distinct": lambda one: f"{int(one.value)} verschiedene {within(one.window)}",
        "total": lambda one: f"Summe {in_all(one.window)}: {number(one.value)}",
    }
    return f" ({'; '.join(said[one.kind](one) for one in extras)})" if extras else ""


def _on(weekdays: Sequence[int]) -> str:
    if list(weekdays) == [5, 6]:
        return "am Wochenende"
    *first, last = [_WEEKDAYS[day] for day in weekdays]
    return f"{', '.join(first)} und {last}" if first else last


def _inner(sentence: str) -> str:
    """The sentence within another: nouns and names keep their capital."""
    first = sentence.partition(" ")[0]
    return sentence[0].lower() + sentence[1:] if first in _SMALL else sentence

"""English sentences: "Viewed the pricing page 3 times in the last 7 days, last 2 hours ago"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engagement.funnel import Conversion
from features.declare import AsOf, Feature, Ratio, Trend
from features.words.english_spans import (
    ago,
    duration,
    every,
    in_all,
    number,
    part,
    share_of,
    since,
    span,
    whole,
    within,
)
from features.words.english_verbs import deed, is_known, not_done, nouns, plural, spoken
from features.words.facts import Extra, Seen, category
from features.words.language import Language

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_RARE = "a rarely seen one"
_FEWER = {1: "no", 2: "fewer than two", 3: "fewer than three"}


class English(Language):
    """English."""

    code = "en"

    def deed(self, lead: Feature, seen: Seen, extras: Sequence[Extra]) -> str:
        """ "viewed the pricing page 3 times in the last 7 days, last 2 hours ago (last: demo)"."""
        whose = ("the account " if is_known(lead) else "account: ") if lead.level == "account" else ""
        if not seen.happened:
            return f"{whose}{not_done(lead)} {within(seen.silent)}" + _added(extras)
        window, times = seen.first_count
        text, last = whose + deed(lead, times or None), since(seen.last)
        inside = "" if window is None else f" {within(window)}"
        if times > 1:
            return text + inside + (f", last {last}" if last else "") + _added(extras)
        text += f" {last}" if last else inside
        if times and seen.more:  # once lately, more often before
            widest, most = seen.more
            text += f", {most} times {in_all(widest)}"
        elif not times and not last and seen.since:
            text += f", first {whole(seen.since)} ago"
        return text + _added(extras)

    def anything(self, lead: Feature, seen: Seen) -> str:
        """ "4 activities in the last 7 days, last 2 hours ago, known for 12 days"."""
        whose = _whose(lead)
        if not seen.happened:
            return f"{whose}no activity {within(seen.silent)}"
        parts = []
        if seen.counts:
            window, times = seen.first_count
            counted = plural(times, "activity", "activities")
            parts.append(counted if window is None else f"{counted} {within(window)}")
        if seen.last:
            parts.append(f"last {since(seen.last)}" if parts else f"last active {since(seen.last)}")
        if seen.since:
            parts.append(f"known for {whole(seen.since)}")
        return whose + (", ".join(parts) or "active")

    def attribute(self, feature: AsOf, value: float) -> str:
        """ "job level: vp"."""
        name = spoken(str(feature.type)) + (" of the account" if feature.level == "account" else "")
        if math.isnan(value):
            return f"{name}: unknown"
        if not feature.categories:
            return f"{name}: {number(value)}"
        known = category(feature.categories, value)
        return f"{name}: {_RARE if known is None else spoken(known)}"

    def colleagues(self, feature: Feature, number: int) -> str:
        """ "2 colleagues were active in the last 7 days"."""
        with_ = "" if is_known(feature) else "with "
        did = "was active" if feature.type is None else with_ + deed(feature, None)
        who = f"{number} colleagues" if number > 1 else "1 colleague" if number else "no colleague"
        return f"{who} {did.replace('was ', 'were ', 1) if number > 1 else did} {within(feature.window)}"

    def stage(self, feature: Feature, days: float) -> str:
        """ "became an MQL 3 days ago"."""
        return _whose(feature) + (
            f"{not_done(feature)} so far" if math.isnan(days) else f"{deed(feature, None)} {ago(days)}"
        )

    def silence(self, feature: Feature, window: int | None, fewer_than: int = 1) -> str:
        """ "no page views in the last 28 days"."""
        return f"{_whose(feature)}{_FEWER[fewer_than]} {nouns(feature)} {within(window)}"

    def trend(self, feature: Trend, share: float) -> str:
        """ "60% of the page views in the last 28 days came in the last 7 days (picking up)"."""
        lately, before = within(feature.window), within(feature.against)
        if share == 0:
            return f"{_whose(feature)}no {nouns(feature)} {lately}, though some {before}"
        usual = (feature.window or 0) / feature.against
        pace = "picking up" if share > usual else "slowing down" if share < usual else "a steady pace"
        return f"{_whose(feature)}{part(share)} the {nouns(feature)} {before} came {lately} ({pace})"

    def ratio(self, feature: Ratio, ratio: float) -> str:
        """ "0.4 email clicks for each of the sent mails in the last 90 days"."""
        whose, these, of = _whose(feature), nouns(feature), nouns(Feature(feature.per))
        inside = within(feature.window)
        if ratio == 0:
            return f"{whose}no {these} {inside}, though there were {of}"
        if feature.per is None:
            return f"{whose}{part(ratio)} the {of} {inside} were {these}"
        if number(ratio) == "1":
            return f"{whose}{'' if ratio == 1 else 'about '}as many {these} as {of} {inside}"
        return f"{whose}{number(ratio)} {these} for each of the {of} {inside}"

    def gaps(self, lead: Feature, mean: float | None, spread: float | None, last: float | None) -> str:
        """ "page views every 3 days on average, give or take 2 days, 5 days between the last two"."""
        these, parts = nouns(lead), []
        if mean is not None:
            parts.append(f"{these} {every(mean)} on average")
        if spread is not None:
            how = "give or take" if parts else f"times between {these} that vary by"
            parts.append(f"{how} {span(spread)}")
        if last is not None:
            parts.append(f"{span(last)} between the last two" + ("" if parts else f" {these}"))
        return f"{_whose(lead)}{', '.join(parts)} ({within(lead.window)})"

    def rhythm(
        self, lead: Feature, hours: tuple[int, int, float] | None, weekdays: Sequence[tuple[Sequence[int], float]]
    ) -> str:
        """ "45% of the activities in the last 12 months came between 06:00 and 12:00 UTC, 10% at the weekend"."""
        parts = [(share, _on(days)) for days, share in weekdays]
        if hours is not None:
            parts.insert(0, (hours[2], f"between {hours[0]:02}:00 and {hours[1]:02}:00 UTC"))
        (share, when), *others = parts
        text = f"{_whose(lead)}{part(share)} the {nouns(lead)} {within(lead.window)} came {when}"
        return text + "".join(f", {share_of(share)} {when}" for share, when in others)

    def rest(self, number: int) -> str:
        """ "12 smaller things together"."""
        return "1 smaller thing" if number == 1 else f"{number} smaller things together"

    def changed(self, before: str | None, after: str | None, same_model: bool = False) -> str:
        """ "Opened a mail 1 day ago (before: has not opened a mail so far)"."""
        if after is None:
            now = "Now among the smaller things" if same_model else "No longer looked at"
            return f"{now} (before: {_inner(str(before))})"
        if before is None:
            return f"{after} (before: {'among the smaller things' if same_model else 'not looked at'})"
        return f"{after} ({'as before' if before == after else 'before: ' + _inner(before)})"

    def other_start(self) -> str:
        """The other model's start."""
        return "The model itself changed: everyone starts elsewhere"

    def question(self, conversion: Conversion) -> str:
        """ "Will this MQL hold a meeting within 30 days?"."""
        return conversion.question

    def status(self, status: str, start: str, goal: str, reach: int) -> str:
        """Why there is no score."""
        start, goal = start.replace("_", " "), goal.replace("_", " ")
        return {
            "unknown": "Nothing is known of this contact at that time.",
            "not_entered": f"This contact had not reached the stage {start} at that time.",
            "converted": f"This contact had already reached the stage {goal} at that time.",
            "long_ago": f"This contact reached the stage {start} more than {duration(reach)} ago: the model learnt "
            "from nothing like it, so no number would be honest.",
            "ended": f"This contact's way from {start} to {goal} had already ended at that time.",
        }[status]

    def no_model(self, conversion: str) -> str:
        """That there is no model."""
        return f"No model was promoted for {conversion} yet."


def _whose(feature: Feature) -> str:
    return "account: " if feature.level == "account" else ""


def _added(extras: Sequence[Extra]) -> str:
    """ " (last: demo; largest 20)"."""
    said = {
        "last": lambda one: f"last: {_RARE if one.name is None else spoken(one.name)}",
        "last_value": lambda one: f"last value {number(one.value)}",
        "smallest": lambda one: f"smallest {number(one.value)}",
        "largest": lambda one: f"largest {number(one.value)}",
        "distinct": lambda one: f"{int(one.value)} different ones {within(one.window)}",
        "total": lambda one: f"{number(one.value)} {in_all(one.window)}",
    }
    return f" ({'; '.join(said[one.kind](one) for one in extras)})" if extras else ""


def _on(weekdays: Sequence[int]) -> str:
    if list(weekdays) == [5, 6]:
        return "at the weekend"
    *first, last = [_WEEKDAYS[day] for day in weekdays]
    return "on " + (f"{', '.join(first)} and {last}" if first else last)


def _inner(sentence: str) -> str:
    """The sentence within another: without its capital, unless it begins with a short name such as MQL."""
    return sentence[0].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence

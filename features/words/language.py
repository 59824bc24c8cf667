"""What a language must be able to say. Every sentence comes without its capital letter.

`wording` finds out what is to be said; a language knows nothing of columns, only of declarations and facts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from engagement.funnel import Conversion
from features.declare import AsOf, Feature, Ratio, Trend
from features.words.facts import Extra, Seen


class Language(ABC):
    """One language: `code` as in `mqm.toml` and in an `Accept-Language` header."""

    code: ClassVar[str]

    @abstractmethod
    def deed(self, lead: Feature, seen: Seen, extras: Sequence[Extra]) -> str:
        """What was done how often and when, or that it was not done."""

    @abstractmethod
    def anything(self, lead: Feature, seen: Seen) -> str:
        """How much was done of whatever kind, when, and since when the contact (or account) is known."""

    @abstractmethod
    def attribute(self, feature: AsOf, value: float) -> str:
        """A name and its value; NaN is unknown."""

    @abstractmethod
    def colleagues(self, feature: Feature, number: int) -> str:
        """How many others of the account did it within the window."""

    @abstractmethod
    def stage(self, feature: Feature, days: float) -> str:
        """When the stage was entered; NaN: not yet."""

    @abstractmethod
    def silence(self, feature: Feature, window: int | None, fewer_than: int = 1) -> str:
        """That there were no such events (or fewer than so many) within the window."""

    @abstractmethod
    def trend(self, feature: Trend, share: float) -> str:
        """Which share of the longer window's events came in the shorter one, and which way that goes."""

    @abstractmethod
    def ratio(self, feature: Ratio, ratio: float) -> str:
        """How many events there were for each of another type."""

    @abstractmethod
    def gaps(self, lead: Feature, mean: float | None, spread: float | None, last: float | None) -> str:
        """How far apart events are, in days, as far as known."""

    @abstractmethod
    def rhythm(
        self, lead: Feature, hours: tuple[int, int, float] | None, weekdays: Sequence[tuple[Sequence[int], float]]
    ) -> str:
        """Which shares of the events came between two hours of the day, and on which weekdays."""

    @abstractmethod
    def rest(self, number: int) -> str:
        """So many smaller things taken together."""

    @abstractmethod
    def changed(self, before: str | None, after: str | None, same_model: bool = False) -> str:
        """What is so now and was before, from two sentences.

        None: that model did not look at it, or, of the same model, it was among the smaller things.
        """

    @abstractmethod
    def other_start(self) -> str:
        """That the log-odds from which everyone starts are another model's."""

    @abstractmethod
    def question(self, conversion: Conversion) -> str:
        """The question that a probability of the conversion answers."""

    @abstractmethod
    def status(self, status: str, start: str, goal: str, reach: int) -> str:
        """Why there is no score: "unknown", "not_entered", "converted", "long_ago" or "ended".

        Args:
            start, goal: stages. reach: how long (microseconds) after the entry a score can be given.
        """

    @abstractmethod
    def no_model(self, conversion: str) -> str:
        """That there is no model for the conversion yet."""


def capital(text: str) -> str:
    """The sentence with its capital letter."""
    return text[0].upper() + text[1:]

"""Questions that wait at the same moment are answered together, and each gets its own answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from engagement.errors import BadInput
from models.score import Score
from serving.intake import Question
from serving.together import MOST, Together


def question(name: str) -> Question:
    return Question("mql_to_meeting", name, 0)


class Fake:
    """Answers with a score that names its contact and language; refuses "poison"."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def __call__(self, questions: Sequence[Question], language: str) -> list[Score | None]:
        names = [one.contact_id for one in questions]
        self.groups.append(names)
        if "poison" in names:
            raise BadInput("poison")
        return [Score("scored", one.contact_id, one.conversion, language, one.as_of) for one in questions]


def test_those_that_wait_together_are_answered_together_and_each_in_its_language() -> None:
    fake = Fake()
    together = Together(fake)

    async def ask() -> list[Score | None]:
        return await asyncio.gather(
            *(together.ask(question(f"c-{n}"), "de" if n % 4 == 0 else "en") for n in range(8))
        )

    found = asyncio.run(ask())
    assert [(score.contact_id, score.question) for score in found if score] == [
        (f"c-{n}", "de" if n % 4 == 0 else "en") for n in range(8)
    ]
    assert sorted(map(len, fake.groups)) == [2, 6]


def test_a_group_is_no_larger_than_it_may_be() -> None:
    fake = Fake()
    together = Together(fake)

    async def ask() -> None:
        await asyncio.gather(*(together.ask(question(f"c-{n}"), "en") for n in range(MOST + 3)))

    asyncio.run(ask())
    assert [len(group) for group in fake.groups] == [MOST, 3]


def test_a_turn_lasts_as_long_as_what_else_the_loop_had_to_do() -> None:
    together = Together(Fake())

    async def rounds() -> int:
        waiting = [asyncio.create_task(together.ask(question(f"c-{n}"), "en")) for n in range(5 * MOST)]
        count = 0
        while not all(one.done() for one in waiting):
            time.sleep(0.02)  # as if many others were turned away
            await asyncio.sleep(0)
            count += 1
        return count

    assert asyncio.run(rounds()) <= 4  # one group a round, after four rounds of looking around, would be nine


def test_one_that_cannot_be_answered_does_not_fail_the_others() -> None:
    together = Together(Fake())

    async def ask() -> list[object]:
        names = ("c-1", "poison", "c-2")
        return await asyncio.gather(*(together.ask(question(one), "en") for one in names), return_exceptions=True)

    first, refused, last = asyncio.run(ask())
    assert isinstance(refused, BadInput)
    assert isinstance(first, Score)
    assert isinstance(last, Score)
    assert (first.contact_id, last.contact_id) == ("c-1", "c-2")


def test_who_goes_away_does_not_take_the_others_along() -> None:
    together = Together(Fake())

    async def ask() -> Score | None:
        gone = asyncio.create_task(together.ask(question("gone"), "en"))
        stays = asyncio.create_task(together.ask(question("stays"), "en"))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    found = asyncio.run(ask())
    assert found is not None
    assert found.contact_id == "stays"


def test_a_line_that_takes_too_long_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.together.ALWAYS", 5)
    monkeypatch.setattr("serving.together.TURN", 0.0)
    together = Together(Fake())

    async def ask() -> list[bool]:
        await together.ask(question("first"), "en")  # now it knows how long one takes
        waiting = [asyncio.create_task(together.ask(question(str(n)), "en")) for n in range(5)]
        before = together.full
        await asyncio.sleep(0)
        among = together.full
        await asyncio.gather(*waiting)
        return [before, among, together.full]

    assert asyncio.run(ask()) == [False, True, False]

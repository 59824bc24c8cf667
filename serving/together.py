"""Questions that wait at the same moment are answered together: one look into the log, one pass of the kernel.

Sixteen callers whose questions came in while others were answered cost little more than a third of what they would
one by one. Nobody can tell: a batch's scores are those of its rows, to the last bit. Who asks alone does not wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.score import Score
from serving.intake import Question
from serving.limits import ALWAYS, TURN

#: Questions answered at a time.
MOST = 32
#: Rounds of the loop between a first question and its answer: one that is being read meanwhile comes along. A round
#: in which nothing else happens takes some 20 µs; when rounds take so long (seconds), there is company enough.
PASSES, LONG = 4, 0.005

#: The scores of some questions, told in a language; None for a conversion without a model.
Answer = Callable[[Sequence[Question], str], Sequence[Score | None]]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    question: Question
    language: str
    done: asyncio.Future[Score | None]


class Together:
    """The questions of one event loop.

    Between two turns the loop does what else is asked of it, and a turn lasts as long as that took: however many are
    turned away meanwhile, those who were let in have half of the loop.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._waiting: deque[_Asked] = deque()
        self._pace, self._since = 0.0, 0.0

    @property
    def full(self) -> bool:
        """Whether so many wait that another would wait for too long (see `serving.limits`), with half of the loop."""
        return len(self._waiting) >= ALWAYS and 2 * len(self._waiting) * self._pace > TURN

    async def ask(self, question: Question, language: str) -> Score | None:
        """The score of a question."""
        loop = asyncio.get_running_loop()
        asked = _Asked(question, language, loop.create_future())
        if not self._waiting:
            self._since = time.perf_counter()
            loop.call_soon(self._pass, loop, PASSES)
        self._waiting.append(asked)
        return await asked.done

    def _pass(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        """Lets the loop go round, then answers."""
        if left and time.perf_counter() - self._since < LONG:
            loop.call_soon(self._pass, loop, left - 1)
        else:
            self._turn(loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answers those who came first; `loop` comes back for the others."""
        began, answered = time.perf_counter(), 0
        end = began + (began - self._since)
        while self._waiting and (not answered or time.perf_counter() < end):
            group = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            for language in {asked.language for asked in group}:
                self._tell([asked for asked in group if asked.language == language], language)
            answered += len(group)
        self._since = time.perf_counter()
        self._pace = (self._since - began) / answered
        if self._waiting:
            loop.call_soon(self._turn, loop)

    def _tell(self, group: Sequence[_Asked], language: str) -> None:
        try:
            scores = self._answer([asked.question for asked in group], language)
        except Exception as error:
            if len(group) > 1:  # one's trouble is not the others'
                for asked in group:
                    self._tell([asked], language)
            elif not group[0].done.done():
                group[0].done.set_exception(error)
            return
        for asked, score in zip(group, scores, strict=True):
            if not asked.done.done():  # who asked may have gone away
                asked.done.set_result(score)

"""What a running service holds: keys, models, the log and its writer, one thread for long work, the clock."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

from engagement.errors import MqmError
from engagement.funnel import Conversion
from engagement.ledger import Ledger
from serving.keys import KeyRing
from serving.limits import RateLimit, Turns
from serving.metrics import Metrics
from serving.problems import Problem
from serving.recorder import Given, Recorder
from serving.scorer import HistoryLog, answer_many
from serving.shelf import POLL, Shelf
from serving.together import Together
from serving.writer import AppendableLog, Writer

#: A body above this many bytes is worked on beside the event loop.
LARGE = 64 * 1024
#: Large requests that may wait for their thread.
MOST_WAITING = 32

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("mqm.serving")


class ServiceLog(HistoryLog, AppendableLog, Protocol):
    """The log behind the service: read, appended to, closed."""

    def close(self) -> None:
        """Closes it."""
        ...


class Companion(Protocol):
    """What works beside the doors, in a thread of its own."""

    def heard(self, group: Sequence[Given]) -> None:
        """These scores were given, and are in the ledger."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


@dataclass
class State:
    """The parts of one worker. Nothing runs before `start`; `close` writes what waits.

    Attributes:
        open_log: opens the log; tried again every `POLL` seconds while it fails. open_ledger: likewise.
        clock: now, in microseconds UTC.
        language: that of the sentences where a request does not ask for another.
        beside: what else works in this worker: each is made from the state, hears of scores given, and is closed.
        settled: called once, after the first look at the champions (`serving.steady`).
    """

    conversions: Mapping[str, Conversion]
    keys: KeyRing
    rates: RateLimit
    shelf: Shelf
    open_log: Callable[[], ServiceLog]
    open_ledger: Callable[[], Ledger]
    clock: Callable[[], int]
    language: str = "en"
    settled: Callable[[], None] = lambda: None
    metrics: Metrics = field(default_factory=Metrics)
    beside: Sequence[Callable[[State], Companion]] = ()
    turns: Turns = field(default_factory=Turns)
    together: Together = field(init=False)
    _log: ServiceLog | None = None
    _writer: Writer | None = None
    _recorder: Recorder | None = None
    _companions: list[Companion] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "mqm-long"))
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "mqm-reading"))
    _waiting: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.together = Together(lambda some, language: answer_many(some, self.shelf.models, self.log, language))

    def start(self) -> None:
        """Opens the log and loads the models in a thread, so that /livez answers meanwhile; then watches."""
        threading.Thread(target=self._run, name="mqm-models", daemon=True).start()

    def prepare(self) -> None:
        """Opens the log and loads the models, now.

        Raises:
            MqmError: the log cannot be opened.
        """
        if self._log is None:
            opened = self.open_log()
            self._writer, self._log = Writer(opened), opened
        if self._recorder is None:
            self._recorder = Recorder(self.open_ledger(), self.heard, self.metrics.unrecorded.inc)
            self._companions = [make(self) for make in self.beside]
        self.shelf.refresh()

    def close(self) -> None:
        """Ends the threads; what was queued is on disk when this returns."""
        self._stop.set()
        self.shelf.close()
        if self._writer is not None:
            self._writer.close()
        self._pool.shutdown()
        self._readers.shutdown()
        if self._recorder is not None:
            self._recorder.close()
            for companion in self._companions:
                companion.close()
            self._recorder.ledger.close()
        if self._log is not None:
            self._log.close()

    @property
    def log(self) -> ServiceLog:
        """The log.

        Raises:
            Problem: 503 while it is not open.
        """
        if self._log is None:
            raise _starting()
        return self._log

    @property
    def writer(self) -> Writer:
        """The writer to the log.

        Raises:
            Problem: 503 while the log is not open.
        """
        if self._writer is None:
            raise _starting()
        return self._writer

    @property
    def recorder(self) -> Recorder:
        """The recorder of scores.

        Raises:
            Problem: 503 while the ledger is not open.
        """
        if self._recorder is None:
            raise _starting()
        return self._recorder

    def heard(self, group: Sequence[Given]) -> None:
        """Tells all who work beside what was given and is in the ledger."""
        self.metrics.given([given.score for given in group])
        for companion in self._companions:
            companion.heard(group)

    def missing(self) -> str | None:
        """What keeps the service from being ready, as a sentence; None when it is ready."""
        if self._log is None or self._recorder is None:
            return "The log is not open yet."
        if not self.shelf.models:
            return "No model is loaded yet: the service is starting, or nothing was promoted (mqm promote)."
        try:
            self._log.history("")
        except Exception as error:
            return f"The log does not answer: {type(error).__name__}."
        return None

    async def aside(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs long work in the one thread for it, so that the event loop stays free.

        Raises:
            Problem: 503: too much waits for it already.
        """
        if self._waiting >= MOST_WAITING:
            raise Problem(503, "overloaded", "Too many large requests wait.", headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._waiting -= 1

    async def reading(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a look into the ledger beside the event loop, and not behind long work."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: work(*args, **kwargs))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.prepare()
                break
            except (MqmError, OSError) as error:
                log.error("log not open", extra={"error": type(error).__name__, "detail": str(error)})
                self._stop.wait(POLL)
        self.settled()
        self.shelf.watch()


def _starting() -> Problem:
    detail = "The log is not open yet; ask /readyz."
    return Problem(503, "starting", detail, headers={"Retry-After": "2"})

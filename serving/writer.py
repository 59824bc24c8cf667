"""Group commit: one thread writes to the log, many requests' events in one durable transaction.

A request's future is done when its events are on disk, never before. The futures of a group are handed to the event
loop together: waking it up for each costs more than the event itself.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from engagement.errors import BadInput
from engagement.events import Attribute, Event, Told

#: Rows in one transaction, and requests that may wait before new ones are turned away.
MAX_ROWS = 2_000
MAX_WAITING = 1_000


class Appended(Protocol):
    """What `append` of the log returns, as far as the writer needs it."""

    @property
    def statuses(self) -> tuple[str, ...]:
        """ "accepted", "duplicate" or "conflict" for each event, in order."""
        ...


class AppendableLog(Protocol):
    """A log that events can be added to; durable when `append` returns."""

    def append(self, events: Sequence[Event | Told], attributes: Sequence[Attribute] = ()) -> Appended:
        """Stores all, in one transaction."""
        ...

    def event(self, event_id: str) -> Event | None:
        """The event of that id."""
        ...


class Busy(Exception):
    """Too many requests wait for the log."""


#: What became of a request: a status for each of its events, or the error that kept all of them out.
Result = tuple[str, ...] | Exception


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    events: Sequence[Event | Told]
    attributes: Sequence[Attribute]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[tuple[str, ...]]


class Writer:
    """The one thread of a process that writes to the log. Close it to have everything written."""

    def __init__(self, log: AppendableLog) -> None:
        self._log = log
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="mqm-writer", daemon=True)
        self._thread.start()

    def submit(
        self, events: Sequence[Event | Told], attributes: Sequence[Attribute]
    ) -> asyncio.Future[tuple[str, ...]]:
        """Queues events and attributes, from within an event loop. The future holds a status for each event, in
        order; a caller that goes away does not take its events along.

        Raises:
            Busy: too many wait already, or the writer was closed.
        """
        if self._closed or self._jobs.qsize() >= MAX_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        job = _Job(events, attributes, loop, loop.create_future())
        self._jobs.put(job)
        return job.done

    def close(self) -> None:
        """Writes what waits, then ends the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                _tell(zip(group, self._write(group), strict=True))
            if last:
                return

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Waits for a job, and takes with it what else waits; whether the end was reached."""
        group: list[_Job] = []
        rows = 0
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            rows += len(job.events) + len(job.attributes)
            if rows >= MAX_ROWS:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, group: Sequence[_Job]) -> list[Result]:
        """Stores a group in one transaction; the result of each job."""
        try:
            events = [event for job in group for event in job.events]
            statuses = self._log.append(events, [row for job in group for row in job.attributes]).statuses
        except BadInput as error:
            if len(group) == 1:
                return [error]
            return [result for job in group for result in self._write([job])]  # one's trouble is not the others'
        except Exception as error:
            return [error] * len(group)
        results: list[Result] = []
        start = 0
        for job in group:
            end = start + len(job.events)
            results.append(statuses[start:end])
            start = end
        return results


def _tell(settled: Iterable[tuple[_Job, Result]]) -> None:
    """Hands the results to whoever waits for them, all those of a loop at once."""
    of_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Job, Result]]] = defaultdict(list)
    for job, result in settled:
        of_loop[job.loop].append((job, result))
    for loop, some in of_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, some)


def _settle(some: Iterable[tuple[_Job, Result]]) -> None:
    for job, result in some:
        if job.done.done():  # cancelled: who asked went away
            continue
        if isinstance(result, Exception):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)

"""Group commit: one thread writes to the log, many requests' events in one durable transaction.

A request's future is done when its events are on disk, never before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
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


@dataclass
class _Job:
    events: Sequence[Event | Told]
    attributes: Sequence[Attribute]
    done: Future[tuple[str, ...]] = field(default_factory=Future)


class Writer:
    """The one thread of a process that writes to the log. Close it to have everything written."""

    def __init__(self, log: AppendableLog) -> None:
        self._log = log
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_WAITING)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="mqm-writer", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[Event | Told], attributes: Sequence[Attribute]) -> Future[tuple[str, ...]]:
        """Queues events and attributes. The future holds a status for each event, in order.

        Raises:
            Busy: too many wait already, or the writer was closed.
        """
        job = _Job(events, attributes)
        job.done.set_running_or_notify_cancel()  # a caller that goes away does not take its events along
        if self._closed:
            raise Busy
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy from None
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
                self._write(group)
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

    def _write(self, group: list[_Job]) -> None:
        try:
            events = [event for job in group for event in job.events]
            statuses = self._log.append(events, [row for job in group for row in job.attributes]).statuses
        except BadInput as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            for job in group:  # one request's trouble is not the others'
                self._write([job])
            return
        except Exception as error:
            for job in group:
                job.done.set_exception(error)
            return
        start = 0
        for job in group:
            end = start + len(job.events)
            job.done.set_result(statuses[start:end])
            start = end

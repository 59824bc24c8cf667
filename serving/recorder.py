"""Scores on their way into the ledger: a thread writes what was given, some fifty milliseconds later, in groups.

An answer does not wait for it. A process that is killed loses what was given within that time, a stop loses
nothing; while the ledger cannot be written scores are still given, and counted as unrecorded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np

from engagement.errors import MqmError
from engagement.events import Attribute, Event
from engagement.ledger import Ledger, Record
from models.score import Block, Score

#: Seconds between two writes, scores in one, and scores that may wait.
PAUSE, GROUP, MOST = 0.05, 500, 20_000

log = logging.getLogger("mqm.serving")

History = tuple[list[Event], list[Attribute]]


class Given(NamedTuple):
    """A score as it was given: to which key, in which language, with which answer; `history` if it was given."""

    score_id: str
    score: Score
    scored_at: int
    answer: bytes
    language: str
    key_id: str
    history: History | None
    job_id: str | None = None
    place: int | None = None


class Recorder:
    """Writes scores to a ledger. Close it to have everything written.

    Args:
        written: called in the writing thread with each group that is in the ledger; `lost` with how many are not.
    """

    def __init__(
        self, ledger: Ledger, written: Callable[[Sequence[Given]], None], lost: Callable[[float], None]
    ) -> None:
        self.ledger, self._written, self._lost = ledger, written, lost
        self._waiting: dict[str, Given] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqm-recorder", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many scores are on their way."""
        return len(self._waiting)

    def add(self, given: Given) -> None:
        """Takes a score along."""
        if len(self._waiting) >= MOST:
            self._lost(1)
        else:
            self._waiting[given.score_id] = given

    def close(self) -> None:
        """Writes what waits, then ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        while group := list(islice(self._waiting.copy().values(), GROUP)):
            try:
                write(self.ledger, group)
            except Exception as error:  # the thread lives on: the next group may find room again
                self._lost(len(group))
                detail = str(error) if isinstance(error, MqmError) else ""
                log.error("scores unrecorded", extra={"error": type(error).__name__, "detail": detail})
            else:
                self._tell(group)
            for given in group:
                del self._waiting[given.score_id]

    def _tell(self, group: Sequence[Given]) -> None:
        try:
            self._written(group)
        except Exception as error:
            log.error("scores not told on", extra={"error": type(error).__name__})


def write(ledger: Ledger, group: Sequence[Given]) -> None:
    """Writes scores to a ledger, in one transaction."""
    blocks = {one.score.model_digest: block for one in group if (block := _block(one.score))}
    columns = [(digest, block.names.tolist()) for digest, block in blocks.items() if digest]
    ledger.record([record_of(one) for one in group], [one.key_id for one in group], columns)


def record_of(given: Given) -> Record:
    """The ledger's row of a score."""
    score, row = given.score, features_of(given.score)
    return Record(
        score_id=given.score_id,
        contact_id=score.contact_id,
        conversion=score.conversion,
        as_of=score.as_of,
        scored_at=given.scored_at,
        status=score.status,
        language=given.language,
        log_odds=score.log_odds,
        grade=score.grade,
        model_version=score.model_version,
        model_digest=score.model_digest,
        features_digest=None if row is None else features_digest(score, row),
        question=None if given.history is None else msgspec.json.encode(given.history),
        answer=given.answer,
        features=row,
        job_id=given.job_id,
        place=given.place,
    )


def features_of(score: Score) -> bytes | None:
    """The numbers that a score was made from, 64-bit floats; None where there is no score."""
    block = _block(score)
    return None if block is None else np.ascontiguousarray(block.values[score.reasons[0].row], "<f8").tobytes()


def features_digest(score: Score, row: bytes) -> str:
    """`sha256:…` of the columns' names and the row's bits."""
    block = _block(score)
    names = () if block is None else tuple(block.names.tolist())
    return "sha256:" + hashlib.sha256(_names_digest(names) + row).hexdigest()


@lru_cache(maxsize=16)
def _names_digest(names: tuple[str, ...]) -> bytes:
    return hashlib.sha256(json.dumps(names).encode()).digest()


def _block(score: Score) -> Block | None:
    return score.reasons[0].block if score.reasons else None

"""Challengers in the shadow: they score what champions scored, and only the metrics hear how far they are apart.

It happens afterwards, in a thread that takes at most a fifth of the time; what it does not get to it leaves out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from features.arrays import LogArrays
from models.calibration import inverse_logit
from models.score import grade_of
from serving.metrics import Metrics
from serving.recorder import Given
from serving.scorer import HistoryLog, log_odds
from serving.shelf import POLL, Shelf

#: Scores that may wait, and the share of the time that the thread may work.
MOST, SHARE = 1_000, 0.2

log = logging.getLogger("mqm.serving")


class Shadow:
    """Scores with the challengers of a shelf what was given."""

    def __init__(self, shelf: Shelf, history: HistoryLog, metrics: Metrics) -> None:
        self._shelf, self._history, self._metrics = shelf, history, metrics
        self._waiting: deque[Given] = deque(maxlen=MOST)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqm-shadow", daemon=True)
        self._thread.start()

    def heard(self, group: Sequence[Given]) -> None:
        """Takes along the scores for which there is a challenger."""
        known = self._shelf.models
        self._waiting.extend(one for one in group if one.score.conversion in known and one.score.probability)

    def close(self) -> None:
        """Ends the thread; what waits is left out."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.2
        looked = -POLL
        while not self._stop.wait(pause):
            began = time.perf_counter()
            if began - looked > POLL:
                self._shelf.refresh()
                looked = began
            for _ in range(min(len(self._waiting), 20)):
                try:
                    self.score(self._waiting.popleft())
                except Exception as error:  # a challenger may do as it likes
                    log.warning("challenger failed", extra={"error": type(error).__name__})
            pause = 0.2 + (time.perf_counter() - began) * (1 - SHARE) / SHARE

    def score(self, given: Given) -> None:
        """Scores one with its challenger, and counts how far it is apart."""
        score = given.score
        model = self._shelf.models.get(score.conversion)
        if model is None or score.probability is None:
            return
        history = given.history or self._history.history(score.contact_id)
        odds = log_odds(model, LogArrays.from_events(*history), [score.contact_id], np.array([score.as_of]))[0]
        if odds is not None:
            mine = np.array([odds])
            grade = grade_of(int(model.reference.percentile(mine)[0]))
            apart = abs(float(inverse_logit(mine)[0]) - score.probability)
            self._metrics.shadowed(score.conversion, grade == score.grade, apart)

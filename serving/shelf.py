"""The models in use: the champion of each conversion, looked for again and again, swapped as a whole.

A bundle that does not load is logged once and the model before it stays; every answer therefore names one model
that was verified. Readers take `models` once and see one state of the shelf.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engagement.errors import MqmError
from models.champions import Champion

if TYPE_CHECKING:
    from models.propensity import PropensityModel

#: Seconds between two looks at the champions.
POLL = 2.0

log = logging.getLogger("mqm.serving")


class Shelf:
    """Champions by conversion.

    Args:
        find: the champions as the registry's pointers name them now.
        load: a verified, warmed-up model from a champion; raises a named error when it is broken.
    """

    def __init__(
        self, find: Callable[[], Mapping[str, Champion]], load: Callable[[Champion], PropensityModel]
    ) -> None:
        self._find, self._load = find, load
        self._held: dict[str, tuple[str, str]] = {}
        self._broken: dict[str, tuple[str, str]] = {}
        self._stop = threading.Event()
        self.models: Mapping[str, PropensityModel] = {}

    def refresh(self) -> None:
        """Loads what was promoted since the last look and forgets what was withdrawn."""
        try:
            champions = self._find()
        except (MqmError, OSError, ValueError) as error:
            log.error("champions unreadable", extra={"error": type(error).__name__})
            return
        models = {name: model for name, model in self.models.items() if name in champions}
        for name, champion in champions.items():
            mark = (champion.version, champion.digest)
            if (self._held.get(name) == mark and name in models) or self._broken.get(name) == mark:
                continue
            try:
                models[name] = self._load(champion)
            except Exception as error:  # whatever a bundle does, the worker and its old model live on
                self._broken[name] = mark
                fields = {"conversion": name, "version": champion.version, "error": type(error).__name__}
                log.error("bundle refused", extra=fields)
                continue
            self._held[name] = mark
            self._broken.pop(name, None)
            log.info("model in use", extra={"conversion": name, "version": mark[0], "digest": mark[1]})
        self.models = models

    def watch(self) -> None:
        """Looks again every `POLL` seconds until `close`; runs in a thread of its own."""
        while not self._stop.wait(POLL):
            self.refresh()

    def close(self) -> None:
        """Ends the watch."""
        self._stop.set()

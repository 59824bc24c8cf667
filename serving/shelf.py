"""The models in use: the champion of each conversion, looked for again and again, swapped as a whole.

A bundle that does not load is logged and the model before it stays; every answer therefore names one model that
was verified. Readers take `models` once and see one state of the shelf.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engagement.errors import MqmError
from models.champions import Champion

if TYPE_CHECKING:
    from models.propensity import PropensityModel

#: Seconds between two looks at the champions.
POLL = 2.0
#: Seconds until a bundle that was refused is looked at again: it may have been mended meanwhile.
AGAIN = 60.0

log = logging.getLogger("mqm.serving")


class Shelf:
    """Champions by conversion.

    Args:
        find: the champions as the registry's pointers name them now.
        load: a verified, warmed-up model from a champion; raises a named error when it is broken.
        refused: called each time a bundle was refused.
        last_good: who was in use before this process began; stands in for one that is refused.
    """

    def __init__(
        self,
        find: Callable[[], Mapping[str, Champion]],
        load: Callable[[Champion], PropensityModel],
        last_good: Callable[[], Mapping[str, Champion]] = dict,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._find, self._load, self._last_good, self._tell = find, load, last_good, refused
        self._held: dict[str, Champion] = {}
        self._refused: dict[Champion, float] = {}
        self._stop = threading.Event()
        self.models: Mapping[str, PropensityModel] = {}

    def refresh(self) -> None:
        """Loads what was promoted since the last look and forgets what was withdrawn."""
        try:
            champions = self._find()
        except (MqmError, OSError, ValueError) as error:
            log.error("champions unreadable", extra={"error": type(error).__name__})
            if self.models:
                return
            champions = self._last_good()
        models = {name: model for name, model in self.models.items() if name in champions}
        for name, champion in champions.items():
            if self._held.get(name) == champion and name in models:
                continue
            for one in (champion, None if name in models else self._last_good().get(name)):
                model = self._loaded(one) if one is not None else None
                if one is not None and model is not None:
                    models[name], self._held[name] = model, one
                    break
        self.models = models

    def _loaded(self, champion: Champion) -> PropensityModel | None:
        """The model, or None when it is refused: whatever a bundle does, the worker and its old model live on."""
        if self._refused.get(champion, 0.0) > time.monotonic():
            return None
        fields = {"conversion": champion.conversion, "version": champion.version, "digest": champion.digest}
        try:
            model = self._load(champion)
        except Exception as error:
            self._refused[champion] = time.monotonic() + AGAIN
            self._tell()
            detail = str(error) if isinstance(error, MqmError) else ""
            log.error("bundle refused", extra={**fields, "error": type(error).__name__, "detail": detail})
            return None
        self._refused.pop(champion, None)
        log.info("model in use", extra=fields)
        return model

    def watch(self) -> None:
        """Looks again every `POLL` seconds until `close`; runs in a thread of its own."""
        while not self._stop.wait(POLL):
            self.refresh()

    def close(self) -> None:
        """Ends the watch."""
        self._stop.set()

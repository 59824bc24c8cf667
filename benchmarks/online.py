"""What a single explained score costs, step by step: decoded events → arrays → features → score with reasons."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from engagement.events import Attribute, Event
from engagement.settings import FeatureSettings
from engagement.times import DAY, HOUR
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.vocabulary import Vocabulary

_DETAILS = ("pricing", "blog", "docs", "home", "product")
_TYPES = ("page_view", "email_open", "email_click", "webinar_attended", "form_submitted")
_AS_OF = 1_000 * DAY


def run() -> None:
    """Prints microseconds for histories of 10, 50 and 500 events, and each as a ratio to the 10-event one."""
    log = LogArrays.from_events([e for k in range(60) for e in _history(f"c-{k}", 40)], _facts())
    features = derive_features(Vocabulary.of(log, _AS_OF), FeatureSettings(max_columns=100))
    print(
        f"{len(features.features)} columns\n{'events':>8} {'to arrays':>12} {'to features':>12}   (µs, median of 300)"
    )
    for number in (10, 50, 500):
        events = _history("c-1", number)
        arrays = LogArrays.from_events(events, _facts())
        decoded = median(partial(LogArrays.from_events, events, _facts()))
        computed = median(partial(features.compute, arrays, ["c-1"], [_AS_OF]))
        print(f"{number:>8} {decoded:>12.0f} {computed:>12.0f}")


def median(act: Callable[[], object], times: int = 300) -> float:
    """The median duration of a call, in microseconds."""
    act()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begin)
    return sorted(taken)[len(taken) // 2] * 1e6


def _history(contact: str, number: int) -> list[Event]:
    return [
        Event(
            f"{contact}-{i}", contact, "a-1", _TYPES[i % 5], _AS_OF - i * 7 * HOUR - 1, _AS_OF - i * 7 * HOUR, None,
            _DETAILS[i % 4],
        )
        for i in range(number)
    ]  # fmt: skip


def _facts() -> list[Attribute]:
    return [Attribute("c-1", None, "country", "DE", 0, 0), Attribute(None, "a-1", "industry", "retail", 0, 0)]

"""What the service counts, for Prometheus: requests by route, scores by grade, models, drift, queues.

Workers count into files of one folder (`PROMETHEUS_MULTIPROC_DIR`, which the door sets), and any of them answers
for all. What is read from this worker's own state (models, queues) is told by whoever is asked. No label ever holds
anything of a request.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from models.score import Score

MEDIA_TYPE = CONTENT_TYPE_LATEST
#: Scores that drift is told from: the last so many of each conversion.
RECENT = 1_000
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_POINTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

#: What a worker knows of itself when it is asked: name, help, and rows of labels and values.
Live = Callable[[], Iterable[tuple[str, str, list[tuple[dict[str, str], float]]]]]


class Metrics:
    """The counters of one worker, and the page that tells those of all."""

    def __init__(self, live: Live = tuple) -> None:
        self._registry = CollectorRegistry()
        self._live = live
        own = self._registry
        self._requests = Histogram(
            "mqm_request_seconds", "Seconds to answer.", ["route", "method", "status"], buckets=_SECONDS, registry=own
        )
        self._scores = Counter("mqm_scores", "Scores given.", ["conversion", "status", "grade"], registry=own)
        self.unrecorded = Counter("mqm_scores_unrecorded", "Scores given that are not in the ledger.", registry=own)
        self.refused = Counter("mqm_bundles_refused", "Times a promoted bundle was refused.", registry=own)
        self.webhooks = Counter("mqm_webhooks", "Attempts to deliver a webhook.", ["result"], registry=own)
        self._shadow = Counter("mqm_shadow_scores", "Scores of challengers.", ["conversion", "grade"], registry=own)
        self._apart = Histogram(
            "mqm_shadow_difference", "Champion's and challenger's probability apart.", ["conversion"],
            buckets=_POINTS, registry=own,
        )  # fmt: skip
        self._drift = Gauge(
            "mqm_score_drift_psi", "Population stability index of recent scores against the model's cohort.",
            ["conversion"], multiprocess_mode="mostrecent", registry=own,
        )  # fmt: skip
        self._routes: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._recent: dict[str, deque[int]] = {}

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is the template of its path, None when there is none."""
        key = (route or "none", method if method in _METHODS else "other", status)
        observe = self._routes.get(key)
        if observe is None:
            observe = self._routes[key] = self._requests.labels(key[0], key[1], str(status)).observe
        observe(seconds)

    def given(self, scores: Sequence[Score]) -> None:
        """Counts scores that were given, and follows their drift."""
        for score in scores:
            self._scores.labels(score.conversion, score.status, score.grade or "").inc()
            if score.score is not None:
                self._recent.setdefault(score.conversion, deque(maxlen=RECENT)).append(score.score)
        for name in {score.conversion for score in scores} & set(self._recent):
            self._drift.labels(name).set(stability(self._recent[name]))

    def shadowed(self, conversion: str, same_grade: bool, apart: float) -> None:
        """Counts a challenger's score beside the champion's."""
        self._shadow.labels(conversion, "same" if same_grade else "other").inc()
        self._apart.labels(conversion).observe(apart)

    def page(self) -> bytes:
        """All counters, of all workers, in Prometheus's text format."""
        registry = CollectorRegistry()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry = self._registry
        now = CollectorRegistry()
        now.register(_Now(self._live))
        return generate_latest(registry) + generate_latest(now)


class _Now:
    """What a worker knows of itself at the moment it is asked."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        for name, text, rows in self._live():
            family = GaugeMetricFamily(name, text, labels=list(rows[0][0]) if rows else [])
            for labels, value in rows:
                family.add_metric(list(labels.values()), value)
            yield family


def stability(percentiles: Sequence[int] | deque[int]) -> float:
    """The population stability index of percentiles (1 to 99) against ten equal classes; below 0.1 is steady."""
    counts = [0.5] * 10  # half a case in each, so that an empty one is no infinity
    for value in percentiles:
        counts[min((value - 1) // 10, 9)] += 1
    total = sum(counts)
    return math.fsum((count / total - 0.1) * math.log(count / total / 0.1) for count in counts)


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

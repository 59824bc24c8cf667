"""The watch: everything that is looked at, in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engagement.errors import NotEnoughData
from engagement.times import format_time
from features.arrays import LogArrays
from models.calibration import inverse_logit
from models.propensity import PropensityModel
from training.hold_out import Entrant, compute
from watch import outcomes, people, stream
from watch.looked import LEAST_WINDOWS, Looked
from watch.outcomes import Promised
from watch.windows import Windows

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Monitored:
    """What was found. `as_of` in microseconds UTC.

    Attributes:
        told: promises that the model has not learnt from (or the scores that were given), and what came of them.
        percentile: (rows of `told`,) their places in the model's reference cohort.
    """

    model: PropensityModel
    windows: Windows
    looks: tuple[Looked, ...]
    told: Promised
    percentile: npt.NDArray[np.int64]
    given: bool

    @cached_property
    def alarms(self) -> tuple[Looked, ...]:
        """The looks that are alarms, the surest first."""
        return tuple(sorted((one for one in self.looks if one.alarm), key=lambda one: -abs(one.sure)))

    @property
    def mature(self) -> Promised:
        """The promises whose horizon has passed."""
        return self.told.take(np.flatnonzero(self.told.mature))

    def to_json(self) -> dict[str, Any]:
        """As data."""
        mature = self.mature
        return {
            "conversion": self.model.conversion.name,
            "question": self.model.conversion.question,
            "model_version": self.model.version,
            "model_digest": self.model.digest,
            "as_of": format_time(self.windows.as_of),
            "window": self.windows.text,
            "windows_before": self.windows.before,
            "quiet": not self.alarms,
            "alarms": [one.to_json() for one in self.alarms],
            "looks": [one.to_json() for one in self.looks],
            "mature_rows": len(mature.rows),
            "promised": float(mature.probability.mean()) if len(mature.rows) else None,
            "came_true": float(mature.rows.converted.mean()) if len(mature.rows) else None,
        }


def monitor(
    arrays: LogArrays,
    entrant: Entrant,
    as_of: int,
    span: int,
    metrics: Mapping[str, float] | None = None,
    given: Promised | None = None,
) -> Monitored:
    """Looks at the log as known at `as_of`, in windows of `span` (both microseconds, UTC).

    Args:
        entrant: the champion. metrics: of its test part, for the lift that it had.
        given: scores that were given; without, the champion's promises are computed again.

    Raises:
        NotEnoughData: fewer windows than tell what is usual, or nobody in the stage.
    """
    windows = Windows(as_of, span, int(arrays.events.received.min()))
    if windows.before < LEAST_WINDOWS:
        cure = "Take shorter windows (--days), or wait."
        raise NotEnoughData(f"fewer than {LEAST_WINDOWS + 1} windows of {windows.text} in the log", None, cure)
    model = entrant.model
    rows = outcomes.every_row(arrays, model, as_of)
    told = given if given is not None else _unseen(arrays, entrant, rows, as_of)
    usual_lift = (metrics or {}).get("lift_at_10pct", float("nan"))
    looks = [
        *stream.looks(arrays, windows),
        *people.looks(arrays, model, rows, windows),
        *outcomes.looks(told, windows, usual_lift),
    ]
    odds = np.clip(told.probability, 1e-12, 1 - 1e-12)
    percentile = model.reference.percentile(np.log(odds / (1 - odds)))
    return Monitored(model, windows, tuple(looks), told, percentile, given is not None)


def _unseen(arrays: LogArrays, entrant: Entrant, rows: Any, as_of: int) -> Promised:
    """Promises for the rows that the champion has not learnt from; where it follows the recent rate, as it stands."""
    late = rows.take(np.flatnonzero(rows.cutoff >= entrant.learnt.test_start))
    odds = entrant.model.log_odds(compute(arrays, entrant.model.features, late))
    return outcomes.promised(arrays, late, inverse_logit(odds), entrant.model, as_of)

"""One thing that was looked at: how it is now, how it usually was, and whether that is an alarm.

Usual is what the windows before showed; how sure a difference is, is told in their spread (with what chance alone
would do as the least), so that a log with restless weeks is not cried over. An alarm needs both: to be surely
another, and by enough to matter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: So many standard errors away is surely another: weeks are few and their spread is itself a guess.
SURE = 6.0
#: With fewer windows before there is nothing to compare with.
LEAST_WINDOWS = 4

#: What to do about each kind of alarm.
CURES = {
    "volume": (
        "Ask who sends these events: a tracker, an import or a form may have changed. Until it is mended, "
        "columns made from them mislead; after a wanted change, retrain."
    ),
    "stopped": (
        "Find out why this type no longer arrives (tracker removed, export broken, renamed). Mend it and "
        "import what is missing; if it is gone for good, exclude it in mqm.toml and retrain."
    ),
    "repeated": (
        "The same events arrive more than once. Look for a second export or retries without the client's "
        "own event id; import each event once."
    ),
    "values": (
        "Look at what this value is measured in: currency, cents, a unit. Mend the source, or convert on import."
    ),
    "late": (
        "Events are known later than they used to be, so scores are made without them. Look at the export's schedule."
    ),
    "ahead": ("Events claim to have happened after they were received: a clock or a time zone is wrong. Send UTC."),
    "hours": "Events happen at other hours than before: a time zone may be wrong, or machines are at work.",
    "machines": (
        "Machines (privacy proxies, scanners) make another share of these events. They are left out of "
        "features; check that the marking is right, then retrain."
    ),
    "unseen": (
        "A source, page or value that the model never learnt. Its people are scored as unknown: retrain "
        "once some have become mature."
    ),
    "missing": (
        "This is filled in less often, or more often, than before. Look at the form or the enrichment behind it."
    ),
    "column": (
        "People look different in this column than those the model was judged on. If the log is right, retrain."
    ),
    "scores": (
        "The model promises another level than before. If no input is wrong, people have changed: compare "
        "with what comes true, and retrain."
    ),
    "base rate": (
        "More, or fewer, convert than was promised. mqm retrain --only-recalibrate is the cheap first answer."
    ),
    "calibration": "What was promised did not come true. Retrain (mqm retrain); its recalibration comes first.",
    "decay": ("The model no longer tells people apart as it did. Retrain; if that is refused, look at what changed."),
    "lift": "The top of the list is not worth what it was. Retrain; if that is refused, look at what changed.",
}


@dataclass(frozen=True)
class Looked:
    """A look.

    Attributes:
        kind: which of `CURES` helps. what: of which type, column or value.
        now, usual: the figures; sure: how many standard errors apart. series: the windows before, the oldest first.
    """

    kind: str
    what: str
    now: float
    usual: float
    sure: float
    alarm: bool
    text: str
    series: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As data, with what to do."""
        return {**asdict(self), "cure": CURES[self.kind] if self.alarm else None}


def against(before: Floats, now: float, least_spread: float = 0.0) -> tuple[float, float]:
    """(usual, how many standard errors now is away from it), from the windows before.

    Args:
        least_spread: what chance alone would make two windows differ by.
    """
    usual = float(np.median(before))
    spread = max(float(np.std(before, ddof=1)) * np.sqrt(1 + 1 / len(before)), least_spread, 1e-12)
    return usual, float((now - usual) / spread)

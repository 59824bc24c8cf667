"""Forecasts by adding probabilities up: how many of the open cases will convert within the horizon.

That is exact for calibrated probabilities of independent cases. Cases of one account share their outcome where
a conversion counts for the account; of those only the likeliest counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: A normal interval of this many standard deviations holds 80 %.
_EIGHTY = 1.2816


@dataclass(frozen=True)
class Forecast:
    """The expected number of conversions among `cases`, with an 80 % interval for chance alone."""

    cases: int
    expected: float
    low: float
    high: float


def forecast(probabilities: Sequence[float], groups: Sequence[str | None] | None = None) -> Forecast:
    """The forecast for open cases, each with its probability.

    Args:
        groups: (cases,) the account whose win counts once, None for a case of its own.
    """
    chances: list[float] = []
    of_group: dict[str, float] = {}
    for place, probability in enumerate(probabilities):
        group = groups[place] if groups is not None else None
        if group is None:
            chances.append(probability)
        else:
            of_group[group] = max(probability, of_group.get(group, 0.0))
    chances += of_group.values()
    expected = math.fsum(chances)
    spread = _EIGHTY * math.sqrt(math.fsum(p * (1 - p) for p in chances))
    return Forecast(len(chances), expected, max(0.0, expected - spread), min(len(chances), expected + spread))

"""One test of the gate, and how sure its tests want to be."""

from __future__ import annotations

from dataclasses import dataclass

#: In this share of the draws worse than the champion: surely worse. All slices together share this error rate. (So
#: that of twenty honest retrains, each tested thrice, hardly one is refused by chance.)
SURELY_WORSE = 0.999
#: In this share of the draws better: proof enough.
SURELY_BETTER = 0.95


@dataclass(frozen=True)
class Tested:
    """One test: what was found, what is allowed (None where there is no such number), and a sentence."""

    name: str
    passed: bool
    figure: float | None
    bound: float | None
    text: str

"""Two models side by side on the people of today: whose scores move, how far, and which reasons gained or lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engagement.errors import BadInput, NotEnoughData
from engagement.times import format_time
from features.arrays import LogArrays
from models.changes import Change, changes
from models.propensity import PropensityModel
from models.score import SCORED, Score
from training.gate_tests import stability_index

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moved:
    """One person's two scores, and what makes the difference, the largest part first."""

    before: Score
    after: Score
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Weighed:
    """A reason over all people: how much it pushes on average (mean size of its effect, in log-odds), and how much
    more it speaks for a conversion than before (mean of the differences)."""

    code: str
    before: float
    after: float
    difference: float


@dataclass(frozen=True)
class Compared:
    """Everyone who has a score from both; probabilities are (people,). `as_of` in microseconds UTC."""

    conversion: str
    versions: tuple[str, str]
    as_of: int
    before: Floats
    after: Floats
    regraded: dict[str, int]
    reasons: tuple[Weighed, ...]
    movers: tuple[Moved, ...]

    @property
    def rank_correlation(self) -> float:
        """How alike the two order people (Spearman); NaN where one promises everyone the same."""
        from scipy.stats import spearmanr

        if np.ptp(self.before) == 0 or np.ptp(self.after) == 0:
            return float("nan")
        return float(spearmanr(self.before, self.after).statistic)

    @property
    def top_kept(self) -> float:
        """The share of the highest tenth that stays in it."""
        size = max(1, len(self.before) // 10)
        one, other = (set(np.argsort(-p, kind="stable")[:size].tolist()) for p in (self.before, self.after))
        return len(one & other) / size

    def to_json(self) -> dict[str, Any]:
        """As data."""
        moved = np.abs(self.after - self.before)
        odds = [np.log(p / (1 - p)) for p in (self.before, self.after)]
        return {
            "conversion": self.conversion,
            "versions": list(self.versions),
            "as_of": format_time(self.as_of),
            "people": len(self.before),
            "mean_before": float(self.before.mean()),
            "mean_after": float(self.after.mean()),
            "moved_median": float(np.median(moved)),
            "moved_90pct": float(np.quantile(moved, 0.9)),
            "moved_most": float(moved.max()),
            "stability_index": stability_index(odds[0], odds[1]),
            "rank_correlation": self.rank_correlation,
            "top_tenth_kept": self.top_kept,
            "regraded": self.regraded,
            "reasons": [vars(one) for one in self.reasons],
            "movers": [
                {
                    "contact_id": one.after.contact_id,
                    "before": one.before.probability,
                    "after": one.after.probability,
                    "grade_before": one.before.grade,
                    "grade_after": one.after.grade,
                    "changes": [{"text": part.text, "difference": part.difference} for part in one.changes[:5]],
                }
                for one in self.movers
            ],
        }


def compare(
    before: PropensityModel,
    after: PropensityModel,
    arrays: LogArrays,
    contact_ids: Sequence[str],
    as_of: int,
    most: int = 10,
) -> Compared:
    """Scores these people with both models as of a time (microseconds UTC) and tells the `most` that moved furthest.

    Raises:
        BadInput: the models answer different questions. NotEnoughData: nobody is in the stage.
    """
    if before.conversion.name != after.conversion.name or before.conversion.horizon != after.conversion.horizon:
        seen = f"{before.conversion.question} / {after.conversion.question}"
        raise BadInput("these models answer different questions", seen, "Compare two of one conversion.")
    times = np.full(len(contact_ids), as_of, np.int64)
    both = [model.score(arrays, contact_ids, times, threads=2, whole=True) for model in (before, after)]
    pairs = [(a, b) for a, b in zip(*both, strict=True) if a.status == b.status == SCORED]
    if not pairs:
        raise NotEnoughData("nobody is in the stage", format_time(as_of), "Take another --as-of.")
    old, new = (np.array([pair[side].probability for pair in pairs], np.float64) for side in (0, 1))
    apart = np.array([abs((b.log_odds or 0.0) - (a.log_odds or 0.0)) for a, b in pairs])
    furthest = np.argsort(-apart, kind="stable")[:most]
    regraded = Counter(f"{a.grade} → {b.grade}" for a, b in pairs if a.grade != b.grade)
    movers = tuple(Moved(pairs[k][0], pairs[k][1], changes(*pairs[k])) for k in furthest.tolist())
    names = (before.version, after.version)
    told = dict(sorted(regraded.items()))
    return Compared(after.conversion.name, names, as_of, old, new, told, _weighed(pairs), movers)


def _weighed(pairs: Sequence[tuple[Score, Score]]) -> tuple[Weighed, ...]:
    """Every reason, the one whose weight changed most first."""
    size, sums = ([defaultdict[str, float](float) for _ in range(2)] for _ in range(2))
    for pair in pairs:
        for side, score in enumerate(pair):
            for reason in score.reasons:
                size[side][reason.code] += abs(reason.effect)
                sums[side][reason.code] += reason.effect
    n = len(pairs)
    found = [
        Weighed(code, size[0][code] / n, size[1][code] / n, (sums[1][code] - sums[0][code]) / n)
        for code in {**size[0], **size[1]}
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.after - one.before), one.code)))

"""How well one column alone ranks: out of time, and under a random split beside it.

The rate of each bin is learnt on one part (shrunk towards the base rate) and ranks the other. Rows of one contact are
not independent, so the uncertainty is that of as many rows as there are contacts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import Codes
from training.label_times import LabelTimes

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: The share of rows that is learnt from, and how many rows at the base rate each bin starts with.
_LEARN, _PRIOR = 0.7, 10.0
#: What a part needs of each class.
_LEAST = 10


@dataclass(frozen=True)
class Trial:
    """Pairs of parts, rows to learn from and rows to rank, and how many contacts of each class are ranked in all."""

    parts: tuple[tuple[Ints, Ints], ...]
    positives: int
    negatives: int


@dataclass(frozen=True)
class Power:
    """ROC AUC and its standard error."""

    auc: float
    error: float


def in_time(rows: LabelTimes, unit: Ints) -> Trial | None:
    """The last 30 % of the rows, learnt from those that end one horizon before; None where there is too little.

    Args:
        unit: (rows,) whose row it is.
    """
    start = int(rows.cutoff[min(int(_LEARN * len(rows)), len(rows) - 1)])
    learn, rank = rows.cutoff < start - rows.conversion.horizon, rows.cutoff >= start
    return _trial(rows.converted, unit, ((np.flatnonzero(learn), np.flatnonzero(rank)),))


def at_random(rows: LabelTimes, unit: Ints, seed: int = 0) -> Trial | None:
    """Each half of the contacts, drawn at random, learnt from the other; None where there is too little."""
    half = (np.random.default_rng(seed).permutation(int(unit.max()) + 1) % 2 == 0)[unit]
    one, other = np.flatnonzero(half), np.flatnonzero(~half)
    return _trial(rows.converted, unit, ((one, other), (other, one)))


def _trial(converted: Bools, unit: Ints, parts: tuple[tuple[Ints, Ints], ...]) -> Trial | None:
    for learn, _ in parts:
        if min(int(converted[learn].sum()), int((~converted[learn]).sum())) < _LEAST:
            return None
    ranked = np.concatenate([rank for _, rank in parts])
    yes = converted[ranked]
    positives, negatives = (len(np.unique(unit[ranked[of]])) for of in (yes, ~yes))
    return Trial(parts, positives, negatives) if min(positives, negatives) >= _LEAST else None


def power(codes: Codes, bins: int, converted: Bools, trial: Trial | None) -> Power | None:
    """How well the bins of `codes` (rows,) rank; None without a trial."""
    if trial is None:
        return None
    rates, ups, downs = [], [], []
    for learn, rank in trial.parts:
        yes, no = _counts(codes[learn], bins, converted[learn])
        base = yes.sum() / (yes.sum() + no.sum())
        rates.append((yes + _PRIOR * base) / (yes + no + _PRIOR))
        yes, no = _counts(codes[rank], bins, converted[rank])
        ups.append(yes)
        downs.append(no)
    auc = _area(np.concatenate(rates), np.concatenate(ups), np.concatenate(downs))
    return Power(auc, standard_error(auc, trial.positives, trial.negatives))


def _counts(codes: Codes, bins: int, converted: Bools) -> tuple[Ints, Ints]:
    whole, yes = np.bincount(codes, minlength=bins), np.bincount(codes[converted], minlength=bins)
    return yes, whole - yes


def _area(rate: npt.NDArray[np.float64], yes: Ints, no: Ints) -> float:
    """Pairs ranked right, ties half, from the counts of each bin."""
    _, place = np.unique(rate, return_inverse=True)
    up, down = np.bincount(place, weights=yes), np.bincount(place, weights=no)
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / (up.sum() * down.sum()))


def standard_error(auc: float, positives: int, negatives: int) -> float:
    """Of an AUC (Hanley and McNeil 1982); at least that of an AUC of 0.95, since it is 0 at 1."""
    auc = min(max(auc, 0.05), 0.95)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(max(spread, 0.0) / (positives * negatives)))

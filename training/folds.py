"""Folds for choosing settings: in time with gaps where history allows, by account otherwise."""

from __future__ import annotations

import numpy as np

from training.part import Part
from training.split import Rows, fold_of

FOLDS = 4
#: The latest shares of the time that folds in time are judged on, one after the other.
_SLICES = ((0.6, 0.4), (0.4, 0.2), (0.2, 0.0))
#: Of each class a fold needs so many rows to learn from and to judge by.
_LEAST = 50

Fold = tuple[Rows, Rows]  # the rows to learn from, the rows to judge by


def by_account(part: Part, seed: int) -> list[Fold]:
    """Each account is held out once."""
    fold = fold_of(part.groups, FOLDS, seed)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


def in_time(part: Part) -> list[Fold]:
    """Slices of the latest time, each judged by what was known one horizon before; fewer than two are none.

    The folds grow (an expanding window): what is asked of a setting is how well it looks ahead.
    """
    folds: list[Fold] = []
    span = int(part.cutoff[-1] - part.cutoff[0]) + 1
    for begin, end in _SLICES:
        low, high = (int(part.cutoff[-1]) + 1 - round(share * span) for share in (begin, end))
        learn = np.flatnonzero(part.cutoff < low - part.horizon)
        judge = np.flatnonzero((part.cutoff >= low) & (part.cutoff < high))
        if min(part.both(learn), part.both(judge)) >= _LEAST:
            folds.append((learn, judge))
    return folds if len(folds) > 1 else []

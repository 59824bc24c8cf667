"""Splitting by time: train | gap | calibrate | gap | test, where a gap is one horizon long.

A row of one part never looks into the time of the next. With too short a history for two gaps the calibration
is fitted on out-of-fold margins of the training part (folds by account); with too short a history for one the
model is not judged at all, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.errors import NotEnoughData
from training.label_times import LabelTimes

Rows = npt.NDArray[np.int64]

#: Shares of the usable time.
_TRAIN, _CALIBRATE = 0.6, 0.2
#: Two gaps may take this share of the history: more is better spent on learning, and one gap saved.
_MOST_GAP = 0.25
#: What a part needs, of each class, to be one.
_LEAST_CALIBRATE, _LEAST_TEST = 100, 20
_LEAST_TRAIN = 10


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, and the times between them (microseconds UTC).

    `calibrate` is empty when the calibration is cross-fitted on the training part; `test` is empty when the
    history is too short to judge.
    """

    train: Rows
    calibrate: Rows
    test: Rows
    train_end: int
    test_start: int

    @property
    def plan(self) -> str:
        """What was done, in words."""
        if len(self.calibrate):
            return "train | gap | calibrate | gap | test"
        if len(self.test):
            return "train (calibration cross-fitted) | gap | test"
        return "train (calibration cross-fitted); history too short for a test one horizon later"


def split_by_time(rows: LabelTimes) -> Split:
    """The best split that the history allows.

    Raises:
        NotEnoughData: fewer than 10 rows of a class to learn from.
    """
    first, last, gap = int(rows.cutoff[0]), int(rows.cutoff[-1]) + 1, rows.conversion.horizon
    usable = last - first - 2 * gap
    if 2 * gap <= _MOST_GAP * (last - first):
        train_end = first + round(usable * _TRAIN)
        calibrate_start = train_end + gap
        calibrate_end = calibrate_start + round(usable * _CALIBRATE)
        parts = Split(
            _between(rows, first, train_end),
            _between(rows, calibrate_start, calibrate_end),
            _between(rows, calibrate_end + gap, last),
            train_end,
            calibrate_end + gap,
        )
        if all(_enough(rows, part, _LEAST_CALIBRATE) for part in (parts.train, parts.calibrate, parts.test)):
            return parts
    usable = last - first - gap
    nothing = np.zeros(0, np.int64)
    if usable > 0:
        train_end = first + round(usable * (_TRAIN + 0.1))
        train, test = _between(rows, first, train_end), _between(rows, train_end + gap, last)
        if _enough(rows, train, _LEAST_TEST) and _enough(rows, test, _LEAST_TEST):
            return Split(train, nothing, test, train_end, train_end + gap)
    everything = np.arange(len(rows))
    if not _enough(rows, everything, _LEAST_TRAIN):
        yes = int(rows.converted.sum())
        raise NotEnoughData(
            f"too little to learn {rows.conversion.name} from",
            f"{yes} conversions in {len(rows)} mature rows",
            f"At least {_LEAST_TRAIN} rows that converted and as many that did not are needed.",
        )
    return Split(everything, nothing, nothing, last, last)


def split_at(rows: LabelTimes, test_start: int) -> Split:
    """The best split of which the test part begins then (microseconds UTC); everything before is learnt from.

    Raises:
        NotEnoughData: no row of each class is mature by then.
    """
    first, last, gap = int(rows.cutoff[0]), int(rows.cutoff[-1]) + 1, rows.conversion.horizon
    test, usable = _between(rows, test_start, last), test_start - first - 2 * gap
    train_end = first + round(usable * _TRAIN / (_TRAIN + _CALIBRATE))
    train, calibrate = _between(rows, first, train_end), _between(rows, train_end + gap, test_start - gap)
    roomy = 2 * gap <= _MOST_GAP * (last - first)
    if roomy and all(_enough(rows, part, _LEAST_CALIBRATE) for part in (train, calibrate)):
        return Split(train, calibrate, test, train_end, test_start)
    train_end = test_start - gap
    train = _between(rows, first, train_end)
    if not _enough(rows, train, _LEAST_TRAIN):
        raise NotEnoughData("too little to learn from", f"{len(train)} rows", "Begin the test part later.")
    return Split(train, train[:0], test, train_end, test_start)


def _between(rows: LabelTimes, low: int, high: int) -> Rows:
    return np.arange(*np.searchsorted(rows.cutoff, [low, high], "left"))


def _enough(rows: LabelTimes, part: Rows, least: int) -> bool:
    yes = int(rows.converted[part].sum())
    return min(yes, len(part) - yes) >= least


def group_of(rows: LabelTimes) -> Rows:
    """(rows,) what belongs together in a fold: the account, else the contact."""
    return np.where(rows.account >= 0, rows.account.astype(np.int64), -1 - rows.contact.astype(np.int64))


def fold_of(groups: Rows, folds: int, seed: int) -> Rows:
    """(rows,) the fold of each row; a group stays whole."""
    distinct, inverse = np.unique(groups, return_inverse=True)
    return np.random.default_rng(seed).permutation(np.arange(len(distinct)) % folds)[inverse]

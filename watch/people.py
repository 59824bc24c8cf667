"""Looks at the people who enter the stage: the model's columns and scores beside those of the windows before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from features.arrays import LogArrays
from features.declare import Feature
from models.propensity import PropensityModel
from training.hold_out import compute
from training.label_times import LabelTimes
from training.report_words import column_words
from watch.looked import SURE, Looked, against
from watch.windows import Windows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: With fewer rows a window says nothing about people.
LEAST = 50
#: What matters: so much of the people elsewhere (Kolmogorov-Smirnov), so much more of a share missing or unseen.
_APART, _SHARE = 0.2, 0.15


def looks(arrays: LogArrays, model: PropensityModel, rows: LabelTimes, windows: Windows) -> Iterator[Looked]:
    """Every column, and the scores.

    Args:
        rows: label times, mature or not, of all windows.
    """
    window = windows.place(rows.cutoff)
    number = np.bincount(window[window >= 0], minlength=windows.before + 1)
    if number[0] < LEAST or np.median(number[1:]) < LEAST:
        return
    inside = np.flatnonzero((window >= 0) & (number[window] >= LEAST / 2))
    rows, window = rows.take(inside), window[inside]
    matrix = compute(arrays, model.features, rows)
    yield _scores(model.probabilities(matrix), window)
    for place, feature in enumerate(model.features.features):
        values = matrix[:, place]
        yield _column(feature, values, window)
        yield _missing(feature, values, window)
        if categories := getattr(feature, "categories", ()):
            yield _unseen(feature, values >= len(categories), window)


def _scores(probability: Floats, window: Ints) -> Looked:
    before, now = _distances(probability, window)
    _, sure = against(before, now)
    means = _means(probability, window)
    alarm = sure > SURE and now > _APART
    usual = float(np.median(means[1:]))
    text = f"Promised on average {means[0]:.1%}, usually {usual:.1%}; {now:.0%} of the scores lie elsewhere."
    return Looked("scores", "scores", float(means[0]), usual, sure, alarm, text, tuple(means[:0:-1]))


def _column(feature: Feature, values: Floats, window: Ints) -> Looked:
    before, now = _distances(np.where(np.isnan(values), -np.inf, values), window)
    usual, sure = against(before, now)
    alarm = sure > SURE and now - usual > _APART
    text = f"{column_words(feature)}: {now:.0%} of the people lie elsewhere than before (usually {usual:.0%})."
    return Looked("column", feature.name, now, usual, sure, alarm, text, tuple(before))


def _missing(feature: Feature, values: Floats, window: Ints) -> Looked:
    return _share("missing", feature, np.isnan(values), window, "is missing")


def _unseen(feature: Feature, unseen: npt.NDArray[np.bool_], window: Ints) -> Looked:
    return _share("unseen", feature, unseen, window, "is a value that the model never learnt")


def _share(kind: str, feature: Feature, of: npt.NDArray[np.bool_], window: Ints, said: str) -> Looked:
    shares = _means(of.astype(float), window)
    number = np.bincount(window)[0]
    chance = np.sqrt(max(shares[1:].mean() * (1 - shares[1:].mean()), 0.01) / number)
    usual, sure = against(shares[:0:-1], float(shares[0]), float(chance))
    alarm = abs(sure) > SURE and abs(shares[0] - usual) > _SHARE
    text = f"{column_words(feature)}: {said} for {shares[0]:.0%}, usually {usual:.0%}."
    return Looked(kind, feature.name, float(shares[0]), usual, sure, alarm, text, tuple(shares[:0:-1]))


def _means(values: Floats, window: Ints) -> Floats:
    """(windows with rows,) the mean of each."""
    number = np.bincount(window)
    return np.asarray(np.bincount(window, values)[number > 0] / number[number > 0])


def _distances(values: Floats, window: Ints) -> tuple[Floats, float]:
    """Each window before from all the others before, the oldest first; and the latest from all of them."""
    order = np.argsort(values, kind="stable")
    values, window = values[order], window[order]
    ends = np.append(np.flatnonzero(values[1:] != values[:-1]), len(values) - 1)
    windows = np.unique(window)
    below = np.stack([np.cumsum(window == k)[ends] for k in windows]).astype(float)
    whole = below[1:].sum(axis=0)
    apart = []
    for place in range(len(windows)):
        others = whole - below[place] if place else whole
        apart.append(float(np.abs(below[place] / below[place, -1] - others / max(others[-1], 1)).max()))
    return np.array(apart[:0:-1]), apart[0]

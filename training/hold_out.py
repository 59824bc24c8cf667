"""The hold-out of a gate: mature rows that neither champion nor challenger has learnt from, and what each promised.

A version that follows the recent base rate is taken at its word of each day: with the level that the rows mature by
then gave it, never with one that later outcomes told. A champion stands as it serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.declare import AsOf, Feature, LastDetail, Recency
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary
from models.calibration import inverse_logit
from models.propensity import PropensityModel
from training.baselines import base_rate, naive_bayes, recency_rule
from training.label_times import LabelTimes, label_times
from training.learnt import Learnt
from training.recent import roll
from training.slicing import places, ranges
from training.split import Rows, group_of
from training.table import contact_ids

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: The baseline that everyone is held against first.
BASE_RATE = "base rate"


@dataclass(frozen=True)
class Entrant:
    """A model that is judged, and what it has learnt from."""

    model: PropensityModel
    learnt: Learnt


@dataclass(frozen=True)
class Cut:
    """One way to cut the hold-out: an attribute, its values, and (rows,) the place of each row's."""

    by: str
    labels: tuple[str, ...]
    codes: Ints


@dataclass(frozen=True)
class HoldOut:
    """(rows,) each, in the order of the cutoffs.

    Attributes:
        groups: what the bootstrap draws whole: accounts, or contacts without one.
        challenger, champion: promised log-odds; no champion, no promises.
        baselines: probabilities, by name. cuts: the slices.
    """

    rows: LabelTimes
    groups: Rows
    challenger: Floats
    champion: Floats | None
    baselines: dict[str, Floats]
    cuts: tuple[Cut, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def converted(self) -> Bools:
        """(rows,) the outcomes."""
        return self.rows.converted

    @cached_property
    def probability(self) -> Floats:
        """(rows,) what the challenger promised."""
        return inverse_logit(self.challenger)

    @cached_property
    def champion_probability(self) -> Floats | None:
        """(rows,) what the champion promised."""
        return None if self.champion is None else inverse_logit(self.champion)


def hold_out(
    arrays: LogArrays,
    conversion: Conversion,
    settings: FeatureSettings,
    as_of: int,
    challenger: Entrant,
    champion: Entrant | None,
) -> HoldOut:
    """The hold-out as known at `as_of` (microseconds UTC); it may be empty.

    Raises:
        NotEnoughData: nobody in the stage, or no mature row.
    """
    every = label_times(arrays, conversion, as_of, conversion.since)
    entrants = [challenger] if champion is None else [challenger, champion]
    begin = int(np.searchsorted(every.cutoff, max(one.learnt.test_start for one in entrants)))
    known = every.take(np.flatnonzero(every.cutoff + conversion.horizon <= _time(every, begin)))
    rows = every.take(np.arange(begin, len(every)))
    theirs = None
    if champion is not None:
        theirs = champion.model.log_odds(compute(arrays, champion.model.features, rows))
    baselines, cuts = _beside(arrays, conversion, settings, known, rows)
    mine = _promised(arrays, every, begin, challenger)
    return HoldOut(rows, group_of(rows), mine, theirs, baselines, cuts)


def compute(arrays: LogArrays, features: FeatureSet, rows: LabelTimes) -> Floats:
    """(rows, features) the columns of these rows."""
    return features.compute(arrays, contact_ids(arrays, rows), rows.cutoff, threads=2)


def replayed(arrays: LogArrays, conversion: Conversion, entrant: Entrant) -> tuple[int, float]:
    """Rows of the test part as its training knew them, and the mean of the bundle's log-odds on them now."""
    learnt = entrant.learnt
    then = label_times(arrays, conversion, learnt.as_of, conversion.since)
    test = then.take(np.flatnonzero(then.cutoff >= learnt.test_start))
    odds = entrant.model.log_odds(compute(arrays, entrant.model.features, test))
    return len(test), float(odds.mean()) if len(test) else 0.0


def _time(every: LabelTimes, begin: int) -> int:
    return int(every.cutoff[begin]) if begin < len(every) else every.as_of


def _promised(arrays: LogArrays, every: LabelTimes, begin: int, entrant: Entrant) -> Floats:
    """(held-out rows,) log-odds; where the recent rate is followed, as of each day."""
    learnt = entrant.learnt
    first = int(np.searchsorted(every.cutoff, learnt.train_end)) if learnt.window else begin
    rows = every.take(np.arange(min(first, begin), len(every)))
    odds = entrant.model.log_odds(compute(arrays, entrant.model.features, rows))
    if learnt.window:
        odds = odds - learnt.shift
        odds = odds + roll(odds, rows.converted, rows.cutoff, rows.conversion.horizon, learnt.window)
    return odds[len(rows) - (len(every) - begin) :]


def _beside(
    arrays: LogArrays, conversion: Conversion, settings: FeatureSettings, known: LabelTimes, rows: LabelTimes
) -> tuple[dict[str, Floats], tuple[Cut, ...]]:
    """What the baselines would have promised, learnt from the rows mature before the hold-out; and the slices."""
    if not len(rows) or not len(known):
        return {}, ()
    vocabulary = Vocabulary.of(arrays, int(rows.cutoff[0]))
    told = [one for one in derive_features(vocabulary, settings, conversion).features if _cuts_by(one)]
    features = FeatureSet((Recency(), *told))
    before, after = compute(arrays, features, known), compute(arrays, features, rows)
    attributes = [i for i in features.category_columns if isinstance(features.features[i], AsOf)]
    baselines = {
        BASE_RATE: base_rate(known.converted, len(rows)),
        "recency rule": recency_rule(before[:, 0], known.converted, after[:, 0]),
        "naive Bayes": naive_bayes(before[:, attributes], known.converted, after[:, attributes]),
    }
    cuts = []
    for place, feature in enumerate(told, start=1):
        categories = getattr(feature, "categories", ())
        values = after[:, place]
        labels, codes = places(categories, values) if categories else ranges(before[:, place], values)
        cuts.append(Cut(feature.name, tuple(labels), codes))
    return baselines, tuple(cuts)


def _cuts_by(feature: Feature) -> bool:
    """Attributes, and where a lead came from."""
    lead = isinstance(feature, LastDetail) and feature.type == "lead_created" and feature.level == "contact"
    return lead or isinstance(feature, AsOf)

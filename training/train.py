"""From a log to a judged, registered model: label times, split, features, fit, calibrate, judge, record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engagement.errors import NotEnoughData
from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from features.arrays import LogArrays
from features.catalogue import derive_features, monotone
from features.declare import AsOf, Recency
from features.feature_set import FeatureSet
from features.spread import spread
from features.vocabulary import Vocabulary
from models.booster import Rung
from models.calibration import fit_affine, inverse_logit
from models.propensity import PropensityModel, Reference
from training.audit import audit
from training.audit_report import Audit
from training.baselines import base_rate, naive_bayes, recency_rule
from training.judge import Interval, judge, judge_each
from training.label_times import LabelTimes, label_times
from training.ladder import Fitted, climb
from training.part import Part, columns_of, evenly, rows_of
from training.recent import Recent, recent_rate
from training.slicing import slices_by
from training.split import Split, group_of, split_by_time
from training.stable import find_stable
from training.table import contact_ids
from training.tune import Budget

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float], None]

_REFERENCE_QUANTILES = 999
#: Rows whose margins are told at a time.
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Judged:
    """How one set of probabilities did on the test part, by metric."""

    name: str
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class Attributes:
    """What tells groups of people apart, learnt from or not: (rows, features) of the table, ordered as its rows."""

    features: FeatureSet
    matrix: Floats

    @staticmethod
    def of(features: FeatureSet, matrix: Floats) -> Attributes:
        """Those among some columns."""
        some = [i for i, feature in enumerate(features.features) if slices_by(feature)]
        return Attributes(FeatureSet(tuple(features.features[i] for i in some)), matrix[:, some])

    @property
    def categories(self) -> Floats:
        """(rows, some) the columns of attributes that have categories."""
        some = [i for i in self.features.category_columns if isinstance(self.features.features[i], AsOf)]
        return self.matrix[:, some]


@dataclass(frozen=True)
class Trained:
    """A model and everything that was learnt about it on the way."""

    model: PropensityModel
    rows: LabelTimes
    split: Split
    fitted: Fitted
    matrix: Floats
    seed: int
    left_out: tuple[str, ...] = ()
    judged: tuple[Judged, ...] = ()
    unseen: Mapping[str, Interval] = field(default_factory=dict)
    known: Mapping[str, Interval] = field(default_factory=dict)
    recent: Recent | None = None
    test_log_odds: Floats = field(default_factory=lambda: np.zeros(0))
    audit: Audit | None = None
    attributes: Attributes = field(default_factory=lambda: Attributes(FeatureSet(()), np.zeros((0, 0))))

    @property
    def test_probability(self) -> Floats:
        """(test rows,) the probabilities as they would have been promised at each row's cutoff."""
        return inverse_logit(self.test_log_odds)


def train(
    arrays: LogArrays,
    conversion: Conversion,
    settings: FeatureSettings,
    as_of: int,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Progress | None = None,
    threads: int = 2,
    keep: Collection[str] = (),
    splitting: Callable[[LabelTimes], Split] = split_by_time,
) -> Trained:
    """Trains and judges; nothing is written.

    Args:
        as_of: microseconds UTC; nothing that happened or was received later is used.
        keep: attributes and event types that stay, whatever the audit finds against them.
        splitting: how the rows are split; a benchmark has splits of its own.

    Raises:
        NotEnoughData: nobody in the stage, no mature row, too few of a class.
    """
    tell = progress or (lambda text, share: None)
    tell("label times", 0.02)
    rows = label_times(arrays, conversion, as_of, conversion.since)
    if not rows.converted.any() or rows.converted.all():
        what = "none" if not rows.converted.any() else "all"
        cure = "A model needs both; check the goal's event type in mqm.toml (mqm check)."
        raise NotEnoughData(f"{what} of {len(rows)} mature rows of {conversion.name} converted", None, cure)
    split = splitting(rows)
    tell("audit: what knows the outcome already", 0.03)
    found = audit(arrays, conversion, settings, as_of, keep, rows)
    settings = found.trusted(settings)
    tell(f"{len(rows):,} label times, {int(rows.converted.sum()):,} converted; computing features", 0.05)
    features = derive_features(Vocabulary.of(arrays, split.train_end), settings, conversion)
    ids = contact_ids(arrays, rows)
    matrix = features.compute(arrays, ids, rows.cutoff, threads)
    # A baseline of its own: whether the model has such a column, or lost it as drifting, must not matter.
    judged = len(split.test) > 0
    recency = FeatureSet((Recency(),)).compute(arrays, ids, rows.cutoff, threads)[:, 0] if judged else np.zeros(0)
    table = Table(rows, split, features, matrix, recency, monotone(features, settings))
    return replace(learn(table, seed, budget, tell), audit=found)


@dataclass(frozen=True)
class Table:
    """What a model is learnt from and judged by, ordered by cutoff.

    Attributes:
        matrix: (rows, features); `learn` uses up its memory. recency: (rows,) days since the last event; empty
            where there is no test part to judge it on.
        monotone: as `training.part.Part`.
    """

    rows: LabelTimes
    split: Split
    features: FeatureSet
    matrix: Floats
    recency: Floats
    monotone: tuple[int, ...] = ()


def learn(table: Table, seed: int, budget: Budget | None, tell: Progress) -> Trained:
    """From a table to a judged model, without the log."""
    rows, split, features, matrix = table.rows, table.split, table.features, table.matrix
    horizon = rows.conversion.horizon
    part, groups = split.train, group_of(rows)
    sample = evenly(part)
    tell("looking for columns that drift", 0.12)
    categories = features.category_columns
    stability = find_stable(matrix[sample], rows.converted[sample], rows.cutoff[sample], horizon, categories, seed)
    left_out = tuple(features.names[i] for i in np.flatnonzero(stability.drift > stability.bound))
    attributes = Attributes.of(features, matrix)
    matrix = columns_of(matrix, stability.kept)
    features = FeatureSet(tuple(features.features[i] for i in stability.kept))
    learnt = Part(
        rows_of(matrix, part),
        rows.converted[part],
        groups[part],
        rows.cutoff[part],
        horizon,
        features.names,
        tuple(features.category_columns),
        tuple(table.monotone[i] for i in stability.kept) if table.monotone else (),
    )
    fitted = climb(learnt, seed, budget, lambda text, share: tell(text, 0.15 + 0.6 * share))
    tell("calibrating", 0.8)
    margins = _margins(fitted, matrix, split)
    model = _calibrated(rows.conversion, features, fitted.rung, margins, rows, split)
    recent, model, log_odds = _recent(model, margins, rows, split)
    trained = Trained(model, rows, split, fitted, matrix, seed, left_out)
    test_log_odds = log_odds[split.test] + recent.shifts[split.test]
    trained = replace(trained, recent=recent, test_log_odds=test_log_odds, attributes=attributes)
    if not len(split.test):
        return trained
    tell("judging out of time", 0.85)
    return _judged(trained, groups, table.recency, attributes.categories)


def _margins(fitted: Fitted, matrix: Floats, split: Split) -> Floats:
    """(rows,) of rows that the rung was fitted on their out-of-fold margins, of the others its own."""
    margins, later = np.empty(len(matrix)), np.ones(len(matrix), np.bool_)
    margins[split.train], later[split.train] = fitted.out_of_fold, False
    rest = np.flatnonzero(later)
    pieces = [rest[begin : begin + _CHUNK] for begin in range(0, len(rest), _CHUNK)]
    told = spread(lambda some: fitted.rung.margins(rows_of(matrix, some)), pieces, threads=2)
    for some, of in zip(pieces, told, strict=True):
        margins[some] = of
    return margins


def _calibrated(
    conversion: Conversion, features: FeatureSet, rung: Rung, margins: Floats, rows: LabelTimes, split: Split
) -> PropensityModel:
    """The affine map from the calibration part, or from out-of-fold margins where there is none."""
    part = split.calibrate if len(split.calibrate) else split.train
    margins, converted = margins[part], rows.converted[part]
    calibration = fit_affine(margins, converted)
    log_odds = np.sort(calibration.log_odds(margins))
    places = np.linspace(0, len(log_odds) - 1, min(len(log_odds), _REFERENCE_QUANTILES)).astype(int)
    reference = Reference(tuple(log_odds[places].tolist()), float(converted.mean()), len(part))
    return PropensityModel(conversion, features, rung, calibration, reference)


def _recent(
    model: PropensityModel, margins: Floats, rows: LabelTimes, split: Split
) -> tuple[Recent, PropensityModel, Floats]:
    """The recent-base-rate correction, the model with it as it is today, and all rows' log-odds without it."""
    log_odds = model.calibration.log_odds(margins)
    recent = recent_rate(log_odds, rows.converted, rows.cutoff, rows.conversion.horizon, split.test_start, rows.as_of)
    if recent.window:
        mature = rows.converted[-recent.window :]
        reference = model.reference
        moved = tuple(float(one) for one in np.array(reference.log_odds) + recent.now)
        model = replace(
            model,
            calibration=replace(model.calibration, intercept=model.calibration.intercept + recent.now),
            reference=replace(reference, log_odds=moved, base_rate=float(mature.mean())),
        )
    return recent, model, log_odds


def _judged(trained: Trained, groups: npt.NDArray[np.int64], recency: Floats, attributes: Floats) -> Trained:
    rows, split, seed = trained.rows, trained.split, trained.seed
    converted, test_groups = rows.converted[split.test], groups[split.test]
    before = np.concatenate([split.train, split.calibrate])
    contenders: dict[str, Floats] = {
        "model": trained.test_probability,
        **_uncorrected(trained),
        "base rate": base_rate(rows.converted[before], len(converted)),
        "recency rule": recency_rule(recency[before], rows.converted[before], recency[split.test]),
        "naive Bayes": naive_bayes(attributes[before], rows.converted[before], attributes[split.test]),
    }
    metrics = judge_each(converted, list(contenders.values()), test_groups, seed)
    judged = tuple(Judged(name, of) for name, of in zip(contenders, metrics, strict=True))
    unseen = ~np.isin(test_groups, groups[before])

    def part(some: npt.NDArray[np.bool_]) -> dict[str, Any]:
        if min(int(converted[some].sum()), int((~converted[some]).sum())) < 10:
            return {}
        if some.all():  # as the whole was judged
            return dict(metrics[0])
        return judge(converted[some], trained.test_probability[some], test_groups[some], seed)

    return replace(trained, judged=judged, unseen=part(unseen), known=part(~unseen))


def _uncorrected(trained: Trained) -> dict[str, Floats]:
    """The test part without the recent-base-rate correction, where there is one: it is shown beside."""
    if trained.recent is None or not trained.recent.window:
        return {}
    shifts = trained.recent.shifts[trained.split.test]
    return {"uncorrected": inverse_logit(trained.test_log_odds - shifts)}

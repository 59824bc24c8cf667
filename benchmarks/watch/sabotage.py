"""Twelve challengers that must not pass, each spoilt in one way, and the test that must say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
import pyarrow as pa

from benchmarks.watch.world import NAME, TIME, World
from engagement.schema import ATTRIBUTES
from features.arrays import LogArrays
from features.feature_set import FeatureSet
from models.additive import Additive, base_rate_rung
from models.booster import Booster, Rung
from models.bundle import save_bundle
from models.calibration import Affine
from models.registry import Registry, Version
from training.fit import fixed_settings
from training.fit_logistic import fit_logistic
from training.gate import Asked
from training.label_times import LabelTimes
from training.learnt import Learnt, learnt_from
from training.part import Part
from training.record import manifest_facts
from training.split import Split, group_of, split_by_time
from training.train import Trained, train

LEAK = "deal_status"


@dataclass(frozen=True)
class Bench:
    """An honest challenger to spoil, the log it learnt from, and where to register."""

    world: World
    asked: Asked
    honest: Trained
    registry: Registry

    def line(self, converted: np.ndarray | None = None) -> Additive:
        """A logistic regression of the training part; of other labels, if they are given."""
        trained = self.honest
        part, rows = trained.split.train, trained.rows
        labels = rows.converted if converted is None else converted
        names, places = trained.model.features.names, tuple(trained.model.features.category_columns)
        matrix = trained.matrix[part]
        learnt = Part(
            matrix, labels[part], group_of(rows)[part], rows.cutoff[part], rows.conversion.horizon, names, places
        )
        return fit_logistic(learnt, 0).rung

    def trees(self, number: int, leaves: int, pace: float) -> Booster:
        """Trees that nothing holds back."""
        part = self.honest.split.train
        data = lightgbm.Dataset(self.honest.matrix[part], self.honest.rows.converted[part].astype(float))
        settings = {**fixed_settings(0), "num_leaves": leaves, "learning_rate": pace, "min_data_in_leaf": 1}
        settings |= {"min_sum_hessian_in_leaf": 0.0, "num_threads": 1}
        return Booster(lightgbm.train(settings, data, number).model_to_string())

    def register(self, trained: Trained, learnt: Learnt | None = None) -> Version:
        """The model as a challenger, without a report."""
        name = trained.rows.conversion.name
        facts = manifest_facts(trained, self.asked.arrays)
        facts["learnt"] = (learnt or learnt_from(trained)).to_json()
        run = self.registry.start_run(name, {}, {})
        golden = trained.matrix[np.linspace(0, len(trained.matrix) - 1, 12).astype(int)]
        digest = save_bundle(trained.model, self.registry.bundle_folder(run), golden, facts, "A benchmark's.\n")
        self.registry.finish_run(run, {}, trained.rows.as_of)
        return self.registry.find(name, self.registry.register(name, run, digest))

    def with_rung(self, rung: Rung, calibration: Affine | None = None) -> Trained:
        """The honest one with another rung."""
        model = replace(self.honest.model, rung=rung, calibration=calibration or Affine())
        return replace(self.honest, model=model, recent=None)


def inverted(bench: Bench) -> Version:
    """Ranks the wrong way round."""
    line = bench.honest.model.calibration
    return bench.register(bench.with_rung(bench.honest.fitted.rung, Affine(-line.slope, line.intercept - 2.0)))


def uncalibrated(bench: Bench) -> Version:
    """Promises far too much."""
    line = bench.honest.model.calibration
    return bench.register(bench.with_rung(bench.honest.fitted.rung, Affine(line.slope, line.intercept + 1.0)))


def constant(bench: Bench) -> Version:
    """Promises everyone the same."""
    rate = float(bench.honest.rows.converted[bench.honest.split.train].mean())
    return bench.register(bench.with_rung(base_rate_rung(rate, len(bench.honest.model.features.features))))


def slice_broken(bench: Bench) -> Version:
    """One country is promised far too much."""
    line = bench.line()
    column = bench.honest.model.features.names.index("country")
    place = bench.honest.model.features.features[column].categories.index("FR")  # type: ignore[attr-defined]
    spoilt = tuple(
        replace(one, weights=tuple(w + 1.6 * (k == place) for k, w in enumerate(one.weights)))
        if one.column == column
        else one
        for one in line.categories
    )
    return bench.register(bench.with_rung(replace(line, categories=spoilt)))


def shuffled(bench: Bench) -> Version:
    """Learnt from labels in disorder."""
    labels = np.random.default_rng(0).permutation(bench.honest.rows.converted)
    return bench.register(bench.with_rung(bench.line(labels)))


def over_fitted(bench: Bench) -> Version:
    """Learnt by heart, and calibrated on what it learnt."""
    return bench.register(bench.with_rung(bench.trees(300, 63, 0.2)))


def slow(bench: Bench) -> Version:
    """Thousands of large trees."""
    return bench.register(bench.with_rung(bench.trees(1_200, 255, 0.01)))


def wrong_features(bench: Bench) -> Version:
    """The columns are declared in another order than they were learnt in."""
    features = list(bench.honest.model.features.features)
    plain = [k for k in range(len(features)) if k not in bench.honest.model.features.category_columns]
    for k, other in zip(plain, plain[1:] + plain[:1], strict=True):
        features[k] = bench.honest.model.features.features[other]
    model = replace(bench.honest.model, features=FeatureSet(tuple(features)))
    return bench.register(replace(bench.honest, model=model), learnt_from(bench.honest))


def truncated(bench: Bench) -> Version:
    """Half of the model's file is gone."""
    version = bench.register(bench.honest)
    path = bench.registry.bundle_folder(version.run_id) / "model.txt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return version


def stale(bench: Bench) -> Version:
    """Knows the log only up to two months before the champion."""
    return bench.register(_trained(bench, bench.asked.as_of - 3 * 30 * 86_400_000_000))


def too_little(bench: Bench) -> Version:
    """Learnt from the first hundred rows."""

    def few(rows: LabelTimes) -> Split:
        split = split_by_time(rows)
        return replace(split, train=split.train[:100])

    return bench.register(_trained(bench, bench.asked.as_of, few))


def leaking(bench: Bench) -> Version:
    """Reads a field that is filled in when the meeting was held, and back-dated."""
    asked = bench.asked
    trained = train(asked.arrays, asked.conversion, asked.settings, asked.as_of, keep=(LEAK,))
    return bench.register(trained)


def _trained(bench: Bench, as_of: int, splitting: Callable[[LabelTimes], Split] = split_by_time) -> Trained:
    return train(bench.asked.arrays, bench.asked.conversion, bench.asked.settings, as_of, splitting=splitting)


#: Each with the tests of which one must refuse it.
SABOTAGED: dict[Callable[[Bench], Version], set[str]] = {
    leaking: {"leaks"},
    inverted: {"log loss", "calibration slope"},
    uncalibrated: {"calibration error"},
    stale: {"freshness"},
    constant: {"beats the base rate"},
    slice_broken: {"slices"},
    slow: {"latency"},
    shuffled: {"log loss", "beats the base rate"},
    truncated: {"bundle"},
    wrong_features: {"replay"},
    too_little: {"learnt enough"},
    over_fitted: {"calibration slope"},
}


def leaky_arrays(world: World) -> LogArrays:
    """The world's log with a field that knows the outcome and claims to have been known before."""
    facts = world.facts
    met = np.unique(facts.contact[facts.type == "meeting_held"])
    who = np.concatenate([met, np.random.default_rng(0).integers(0, len(world.entered), len(met) // 10)])
    when = pa.array(world.entered[who] - 86_400_000_000).cast(TIME)
    columns = {
        "contact_id": pa.array([f"c{k}" for k in who], pa.string()),
        "account_id": pa.nulls(len(who), pa.string()),
        "name": pa.array([LEAK] * len(who), pa.string()),
        "value": pa.array(["advanced"] * len(who), pa.string()),
        "occurred_at": when,
        "received_at": when,
    }
    more = pa.table([columns[name] for name in ATTRIBUTES.names], schema=ATTRIBUTES)
    return LogArrays.from_tables(world.events(), pa.concat_tables([world.attributes, more]))


def bench_of(world: World, registry: Registry, before: int, as_of: int) -> Bench:
    """A champion trained as of `before`, and an honest challenger as of `as_of` (microseconds UTC)."""
    arrays, settings = leaky_arrays(world), world.settings
    conversion = settings.funnel.conversion(NAME)
    asked = Asked(arrays, conversion, settings.features, as_of)
    champion = train(arrays, conversion, settings.features, before)
    bench = Bench(world, asked, champion, registry)
    registry.promote(bench.register(champion), before)
    return replace(bench, honest=train(arrays, conversion, settings.features, as_of))

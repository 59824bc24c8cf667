"""What an explanation costs beside the prediction: LightGBM's own contributions, shap's TreeExplainer, and ours;
and what its words cost beside its numbers.

Microseconds a row on one thread unless it says 2, as medians of rounds that take every way in turn, so that a busy
machine hits all alike; ratios are medians of the rounds' ratios. shap hands LightGBM's models to LightGBM: measured
is its own algorithm. At 100,000 rows LightGBM's contributions and shap's are those of fewer rows, times their number.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from engagement.example import write_example
from engagement.funnel import funnel_from
from engagement.settings import FeatureSettings
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary
from models.booster import Booster
from models.kernel_plan import make_plan
from models.reasons import ReasonWriter
from models.trees import read_forest
from training.label_times import label_times
from training.table import contact_ids

Floats = npt.NDArray[np.float64]

ROWS = (1, 100, 1_000, 100_000)
TREES, LEAVES, FEATURES = 300, 31, 90
#: Rows that stand for more, of the slow ways.
FEWER = 200
WAYS = ("predict", "pred_contrib", "shap", "ours", "ours, 2 threads", "our margins")
#: Rows at which the words are measured beside the numbers.
WORDED = (1, 100, 1_000)


def run() -> None:
    """Prints the table by rows, what the ratios must be, and how the cost grows."""
    booster, matrix = trained(TREES, LEAVES)
    text = booster.model_to_string()
    begin = time.perf_counter()
    ours = Booster(text)
    ours.warm(matrix[:16])
    print(f"{TREES} trees × {LEAVES} leaves × {FEATURES} features; ready in {time.perf_counter() - begin:.1f} s")
    gap = np.abs(ours.contributions(matrix[:500]) - booster.predict(matrix[:500], pred_contrib=True)).max()
    print(
        f"largest difference to LightGBM over 500 rows {gap:.1e}\n\n{'rows':>8}" + "".join(f"{w:>17}" for w in WAYS)
    )
    taken = {rows: measured(booster, ours, matrix[:rows], rounds(rows)) for rows in ROWS}
    for rows, table in taken.items():
        print(f"{rows:>8}" + "".join(f"{np.median(table[way]):>17.1f}" for way in WAYS))
    print("   µs a row; shap and pred_contrib at 100,000 rows from 200\n")
    say("1,000 rows: times as fast as pred_contrib", taken[1_000], "pred_contrib", "ours", "at least 10")
    say("1 row: times as fast as pred_contrib", taken[1], "pred_contrib", "ours", "at least 6")
    say("1,000 rows: times the prediction's cost", taken[1_000], "ours", "predict", "at most 8")
    say("100,000 rows: two threads, times as fast", taken[100_000], "ours", "ours, 2 threads", "at least 1.7")
    worded(ours, matrix)
    growth(booster)


def trained(trees: int, leaves: int, **settings: int) -> tuple[lightgbm.Booster, Floats]:
    """A model of 90 features, a third of them counts, a tenth missing; and 100,000 rows."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(max(ROWS), FEATURES))
    matrix[:, : FEATURES // 3] = np.round(np.abs(matrix[:, : FEATURES // 3]) * 3)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    some = np.nan_to_num(matrix[:8_000])
    signal = some[:, 0] * 0.3 + some[:, 1] * some[:, 2] * 0.1 + some[:, 50] * some[:, 60] + some[:, 31:39].sum(axis=1)
    target = (signal + rng.logistic(size=len(some)) > 0).astype(float)
    params = {
        "objective": "binary", "num_leaves": leaves, "learning_rate": 0.05, "num_threads": 2, "verbose": -1,
        "max_bin": 63, "seed": 0, **settings,
    }  # fmt: skip
    return lightgbm.train(params, lightgbm.Dataset(matrix[:8_000], target), trees), matrix


def measured(booster: lightgbm.Booster, ours: Booster, matrix: Floats, times: int) -> dict[str, Floats]:
    """(rounds,) microseconds a row, by way."""
    few = matrix[:FEWER] if len(matrix) > 1_000 else matrix
    acts: dict[str, tuple[Callable[[], Any], int]] = {
        "predict": (partial(booster.predict, matrix, raw_score=True, num_threads=1), len(matrix)),
        "pred_contrib": (partial(booster.predict, few, pred_contrib=True, num_threads=1), len(few)),
        "shap": (partial(shap_itself(booster), few, check_additivity=False), len(few)),
        "ours": (partial(ours.contributions, matrix), len(matrix)),
        "ours, 2 threads": (partial(ours.contributions, matrix, threads=2), len(matrix)),
        "our margins": (partial(ours.margins, matrix), len(matrix)),
    }
    taken: dict[str, list[float]] = {way: [] for way in acts}
    for _ in range(times):
        for way, (act, rows) in acts.items():
            begin = time.perf_counter()
            act()
            taken[way].append((time.perf_counter() - begin) / rows * 1e6)
    return {way: np.array(times) for way, times in taken.items()}


def worded(ours: Booster, matrix: Floats) -> None:
    """What reasons cost, grouped and worded, beside the SHAP values that they tell.

    The columns are 90 of the example log's catalogue, the values those of MQLs of whom each round sees others, the
    effects the model's. "anew" is a writer that has not told a sentence before, "kept" one that told those of 1,000
    other rows. The garbage collector need not walk what was there before, as in a service.
    """
    features, values = histories(8_000)
    gc.collect()
    gc.freeze()
    effects = ours.contributions(matrix[: len(values)])[:, :-1]
    print(
        f"reasons: grouped and worded, {len({one.group for one in features.features})} groups of {FEATURES} columns"
    )
    print(f"{'rows':>8}{'SHAP values':>17}{'reasons, anew':>17}{'reasons, kept':>17}   µs a row, ratio to SHAP")
    for rows in WORDED:
        taken: dict[str, list[float]] = {"SHAP": [], "anew": [], "kept": []}
        writer = ReasonWriter(features)
        writer.write(values[-1_000:], effects[-1_000:])
        for turn in range(7 if rows == 1_000 else 35):
            part = slice(turn * rows, (turn + 1) * rows)
            fresh = ReasonWriter(features)
            for way, act in (
                ("SHAP", partial(ours.contributions, matrix[part])),
                ("anew", partial(fresh.write, values[part], effects[part])),
                ("kept", partial(writer.write, values[part], effects[part])),
            ):
                begin = time.perf_counter()
                act()
                taken[way].append((time.perf_counter() - begin) / rows * 1e6)
        shap, anew, kept = (np.array(times) for times in taken.values())
        costs = "".join(f"{np.median(times):>17.1f}" for times in (shap, anew, kept))
        print(f"{rows:>8}{costs}   {np.median(anew / shap):.2f} and {np.median(kept / shap):.2f}", flush=True)
    gc.unfreeze()
    print()


def histories(rows: int) -> tuple[FeatureSet, Floats]:
    """90 columns of the example log's catalogue, and (rows, 90) values of MQLs within 30 days of becoming one."""
    with TemporaryDirectory(prefix="mqm-explain-") as name:
        write_example(Path(name), 12_000, 0)
        log = LogArrays.from_tables(
            *(pq.read_table(Path(name) / f"{one}.parquet") for one in ("events", "attributes"))
        )
    conversion = funnel_from({}).conversion("mql_to_meeting")
    times = label_times(log, conversion, int(log.events.occurred.max()))
    times = times.take(np.random.default_rng(0).permutation(len(times))[:rows])
    features = derive_features(
        Vocabulary.of(log, int(times.cutoff.max())), FeatureSettings(max_columns=FEATURES), conversion
    )
    return features, features.compute(log, contact_ids(log, times), times.cutoff)


def rounds(rows: int) -> int:
    """More where a round is short."""
    return {1: 101, 100: 9, 1_000: 5}.get(rows, 5)


def shap_itself(booster: lightgbm.Booster) -> Callable[..., Any]:
    """shap's own tree algorithm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    explainer.model.model_type = "internal"
    return partial(explainer.shap_values)


def say(what: str, table: dict[str, Floats], of: str, to: str, must: str) -> None:
    """One ratio, and what it must be; the best round says what a machine gives that nobody else uses."""
    ratio = table[of] / table[to]
    best = ratio.min() if "most" in must else ratio.max()
    print(f"{what:<45} {np.median(ratio):>6.1f}, best round {best:>6.1f}   ({must})", flush=True)


def growth(booster: lightgbm.Booster) -> None:
    """What 1,000 rows cost as models grow; points are those of the quadrature, half the features on a path."""
    print(
        f"\n{'trees':>8}{'leaves':>8}{'depth':>8}{'points':>8}"
        + "".join(f"{way:>17}" for way in WAYS[:2] + WAYS[3:4])
    )
    for trees in (30, 100, TREES):
        show(lightgbm.Booster(model_str=booster.model_to_string(num_iteration=trees)), trees, LEAVES, "any")
    for leaves in (7, 127, 255):
        show(trained(100, leaves)[0], 100, leaves, "any")
    for depth in (4, 8, 16):
        show(trained(100, LEAVES, max_depth=depth, min_data_in_leaf=1)[0], 100, LEAVES, str(depth))


def show(booster: lightgbm.Booster, trees: int, leaves: int, depth: str) -> None:
    """One line of the growth."""
    text = booster.model_to_string()
    ours, points = Booster(text), make_plan(read_forest(text)).most_points
    matrix = np.random.default_rng(1).normal(size=(1_000, FEATURES))
    taken: dict[str, list[float]] = {"predict": [], "pred_contrib": [], "ours": []}
    for _ in range(3):
        for way, act, rows in (
            ("predict", partial(booster.predict, raw_score=True, num_threads=1), 1_000),
            ("pred_contrib", partial(booster.predict, pred_contrib=True, num_threads=1), 100),
            ("ours", ours.contributions, 1_000),
        ):
            begin = time.perf_counter()
            act(matrix[:rows])
            taken[way].append((time.perf_counter() - begin) / rows * 1e6)
    costs = "".join(f"{np.median(times):>17.1f}" for times in taken.values())
    print(f"{trees:>8}{leaves:>8}{depth:>8}{points:>8}{costs}", flush=True)

"""How much of the achievable gain a model reaches: the example's true probabilities are known.

The share is (LL(base rate) − LL(model)) / (LL(base rate) − LL(truth)) on the test part, out of time. The same with
the true probabilities in place of the outcomes drawn from them says how much of the difference is luck. Also the
largest difference between base log-odds plus effects and the log-odds, over 1,000 scores.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engagement.example import write_example
from engagement.log import open_log
from engagement.settings import read_settings
from features.arrays import LogArrays
from training.judge import calibration_error, log_loss, roc_auc
from training.table import contact_ids
from training.train import Trained, train

CONTACTS = int(os.environ.get("MQM_BENCH_CONTACTS", "50000"))


def run() -> None:
    """Prints one line a conversion."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_example(folder, CONTACTS, seed=0)
        log = open_log(str(folder))
        arrays = LogArrays.from_tables(log.events(), log.attributes())
        settings = read_settings([folder], {})
        as_of = int(arrays.events.occurred.max()) + 1
        truth = pq.read_table(folder / "truth.parquet")
        for conversion in settings.funnel.conversions.values():
            trained = train(arrays, conversion, settings.features, as_of)
            _show(trained, true_probabilities(trained, arrays, truth))
            print(f"  Σ effects: largest difference {_largest_gap(trained):.1e} over 1,000 scores")


def true_probabilities(trained: Trained, arrays: LogArrays, truth: pa.Table) -> Any:
    """(test rows,) the true probability of each row of the test part."""
    mine = truth.filter(pa.compute.equal(truth["conversion"], trained.rows.conversion.name))
    cutoffs = mine["cutoff"].cast(pa.int64()).to_pylist()
    keys = zip(mine["contact_id"].to_pylist(), cutoffs, strict=True)
    known = dict(zip(keys, mine["probability"].to_pylist(), strict=True))
    rows = trained.rows.take(trained.split.test)
    return np.array([known[str(c), int(t)] for c, t in zip(contact_ids(arrays, rows), rows.cutoff, strict=True)])


def _show(trained: Trained, true: Any) -> None:
    split, rows = trained.split, trained.rows
    converted, model = rows.converted[split.test], trained.test_probability
    rate = rows.converted[np.concatenate([split.train, split.calibrate])].mean()
    base = np.full(len(converted), rate)
    losses = [log_loss(converted, p) for p in (base, model, true)]
    hoped = [_expected_loss(true, p) for p in (base, model, true)]
    print(
        f"{rows.conversion.name}: train {len(split.train):,}, calibrate {len(split.calibrate):,}, "
        f"test {len(split.test):,} rows ({int(converted.sum()):,} converted)\n"
        f"  log loss base rate {losses[0]:.4f}, model {losses[1]:.4f}, truth {losses[2]:.4f}; "
        f"share of the achievable gain {_share(losses):.3f} (against the truth itself {_share(hoped):.3f})\n"
        f"  ROC AUC model {roc_auc(converted, model):.4f}, truth {roc_auc(converted, true):.4f}\n"
        f"  calibration error model {calibration_error(converted, model):.4f}, "
        f"truth {calibration_error(converted, true):.4f} (what chance alone leaves)",
        flush=True,
    )


def _share(losses: list[float]) -> float:
    return (losses[0] - losses[1]) / (losses[0] - losses[2])


def _expected_loss(true: Any, probability: Any) -> float:
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.mean(true * np.log(p) + (1 - true) * np.log1p(-p)))


def _largest_gap(trained: Trained) -> float:
    matrix = trained.matrix[trained.split.test][:1000]
    scores = trained.model.explain(matrix, [""] * len(matrix), np.zeros(len(matrix), np.int64))
    gaps = [abs((s.base_log_odds or 0.0) + sum(r.effect for r in s.reasons) - (s.log_odds or 0.0)) for s in scores]
    return max(gaps)

"""The peers: each learns from a frame and answers for another, and tells how long that took.

All get the same rows and columns, categories as categories, and two threads. FLAML and AutoGluon may search for as
long as `BUDGET` says; the others are one fit, as their users would begin.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import peers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: (frame to learn from, its outcome, frame to answer for) → a probability for each of the latter's rows.
Peer = Callable[[pd.DataFrame, Bools, pd.DataFrame], Floats]

#: Seconds that a search may take.
BUDGET = int(os.environ.get("MQM_BENCH_SECONDS", "30"))
THREADS = 2


def hist_gradient_boosting(learn: pd.DataFrame, converted: Bools, ask: pd.DataFrame) -> Floats:
    """scikit-learn's histogram gradient boosting, as it comes."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    return np.asarray(model.fit(learn, converted).predict_proba(ask)[:, 1])


def logistic_regression(learn: pd.DataFrame, converted: Bools, ask: pd.DataFrame) -> Floats:
    """One column a category, numbers imputed and brought to a normal distribution; the penalty is cross-validated."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        QuantileTransformer(output_distribution="normal", n_quantiles=100, random_state=0),
        StandardScaler(),
    )
    inputs = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10),
            make_column_selector(dtype_include="category"),
        ),
    )
    line = LogisticRegressionCV(
        Cs=(0.001, 0.01, 0.1, 1.0),
        cv=3,
        scoring="neg_log_loss",
        max_iter=300,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
    )
    return np.asarray(make_pipeline(inputs, line).fit(learn, converted).predict_proba(ask)[:, 1])


def flaml(learn: pd.DataFrame, converted: Bools, ask: pd.DataFrame) -> Floats:
    """FLAML's search over LightGBM and XGBoost by log loss."""
    from flaml.automl import AutoML

    search = AutoML()
    search.fit(
        learn,
        converted.astype(int),
        task="classification",
        metric="log_loss",
        estimator_list=["lgbm", "xgboost"],
        time_budget=BUDGET,
        n_jobs=THREADS,
        seed=0,
        verbose=0,
    )
    return np.asarray(search.predict_proba(ask)[:, 1])


def autogluon(python: Path) -> Peer:
    """AutoGluon with LightGBM alone, in an environment of its own (`benchmarks.peers.environment`)."""

    def peer(learn: pd.DataFrame, converted: Bools, ask: pd.DataFrame) -> Floats:
        with TemporaryDirectory() as name:
            folder = Path(name)
            learn.assign(converted=converted.astype(int)).to_parquet(folder / "learn.parquet")
            ask.to_parquet(folder / "ask.parquet")
            script = Path(peers.__file__).parent / "autogluon_rows.py"
            command: list[str | Path] = [python, "-W", "ignore", script, folder, str(BUDGET), str(THREADS)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            return np.array(json.loads((folder / "found.json").read_text()))

    return peer


PEERS: dict[str, Peer] = {
    "HistGradientBoosting": hist_gradient_boosting,
    "LogisticRegression": logistic_regression,
    "FLAML": flaml,
}


def timed(peer: Peer, learn: pd.DataFrame, converted: Bools, ask: pd.DataFrame) -> tuple[Floats, float]:
    """What the peer answers, and the seconds from the frame to the answer."""
    begin = time.perf_counter()
    probability = peer(learn, converted, ask)
    return probability, time.perf_counter() - begin

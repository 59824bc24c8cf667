"""Run by AutoGluon's own Python: LightGBM alone, by log loss, for so many seconds.

    python autogluon_rows.py FOLDER SECONDS THREADS

Reads `learn.parquet` (with the column `converted`) and `ask.parquet` in the folder and writes `found.json`: a
probability for each row of the latter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from autogluon.tabular import TabularPredictor


def main(folder: Path, seconds: int, threads: int) -> None:
    """One search."""
    learn, ask = pd.read_parquet(folder / "learn.parquet"), pd.read_parquet(folder / "ask.parquet")
    predictor = TabularPredictor(
        "converted", problem_type="binary", eval_metric="log_loss", path=str(folder / "models"), verbosity=0
    )
    lightgbm = {"GBM": [{}, {"extra_trees": True, "ag_args": {"name_suffix": "XT"}}]}
    predictor.fit(learn, hyperparameters=lightgbm, time_limit=seconds, num_cpus=threads, num_gpus=0)
    found = predictor.predict_proba(ask, as_multiclass=False)
    (folder / "found.json").write_text(json.dumps(found.tolist()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

"""Learning from a million label times × 200 features, beside a bare `lightgbm.train` on the same matrix.

The bare way gets everything for nothing: the settings and the number of trees that mqm arrived at, and the rows of
its training part. mqm looks for columns that drift, compares three rungs and three settings, calibrates, corrects for
the recent base rate, and judges itself and the baselines with bootstrap intervals (`training.train.learn`). Each runs
in a process of its own, from the same file; peak memory is the process's, the matrix (1.5 GiB) included.

The promise is at most 1.5 times the bare way's time and memory. MQM_BENCH_ROWS sets the number of rows.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.features.measuring import machine, table
from engagement.funnel import Conversion
from engagement.times import DAY
from features.declare import Count
from features.feature_set import FeatureSet
from models.calibration import inverse_logit
from training.fit import fixed_settings
from training.label_times import LabelTimes
from training.split import split_by_time
from training.train import Table, learn

COLUMNS, SPAN = 200, 700 * DAY
_MIB = 1024


def run() -> None:
    """Prints the two ways and their ratio."""
    rows = int(os.environ.get("MQM_BENCH_ROWS", "1000000"))
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, rows)
        ours, bare = _alone("mqm", folder), _alone("bare", folder)
    print(machine("lightgbm", "numpy"))
    print(f"{rows:,} label times × {COLUMNS} features; {ours['settings']}, {ours['trees']} trees")
    body = [[way, f"{of['seconds']:.1f}", f"{of['peak']:,}"] for way, of in (("mqm", ours), ("bare", bare))]
    body.append(["ratio", *(f"{ours[what] / bare[what]:.2f}" for what in ("seconds", "peak"))])
    print(table(["way", "seconds", "peak MiB"], body))
    print("mqm's time by step: " + ", ".join(f"{text} {taken:.1f} s" for text, taken in ours["steps"]), flush=True)


def main(way: str, folder: str) -> None:
    """Goes one way and prints what it took, as JSON."""
    matrix = np.load(Path(folder) / "matrix.npy")
    body = np.load(Path(folder) / "rows.npz")
    found = _learn(matrix, body, Path(folder)) if way == "mqm" else _train(matrix, body, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MIB
    print(json.dumps({**found, "peak": peak}))


def _learn(matrix: Any, body: Any, folder: Path) -> dict[str, Any]:
    rows = _rows(body)
    features = FeatureSet(tuple(Count(f"type_{i}", window=DAY) for i in range(COLUMNS)))
    steps: list[tuple[str, float]] = []
    begin = time.perf_counter()
    given = Table(rows, split_by_time(rows), features, matrix, body["recency"])
    found = learn(given, 0, None, lambda text, share: steps.append((text, time.perf_counter())))
    end = time.perf_counter()
    times = [at for _, at in steps[1:]] + [end]
    chosen = {"settings": found.fitted.settings, "trees": found.fitted.trees}
    (folder / "chosen.json").write_text(json.dumps(chosen))
    told = [(text, after - at) for (text, at), after in zip(steps, times, strict=True)]
    return {"seconds": end - begin, "steps": told, **chosen}


def _train(matrix: Any, body: Any, folder: Path) -> dict[str, Any]:
    import lightgbm as lgb

    rows, chosen = _rows(body), json.loads((folder / "chosen.json").read_text())
    part = split_by_time(rows).train
    begin = time.perf_counter()
    params = {**fixed_settings(0), **chosen["settings"], "max_bin": 63, "num_threads": 2}
    data = lgb.Dataset(matrix[: len(part)], rows.converted[part].astype(float), params=params)
    lgb.train(params, data, chosen["trees"])
    return {"seconds": time.perf_counter() - begin}


def _rows(body: Any) -> LabelTimes:
    conversion = Conversion("generated", "a", "b", "start", "goal", 30 * DAY)
    nobody = np.full(len(body["cutoff"]), -1, np.int32)
    return LabelTimes(conversion, int(SPAN), body["contact"], nobody, body["cutoff"], body["converted"], 0)


def _write(folder: Path, rows: int) -> None:
    """Counts, some missing, of which thirty matter."""
    draw = np.random.default_rng(0)
    matrix, log_odds = np.empty((rows, COLUMNS)), np.full(rows, -2.5)
    for column in range(COLUMNS):
        values = draw.poisson(draw.uniform(0.2, 4.0), rows).astype(np.float64)
        if column < 30:
            log_odds += draw.normal(0, 0.25) * np.minimum(values, 5) * (values != 2)
        values[draw.random(rows) < 0.05] = np.nan
        matrix[:, column] = values
    np.save(folder / "matrix.npy", matrix)
    cutoff = np.sort(draw.integers(0, SPAN - 30 * DAY, rows))
    converted, contact = draw.random(rows) < inverse_logit(log_odds), np.arange(rows, dtype=np.int32)
    np.savez(
        folder / "rows.npz", cutoff=cutoff, converted=converted, contact=contact, recency=draw.exponential(9.0, rows)
    )


def _alone(way: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training_size", way, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        printed = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"{way} failed")
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])

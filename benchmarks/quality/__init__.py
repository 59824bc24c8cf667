"""How good the probabilities are, beside what others make of the same tables.

mqm trains as `mqm train` does (and once more, searching for as long as the peers may); scikit-learn's gradient
boosting and logistic regression, FLAML and AutoGluon learn from the same rows and columns, two threads each. Everyone
is judged on the same later rows. MQM_BENCH_SECONDS is how long a search may take.

Where history is long enough mqm keeps a quarter of these rows, and the gaps, for its calibration; the peers may learn
from all of them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from benchmarks.features.measuring import machine
from benchmarks.peers import environment
from benchmarks.quality.figures import Answer, Tested, targets, told
from benchmarks.quality.frames import honest_frame, learnt_rows
from benchmarks.quality.peers import BUDGET, PEERS, THREADS, Peer, autogluon, timed
from benchmarks.quality.tables import SOURCES, Table
from models.calibration import inverse_logit
from training.split import group_of
from training.train import Trained, train
from training.tune import Budget


def run() -> None:
    """Prints a table for each table."""
    print(machine("scikit-learn", "lightgbm", "flaml"))
    print(f"a search may take {BUDGET} s; {THREADS} threads")
    with _all_peers() as peers:
        for source in SOURCES:
            if source.absent:
                print(f"\n{source.open.__name__}: skipped, {source.absent}")
                continue
            with TemporaryDirectory() as folder:
                table = source.open(Path(folder))
            _compare(table, peers)


@contextmanager
def _all_peers() -> Iterator[Mapping[str, Peer]]:
    """The peers that can be had; the reason is printed where one cannot."""
    with ExitStack() as stack:
        peers = dict(PEERS)
        try:
            peers["AutoGluon (LightGBM)"] = autogluon(stack.enter_context(environment("autogluon")))
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"AutoGluon: not installed: {error}")
        yield peers


def _compare(table: Table, peers: Mapping[str, Peer]) -> None:
    ours = {"mqm": _trained(table, None), "mqm, searched": _trained(table, Budget(seconds=BUDGET))}
    trained = ours["mqm"][0]
    split, rows, learnt = trained.split, trained.rows, learnt_rows(trained)
    frame = honest_frame(table, trained, THREADS)
    tested = Tested(rows.converted[split.test], group_of(rows)[split.test])
    answers = {name: Answer(one.test_probability, seconds) for name, (one, seconds) in ours.items()}
    without = {name: _uncorrected(one) for name, (one, _) in ours.items()}
    theirs = {}
    for name, peer in peers.items():
        try:
            theirs[name] = Answer(*timed(peer, frame[:learnt], rows.converted[:learnt], frame.iloc[split.test]))
        except (ValueError, subprocess.CalledProcessError) as error:
            print(f"{table.name}: {name} failed: {error}")
    before, after = rows.converted[:learnt].mean(), tested.converted.mean()
    print(
        f"\n{table.name}: {table.told}\n{learnt:,} rows ({before:.1%} converted) | {len(split.test):,} rows "
        f"({after:.1%}), {frame.shape[1]} columns; mqm fits {len(split.train):,} rows"
    )
    for name, (one, _) in ours.items():
        window = one.recent.window if one.recent else 0
        by = f"corrected by the latest {window:,} mature rows" if window else "no recent-base-rate correction"
        print(f"  {name}: {one.model.rung.kind}, {by}")
    corrected = [name for name, (one, _) in ours.items() if one.recent and one.recent.window]
    shown = {f"{name}, uncorrected": Answer(without[name]) for name in corrected}
    print(told(tested, {**answers, **shown, **theirs}))
    others = {name: answer.probability for name, answer in theirs.items()}
    for name, answer in answers.items():
        for target in targets(tested, answer.probability, without[name], others, table.auc, table.drifts):
            print(f"  {name:13} {target}", flush=True)


def _uncorrected(trained: Trained) -> npt.NDArray[np.float64]:
    """(test rows,) the probabilities without the recent-base-rate correction."""
    shifts = trained.recent.shifts[trained.split.test] if trained.recent else 0.0
    return inverse_logit(trained.test_log_odds - shifts)


def _trained(table: Table, budget: Budget | None) -> tuple[Trained, float]:
    """mqm's training, and its seconds from the matrix to the calibrated model: the peers get the matrix too."""
    moments: dict[str, float] = {}

    def clock(text: str, share: float) -> None:
        moments.setdefault(text, time.perf_counter())

    asked = (table.arrays, table.conversion, table.settings, table.as_of, 0, budget, clock, THREADS)
    trained = train(*asked, splitting=table.split)
    return trained, moments["judging out of time"] - moments["looking for columns that drift"]

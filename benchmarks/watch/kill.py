"""`mqm retrain` killed with SIGKILL at a hundred random moments: who is champion then, and does the next run go?

After every kill the store must name one whole champion (its bundle verified, loaded, golden scores repeated) that is
the one from before or a newer one. A run that ends before it is killed must succeed, as must one at the end that
nobody disturbs.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.watch.world import MONTH, NAME, START, TOML, build
from engagement.times import format_time
from models.champions import champions
from models.registry import Registry

TIMES = int(os.environ.get("MQM_BENCH_KILLS", "100"))
ROOT = Path(__file__).resolve().parents[2]


def run() -> None:
    """Prints how it went."""
    with tempfile.TemporaryDirectory() as name:
        killed(Path(name), TIMES)


def killed(home: Path, times: int, weekly: int = 100) -> dict[str, int]:
    """Kills so many runs in a home of its own; prints and returns what became of them.

    Raises:
        AssertionError: there was half a champion, or none.
    """
    world = build(9, weekly, seed=31)
    (home / "log").mkdir(parents=True)
    pq.write_table(world.events(), home / "log" / "events.parquet")
    pq.write_table(world.attributes, home / "log" / "attributes.parquet")
    (home / "log" / "mqm.toml").write_text(TOML)
    assert command(home, 7.9).wait() == 0 and champions(home / "mlruns"), "no champion to begin with"
    begin = time.monotonic()  # the first one also made the store
    assert command(home, 8.0).wait() == 0
    lasts = time.monotonic() - begin
    before = int(champions(home / "mlruns")[NAME].version)
    draw, told = random.Random(0), {"killed": 0, "ended first": 0, "promoted": 0}
    for number in range(times):
        process = command(home, 8.0 + (number + 1) / (times + 1))
        try:
            assert process.wait(draw.uniform(0, 1.1 * lasts)) == 0, "a run after a kill failed"
            told["ended first"] += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            told["killed"] += 1
        champion = champions(home / "mlruns")[NAME]
        champion.load(home / "mlruns")
        assert int(champion.version) >= before
        told["promoted"] += int(champion.version) > before
        before = int(champion.version)
        if (number + 1) % 10 == 0:
            print(f"  {number + 1} of {times}: {told}", flush=True)
    assert command(home, 9.0).wait() == 0, "the run after the last kill failed"
    registry = Registry(home / "mlruns", home)
    leading = [one.version for one in registry.versions(NAME) if "champion" in one.aliases]
    assert leading == [champions(home / "mlruns")[NAME].version]
    print(f"  {told}; a run lasts {lasts:.0f} s; one whole champion after each, and the last run succeeded")
    return told


def command(home: Path, month: float) -> subprocess.Popen[bytes]:
    """`mqm retrain` as of a month, in a process group of its own."""
    as_of = format_time(START + int(month * MONTH))
    arguments = [sys.executable, "-m", "mqm", "retrain", NAME, "--log", str(home / "log"), "--as-of", as_of]
    environ = {**os.environ, "MQM_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        arguments, cwd=home, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

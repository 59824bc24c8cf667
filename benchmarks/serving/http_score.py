"""An explained score over HTTP, one worker: beside a bare route with the same scorer, and beside MLflow's server.

Ratios hold, absolute figures are those of this machine. `held` says whether what mqm promises was kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.reliability.load import Client
from benchmarks.serving.mlflow_peer import serving
from benchmarks.serving.project import NAME, Project, write_project
from engagement.sqlite import SqliteLog
from engagement.times import format_time
from models.bundle import golden_rows
from models.champions import champions
from serving.intake import Question
from serving.run import free_port, running
from serving.scorer import answer_many

CLIENTS, SECONDS, ROUNDS = 16, 5.0, 4


def run() -> None:
    """Prints throughputs, their ratios, latencies, and the cost of a batch."""
    with tempfile.TemporaryDirectory(prefix="mqm-serving-") as name:
        project = write_project(Path(name))
        champion = project.champion("1", trees=300)
        bundle = champion.bundle(project.home / "mlruns")
        port, peer = free_port(), free_port()
        with (
            tempfile.TemporaryDirectory(prefix="mqm-mlflow-") as folder,
            bare(project.home, port),
            serving(bundle, Path(folder), peer) as path,
            running(project.home, output=Path(name) / "serve.log") as url,
        ):
            ours = int(url.rpartition(":")[2])
            _beside(project, ours, port, peer, path, bundle)
            _latency(project, ours)
            _batch(project, ours)


def _beside(project: Project, ours: int, plain: int, peer: int, path: str, bundle: Path) -> None:
    """All by turns, so that whatever else the machine does meets all."""
    questions = [json.dumps(project.question(number)).encode() for number in range(1000)]
    matrix, _ = golden_rows(bundle)
    rows = [{"dataframe_split": {"data": [[None if np.isnan(v) else v for v in row]]}} for row in matrix.tolist()]
    ready_made = [json.dumps(row).encode() for row in rows]
    turns = [(ours, "/v1/score", questions), (plain, "/v1/score", questions), (peer, path, ready_made)]
    servers = [_listener(port) for port, _, _ in turns]
    rates, costs = np.empty((ROUNDS, 3)), np.empty((ROUNDS, 3))
    for number in range(ROUNDS):
        for place, (port, at, bodies) in enumerate(turns):
            before = _processor(servers[place])
            rates[number, place] = throughput(port, project.key, at, bodies)
            costs[number, place] = (_processor(servers[place]) - before) / (rates[number, place] * (SECONDS + 1))
    mine, route, mlflow = np.median(rates, axis=0)
    to_route, to_mlflow = (np.median(rates[:, 0] / rates[:, other]) for other in (1, 2))
    print(f"{'explained scores a second':34}{mine:>9.0f}   at concurrency {CLIENTS}, stored and audited")
    print(f"{'  of a bare Starlette route':34}{route:>9.0f}   the same scorer, nothing else")
    print(f"{'  ratio':34}{to_route:>9.2f}   promised: at least 0.6")
    print(f"{'  of mlflow models serve':34}{mlflow:>9.1f}   contributions of ready-made feature rows")
    print(f"{'  ratio':34}{to_mlflow:>9.1f}   promised: at least 10")
    spent = " / ".join(f"{1000 * cost:.2f}" for cost in np.median(costs, axis=0))
    print(f"  milliseconds of processor an answer, of the three servers: {spent}")


def _latency(project: Project, port: int) -> None:
    bodies = [json.dumps(project.question(number)).encode() for number in range(1000)]
    taken = asyncio.run(_latencies(port, project.key, bodies))
    p50, p99 = (1000 * taken[int(share * len(taken))] for share in (0.5, 0.99))
    print(f"{'milliseconds at concurrency 1':34}{p50:>9.2f}   p99 {p99:.2f}, {p99 / p50:.1f} × p50; promised: 10 ×")


async def _latencies(port: int, key: str, bodies: list[bytes]) -> list[float]:
    client, taken = await Client.open(port, key), []
    for body in bodies * 2:
        began = time.perf_counter()
        await client.post("/v1/score", body)
        taken.append(time.perf_counter() - began)
    client.close()
    return sorted(taken)


def _batch(project: Project, port: int) -> None:
    """A thousand contacts over HTTP, and in this process from the same log."""
    as_of = project.question(0)["as_of"]
    body = json.dumps({"conversion": NAME, "contact_ids": project.contacts, "as_of": as_of}).encode()
    store = project.home / "mlruns"
    model = {name: one.load(store) for name, one in champions(store).items()}
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    from benchmarks.serving.project import AS_OF

    questions = [Question(NAME, contact, AS_OF) for contact in project.contacts]

    async def over_http() -> float:
        client = await Client.open(port, project.key)
        began = time.perf_counter()
        status, _ = await client.post("/v1/score/batch", body)
        assert status == 200
        client.close()
        return time.perf_counter() - began

    def here() -> float:
        began = time.perf_counter()
        answer_many(questions, model, log)
        return time.perf_counter() - began

    here()
    asyncio.run(over_http())
    pairs = [(asyncio.run(over_http()), here()) for _ in range(7)]
    ratio = statistics.median(http / inside for http, inside in pairs)
    told = f"in process {statistics.median(p[1] for p in pairs):.2f}: {ratio:.2f} ×; promised: at most 1.5 ×"
    print(f"{'seconds for a batch of 1,000':34}{statistics.median(p[0] for p in pairs):>9.2f}   {told}")
    assert format_time(AS_OF) == as_of


def _listener(port: int) -> psutil.Process:
    """The process that was started for whoever listens on a port."""
    pid = next(c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port)
    process = psutil.Process(pid)
    while (parent := process.parent()) is not None and parent.pid != os.getpid():
        process = parent
    return process


def _processor(process: psutil.Process) -> float:
    """Seconds of processor that it and its children took so far."""
    return float(sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True))))


def throughput(port: int, key: str, path: str, bodies: list[bytes]) -> float:
    """Answers a second, over `CLIENTS` kept connections for `SECONDS`, after a second to warm up."""

    refused: Counter[int] = Counter()

    async def one(number: int, until: float, since: float) -> int:
        client, done, turn = await Client.open(port, key), 0, number
        while (now := time.perf_counter()) < until:
            status, _ = await client.post(path, bodies[turn % len(bodies)])
            done += now >= since and status == 200
            refused[status] += status != 200
            turn += CLIENTS
        client.close()
        return done

    async def all_of_them() -> float:
        since = time.perf_counter() + 1.0
        work = [one(number, since + SECONDS, since) for number in range(CLIENTS)]
        done = sum(await asyncio.gather(*work))
        return done / (time.perf_counter() - since)

    rate = asyncio.run(all_of_them())
    if refused.total():
        print(f"  refused: {dict(+refused)}")
    return rate


@contextmanager
def bare(home: Path, port: int) -> Iterator[None]:
    """The bare route, while it runs."""
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(home), str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up and server.poll() is None:
            try:
                asyncio.run(_touch(port))
                break
            except OSError:
                time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(30)


async def _touch(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()

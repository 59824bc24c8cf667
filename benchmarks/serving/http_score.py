"""An explained score over HTTP, one worker: beside a bare route with the same scorer, and beside MLflow's server.

Ratios hold, absolute figures are those of this machine. Requests are made beforehand and answers not decoded: the
client shares the cores with what it measures.
"""

from __future__ import annotations

import json
import os
import random
import socket
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

from benchmarks.reliability.wire import drive, request
from benchmarks.serving.mlflow_peer import ADDRESS, serving
from benchmarks.serving.project import AS_OF, NAME, Project, write_project
from engagement.sqlite import SqliteLog
from engagement.times import format_time
from models.champions import champions
from serving.intake import Question
from serving.run import free_port, running
from serving.scorer import answer_many

CLIENTS, WARM, SECONDS, ROUNDS = 16, 1.0, 4.0, 4


def run() -> None:
    """Prints throughputs, their ratios, latencies, and the cost of a batch."""
    with tempfile.TemporaryDirectory(prefix="mqm-serving-") as name:
        project = write_project(Path(name))
        champion = project.champion("1", trees=300)
        bundle = champion.bundle(project.home / "mlruns")
        port, checked, unchecked = free_port(), free_port(), free_port()
        with (
            bare(project.home, port),
            serving(bundle, checked, True) as rows,
            serving(bundle, unchecked, False) as bare_rows,
            running(project.home, output=Path(name) / "serve.log") as url,
        ):
            ours = int(url.rpartition(":")[2])
            peers = [(checked, ADDRESS, rows), (unchecked, ADDRESS, bare_rows)]
            _beside(project, ours, port, peers)
            _latency(project, ours)
            _batch(project, ours)


def _beside(project: Project, ours: int, plain: int, peers: list[tuple[int, str, list[bytes]]]) -> None:
    """All by turns, so that whatever else the machine does meets all."""
    questions = _questions(project)
    turns = [(ours, "/v1/score", questions), (plain, "/v1/score", questions), *peers]
    made = [[request(port, project.key, path, body) for body in bodies] for port, path, bodies in turns]
    servers = [_listener(port) for port, _, _ in turns]
    rates, costs = np.empty((ROUNDS, len(turns))), np.empty((ROUNDS, len(turns)))
    for number in range(ROUNDS):
        for place, (port, _, _) in enumerate(turns):
            throughput(port, made[place], WARM)
            before = _processor(servers[place])
            rates[number, place] = throughput(port, made[place], SECONDS)
            costs[number, place] = (_processor(servers[place]) - before) / (rates[number, place] * SECONDS)
    mine, route, mlflow, loose = np.median(rates, axis=0)
    to_route, to_mlflow, to_loose = (np.median(rates[:, 0] / rates[:, other]) for other in (1, 2, 3))
    print(f"{'explained scores a second':34}{mine:>9.0f}   at concurrency {CLIENTS}, stored and audited")
    print(f"{'  of a bare Starlette route':34}{route:>9.0f}   the same scorer, nothing else")
    print(f"{'  ratio':34}{to_route:>9.2f}   promised: at least 0.6")
    print(f"{'  of mlflow models serve':34}{mlflow:>9.1f}   contributions of ready-made feature rows")
    print(f"{'  ratio':34}{to_mlflow:>9.1f}   promised: at least 10")
    print(f"{'  without a signature':34}{loose:>9.1f}   MLflow then checks nothing of what comes in")
    print(f"{'  ratio':34}{to_loose:>9.1f}")
    spent = " / ".join(f"{1000 * cost:.2f}" for cost in np.median(costs, axis=0))
    print(f"  milliseconds of processor an answer, of the four servers: {spent}")


def _questions(project: Project) -> list[bytes]:
    """In no order: who asks at the same time asks about contacts that have nothing to do with each other."""
    numbers = random.Random(7).sample(range(1000), 1000)
    return [json.dumps(project.question(number)).encode() for number in numbers]


def _latency(project: Project, port: int) -> None:
    made = [request(port, project.key, "/v1/score", body) for body in _questions(project)] * 2
    taken = drive(port, 1, lambda client, turn: made[turn] if turn < len(made) else None)
    p50, p99 = taken.percentile(0.5), taken.percentile(0.99)
    print(f"{'milliseconds at concurrency 1':34}{p50:>9.2f}   p99 {p99:.2f}, {p99 / p50:.1f} × p50; promised: 10 ×")


def _batch(project: Project, port: int) -> None:
    """A thousand contacts over HTTP, and in this process from the same log."""
    asked = {"conversion": NAME, "contact_ids": project.contacts, "as_of": format_time(AS_OF)}
    whole = request(port, project.key, "/v1/score/batch", json.dumps(asked).encode())
    store = project.home / "mlruns"
    model = {name: one.load(store) for name, one in champions(store).items()}
    log = SqliteLog(project.home / "mqm.sqlite", create=False)
    questions = [Question(NAME, contact, AS_OF) for contact in project.contacts]

    def over_http() -> float:
        taken = drive(port, 1, lambda client, turn: whole if turn == 0 else None)
        assert not taken.refused
        return taken.seconds[0]

    def here() -> float:
        began = time.perf_counter()
        answer_many(questions, model, log)
        return time.perf_counter() - began

    over_http(), here()
    pairs = [(over_http(), here()) for _ in range(7)]
    ratio = statistics.median(http / inside for http, inside in pairs)
    told = f"in process {statistics.median(p[1] for p in pairs):.2f}: {ratio:.2f} ×; promised: at most 1.5 ×"
    print(f"{'seconds for a batch of 1,000':34}{statistics.median(p[0] for p in pairs):>9.2f}   {told}")


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


def throughput(port: int, made: list[bytes], seconds: float) -> float:
    """Answers a second, over `CLIENTS` kept connections."""
    until = time.perf_counter() + seconds

    def following(client: int, turn: int) -> bytes | None:
        return made[(turn * CLIENTS + client) % len(made)] if time.perf_counter() < until else None

    taken = drive(port, CLIENTS, following)
    if taken.refused or taken.lost:
        print(f"  refused: {dict(Counter(taken.refused))}, lost: {taken.lost}")
    return len(taken.seconds) / taken.whole


@contextmanager
def bare(home: Path, port: int) -> Iterator[None]:
    """The bare route, while it runs."""
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(home), str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up and server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(30)

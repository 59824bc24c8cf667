"""A thousand clients at once: who is let in is answered soon, the rest is told to come again at once, none is broken.

Nobody waits between requests: who is turned away asks again, so the service is asked as often as its clients, who
share its cores, can ask. Where none is turned away nothing is shown, and it says so.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.reliability.load import Taken
from benchmarks.reliability.wire import drive, request
from benchmarks.serving.http_score import throughput
from benchmarks.serving.project import write_project
from serving.limits import ALWAYS, TURN
from serving.run import running

CLIENTS = 1_000


def run(scale: Scale, folder: Path) -> Outcome:
    """The throughput at concurrency 16; then over a thousand connections; then again at 16."""
    project = write_project(folder, 200, 40)
    project.champion("1", trees=300)
    bodies = [json.dumps(project.question(number)).encode() for number in range(200)]
    with running(folder, output=folder / "serve.log") as url:
        port = int(url.rpartition(":")[2])
        made = [request(port, project.key, "/v1/score", body) for body in bodies]
        throughput(port, made, 1.0)
        before = throughput(port, made, 4.0)
        taken = _press(port, made, CLIENTS, scale.of(10, 60))
        after = throughput(port, made, 4.0)
    statuses = Counter({200: len(taken.seconds), **Counter(taken.refused)})
    good, asked, p99 = statuses[200] / taken.whole, statuses.total() / taken.whole, taken.percentile(0.99) / 1000
    told = (
        f"{before:.0f}/s alone; {CLIENTS} clients asked {asked:.0f}/s: {good:.0f}/s answered, p99 {p99:.2f} s, "
        f"{dict(sorted(statuses.items()))}, {taken.lost} lost; {after:.0f}/s afterwards"
    )
    if not statuses[503]:
        return Outcome(None, f"not pressed: {told}")
    only = set(statuses) <= {200, 429, 503} and not taken.lost
    soon = 3 * (TURN + ALWAYS / before)  # in line for a turn, one turn, and the clients' own share of the machine
    return Outcome(only and good >= 0.4 * before and p99 < soon and after >= 0.7 * before, told)


def _press(port: int, made: list[bytes], clients: int, seconds: float) -> Taken:
    until = time.perf_counter() + seconds

    def following(client: int, turn: int) -> bytes | None:
        return made[(turn + client) % len(made)] if time.perf_counter() < until else None

    return drive(port, clients, following)

"""Five times what it can answer: what is let in is answered soon, the rest is told to come again, none is broken.

Where the clients, who share its cores, cannot ask for more than it answers, nothing is shown, and it says so.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.reliability.load import Client
from benchmarks.reliability.wire import request
from benchmarks.serving.http_score import throughput
from benchmarks.serving.project import Project, write_project
from serving.limits import ALWAYS, TURN
from serving.run import running

CLIENTS, TIMES = 200, 5


def run(scale: Scale, folder: Path) -> Outcome:
    """The throughput at concurrency 16, then five times as many requests a second over two hundred connections."""
    project = write_project(folder, 200, 40)
    project.champion("1", trees=300)
    bodies = [json.dumps(project.question(number)).encode() for number in range(200)]
    with running(folder, output=folder / "serve.log") as url:
        port = int(url.rpartition(":")[2])
        made = [request(port, project.key, "/v1/score", body) for body in bodies]
        throughput(port, made, 1.0)
        before = throughput(port, made, 4.0)
        statuses, seconds, whole = asyncio.run(_press(project, bodies, port, TIMES * before, scale.of(10, 60)))
        after = throughput(port, made, 4.0)
    good = statuses[200] / whole
    p99 = sorted(seconds)[int(0.99 * len(seconds))]
    pressed = sum(statuses.values()) / whole
    told = (
        f"{before:.0f}/s alone; pressed with {pressed:.0f}/s: {good:.0f}/s answered, p99 {p99:.2f} s, "
        f"{dict(sorted(statuses.items()))}; {after:.0f}/s afterwards"
    )
    if pressed < before:
        return Outcome(None, f"not pressed: {told}")
    only = set(statuses) <= {200, 429, 503}
    soon = 3 * (TURN + ALWAYS / before)  # in line for a turn, one turn, and the client's own share of the machine
    return Outcome(only and good >= 0.4 * before and p99 < soon and after >= 0.7 * before, told)


async def _press(
    project: Project, bodies: list[bytes], port: int, rate: float, for_seconds: int
) -> tuple[Counter[int], list[float], float]:
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    began = time.perf_counter()

    async def one(number: int) -> None:
        client, turn = await Client.open(port, project.key), 0
        while (due := began + (turn * CLIENTS + number) / rate) < began + for_seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() > began + for_seconds:
                break
            asked = time.perf_counter()
            status, _ = await client.post("/v1/score", bodies[(turn + number) % len(bodies)])
            statuses[status] += 1
            if status == 200:
                seconds.append(time.perf_counter() - asked)
            turn += 1
        client.close()

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return statuses, seconds, time.perf_counter() - began

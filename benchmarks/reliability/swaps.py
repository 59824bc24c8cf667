"""Models swapped under load: no failed request, and every answer is the offline score of the one model it names."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.reliability.load import Client
from benchmarks.serving.project import AS_OF, Project, write_project
from models.champions import Champion, point_to
from serving.run import running
from serving.scorer import scores

CLIENTS = 8


def run(scale: Scale, folder: Path) -> Outcome:
    """Eight clients ask without a pause while the champion changes; each answer is held against its model."""
    swaps = scale.of(10, 100)
    project = write_project(folder, 200, 30)
    one, two = project.champion("1", trees=40, leaves=7), project.champion("2", trees=60, leaves=7)
    offline = {champion.digest: _offline(project, champion) for champion in (one, two)}
    with running(folder, output=folder / "serve.log") as url:
        told = asyncio.run(_swap(project, [one, two], swaps, int(url.rpartition(":")[2]), offline))
    fine = not told["failed"] and not told["wrong"] and told["seen"] >= swaps
    return Outcome(fine, f"{told['seen']} swaps, {told['answers']:,} answers, "
                         f"{told['failed']} failed, {told['wrong']} not their model's")  # fmt: skip


def _offline(project: Project, champion: Champion) -> dict[str, float | None]:
    model = champion.load(project.home / "mlruns")
    found = scores(model, project.arrays, project.contacts, [AS_OF] * len(project.contacts))
    return {score.contact_id: score.log_odds for score in found}


async def _swap(
    project: Project, both: list[Champion], swaps: int, port: int, offline: dict[str, dict[str, float | None]]
) -> dict[str, int]:
    told = dict.fromkeys(("answers", "failed", "wrong", "seen"), 0)
    seen, ended = [""], asyncio.Event()

    async def ask(number: int) -> None:
        client, turn = await Client.open(port, project.key), number
        while not ended.is_set():
            question = project.question(turn)
            try:
                status, answer = await client.post("/v1/score", json.dumps(question).encode())
            except (OSError, EOFError):
                told["failed"] += 1
                client = await Client.open(port, project.key)
                continue
            told["answers"] += 1
            if status != 200:
                told["failed"] += 1
                continue
            expected = offline.get(answer["model_digest"], {}).get(question["contact_id"], "no such model")
            told["wrong"] += answer["log_odds"] != expected
            seen[0] = answer["model_digest"]
            turn += CLIENTS
        client.close()

    async def promote() -> None:
        try:
            for number in range(swaps):
                champion = both[number % 2]
                point_to(project.home / "mlruns", champion)
                give_up = time.monotonic() + 120
                while seen[0] != champion.digest and time.monotonic() < give_up:
                    await asyncio.sleep(0.05)
                told["seen"] += seen[0] == champion.digest
        finally:
            ended.set()

    await asyncio.gather(promote(), *(ask(number) for number in range(CLIENTS)))
    return told

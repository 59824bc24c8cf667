"""No acknowledged event is lost when the server is killed under load, and each is stored as it was sent."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.forked import ForkedServer
from benchmarks.reliability.frame import Outcome, Scale, Server
from benchmarks.reliability.load import event, load
from engagement.sqlite import SqliteLog


def run(scale: Scale, folder: Path) -> Outcome:
    """Eight clients write singles and batches; kill -9 after a random moment; the log is read after each kill."""
    kills, wanted = scale.of(20, 200), scale.of(5_000, 100_000)
    draw = random.Random(1)
    told: dict[str, float] = {}
    server = ForkedServer(folder)
    log: SqliteLog | None = None
    lost = wrong = done = 0
    while done < kills or len(told) < wanted:
        server.start()
        asyncio.run(_write_and_kill(server, done, draw, told))
        done += 1
        log = log or SqliteLog(folder / "mqm.sqlite", create=False)
        stored = log.events().select(["event_id", "value"]).to_pydict()
        kept = dict(zip(stored["event_id"], stored["value"], strict=True))
        lost = sum(name not in kept for name in told)
        wrong = sum(kept.get(name, value) != value for name, value in told.items())
        if lost or wrong:
            break
    return Outcome(not lost and not wrong, f"{done} kills, {len(told):,} acknowledged, {lost} lost, {wrong} changed")


async def _write_and_kill(server: Server, round_: int, draw: random.Random, told: dict[str, float]) -> None:
    def following(client: int, turn: int) -> list[dict[str, Any]] | None:
        size = 1 if client % 2 else 20
        names = (f"k-{round_}-{client}-{turn}-{n}" for n in range(size))
        return [event(name, f"c-{client}-{turn % 50}", value=draw.randrange(10**6) / 8) for name in names]

    def stored(events: list[dict[str, Any]], answer: Any) -> None:
        told.update((one["event_id"], one["value"]) for one in events)

    async def kill() -> None:
        await asyncio.sleep(0.3 + draw.random())
        assert server.process is not None
        server.process.kill()

    began = time.monotonic()
    await asyncio.gather(load(server.port, server.key, 8, following, stored), kill())
    server.kill()
    assert time.monotonic() - began < 60, "the load did not end with its server"

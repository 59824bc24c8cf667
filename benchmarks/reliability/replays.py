"""Ten-fold shuffled replay by many clients at once, across restarts, stores each event once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from benchmarks.reliability.frame import Outcome, Scale, Server
from benchmarks.reliability.load import event, load
from engagement.sqlite import SqliteLog

CLIENTS = 10


def run(scale: Scale, folder: Path) -> Outcome:
    """Each of ten clients sends every event, in an order of its own; the server is restarted twice meanwhile."""
    number = scale.of(2_000, 20_000)
    events = [event(f"r-{n}", f"c-{n % 300}", value=float(n)) for n in range(number)]
    orders = [random.Random(client).sample(range(number), number) for client in range(CLIENTS)]
    counted = {"accepted": 0, "duplicates": 0, "rejected": 0}
    server, third = Server(folder), number // 3 + 1

    def count(_: Any, answer: Any) -> None:
        counted["accepted"] += answer["accepted"]
        counted["duplicates"] += answer["duplicates"]
        counted["rejected"] += len(answer["rejected"])

    for part in range(3):

        def following(client: int, turn: int, part: int = part) -> list[dict[str, Any]] | None:
            mine = orders[client][part * third : (part + 1) * third][turn * 50 : turn * 50 + 50]
            return [events[n] for n in mine] or None

        with server:
            asyncio.run(load(server.port, server.key, CLIENTS, following, count, patient=True))
            server.stop()
    log = SqliteLog(folder / "mqm.sqlite", create=False)
    stored = log.events()["event_id"].to_pylist()
    log.close()
    fine = sorted(stored) == sorted(one["event_id"] for one in events)
    fine = fine and counted == {"accepted": number, "duplicates": (CLIENTS - 1) * number, "rejected": 0}
    return Outcome(fine, f"{CLIENTS * number:,} sent, {len(stored):,} stored of {number:,}; told {counted}")

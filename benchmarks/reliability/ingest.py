"""At least 1,000 durable single events a second and 10,000 in batches on SQLite; p99 below 100 ms with 32 clients."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil

from benchmarks.reliability.frame import Outcome, Scale, Server
from benchmarks.reliability.load import Taken, event
from benchmarks.reliability.wire import drive, request

CLIENTS, BATCH = 32, 500


def run(scale: Scale, folder: Path) -> Outcome:
    """Events one by one from 32 clients, then batches of 500 from 4."""
    singles, batches = scale.of(300, 3_000), scale.of(20, 200)
    with Server(folder) as server:
        before = _processor(server)
        one = _measure(server, CLIENTS, singles, 1, "s")
        cost = (_processor(server) - before) / (CLIENTS * singles)
        many = _measure(server, 4, batches, BATCH, "b")
    single, bulk = CLIENTS * singles / one.whole, 4 * batches * BATCH / many.whole
    told = (
        f"{single:,.0f} single events/s (p50 {one.percentile(0.5):.0f}, p99 {one.percentile(0.99):.0f} ms, "
        f"{1000 * cost:.2f} ms of a processor each), "
        f"{bulk:,.0f} events/s in batches of {BATCH}; "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    fine = not (one.refused or one.lost or many.refused or many.lost)
    return Outcome(fine and single >= 1_000 and bulk >= 10_000 and one.percentile(0.99) < 100, told)


def _processor(server: Server) -> float:
    """Seconds of a processor that the server took so far."""
    assert server.process is not None
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


def _measure(server: Server, clients: int, turns: int, size: int, name: str) -> Taken:
    made = [
        [_request(server, f"{name}-{client}", turn * size, size) for turn in range(turns)]
        for client in range(clients)
    ]
    return drive(server.port, clients, lambda client, turn: made[client][turn] if turn < turns else None)


def _request(server: Server, name: str, start: int, size: int) -> bytes:
    """The events of a client from that number on."""
    events = [event(f"{name}-{number}", f"c-{name}-{number % 97}") for number in range(start, start + size)]
    return request(server.port, server.key, "/v1/events", json.dumps({"events": events}).encode())

"""The write-ahead log stays bounded while readers follow each other without a pause."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import apsw

from benchmarks.reliability.frame import Outcome, Scale, Server
from benchmarks.reliability.load import event, load

#: Bytes that the log may hold at most.
MOST = 128 << 20


def run(scale: Scale, folder: Path) -> Outcome:
    """Two readers whose snapshots overlap, so that there is always one; much is written meanwhile."""
    batches, stop, largest = scale.of(60, 600), threading.Event(), [0]
    wal = folder / "mqm.sqlite-wal"
    with Server(folder) as server:
        readers = [threading.Thread(target=_read, args=(folder / "mqm.sqlite", delay, stop)) for delay in (0.0, 0.05)]
        for reader in readers:
            reader.start()

        def following(client: int, turn: int) -> list[dict[str, Any]] | None:
            largest[0] = max(largest[0], wal.stat().st_size)
            if turn == batches:
                return None
            return [event(f"w-{client}-{turn}-{n}", f"c-{n}", detail="x" * 4000) for n in range(250)]

        taken = asyncio.run(load(server.port, server.key, 4, following))
        stop.set()
        for reader in readers:
            reader.join()
    written = 4 * batches * 250 * 4000
    fine = not taken.refused and not taken.lost and largest[0] < MOST
    return Outcome(fine, f"{written / 1e6:,.0f} MB written, the WAL never above {largest[0] / 1e6:,.0f} MB")


def _read(path: Path, delay: float, stop: threading.Event) -> None:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    time.sleep(delay)
    while not stop.is_set():
        with connection:
            connection.execute("SELECT count(*) FROM attributes").fetchall()
            time.sleep(0.1)
    connection.close()

"""A database that another program locks: requests wait, or are refused with 503; nothing is lost or stored twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import apsw

from benchmarks.reliability.checks import acknowledged, missing, trial
from benchmarks.reliability.frame import Outcome, Scale, Server
from engagement.sqlite_file import BUSY_MILLISECONDS


def run(scale: Scale, folder: Path) -> Outcome:
    """Another connection holds the lock for a second, then for longer than the service waits."""
    with Server(folder) as server:
        other = apsw.Connection(str(folder / "mqm.sqlite"))
        short, waited = _while_locked(server, other, 1.0, "short")
        long, refused_after = _while_locked(server, other, BUSY_MILLISECONDS / 1000 + 2, "long")
        other.close()
        again = asyncio.run(trial(server, "long", 1))  # the client sends it again, as the 503 said
    told = acknowledged([*short, *long, *again])
    lost = missing(folder, told)
    statuses = [status for status, _ in (*short, *long, *again)]
    told_so = f"locked 1 s: {statuses[0]} after {waited:.1f} s; for long: {statuses[1]} after {refused_after:.1f} s"
    return Outcome(statuses == [200, 503, 200] and lost == 0, f"{told_so}; sent again: {statuses[2]}; {lost} lost")


def _while_locked(
    server: Server, other: apsw.Connection, seconds: float, name: str
) -> tuple[list[tuple[int, list[str]]], float]:
    async def both() -> tuple[list[tuple[int, list[str]]], float]:
        async def release() -> None:
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")

        other.execute("BEGIN IMMEDIATE")
        began, waiting = time.monotonic(), asyncio.create_task(release())
        answers = await trial(server, name, 1)
        taken = time.monotonic() - began
        await waiting
        return answers, taken

    return asyncio.run(both())

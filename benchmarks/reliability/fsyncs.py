"""Every commit is followed by a sync before it is acknowledged: counted by strace."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from pathlib import Path
from typing import Any

from benchmarks.reliability.frame import Outcome, Scale, Server, Skipped
from benchmarks.reliability.load import event, load


def run(scale: Scale, folder: Path) -> Outcome:
    """One client sends events one by one, so that none shares a commit: as many syncs of the WAL as events."""
    if shutil.which("strace") is None:
        raise Skipped("strace is not installed (Debian's package strace)")
    number, trace = scale.of(200, 2_000), folder / "trace"
    calls = "trace=fsync,fdatasync"
    server = Server(folder / "home", wrapped=("strace", "-f", "-y", "-qq", "-e", calls, "-o", str(trace)))
    with server:
        before = _syncs(trace)

        def following(client: int, turn: int) -> list[dict[str, Any]] | None:
            return None if turn == number else [event(f"f-{turn}")]

        taken = asyncio.run(load(server.port, server.key, 1, following))
        counted = _syncs(trace) - before
        server.stop(signal.SIGTERM)
    fine = not taken.refused and not taken.lost and counted >= number
    return Outcome(fine, f"{number} events one by one: {counted} syncs of the WAL")


def _syncs(trace: Path) -> int:
    return len(re.findall(r"f(?:data)?sync\(\d+<[^>]*-wal>", trace.read_text()))

"""No space left: events are refused with 503, the service lives, and goes on when there is space."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from benchmarks.reliability.checks import acknowledged, missing, trial
from benchmarks.reliability.frame import Outcome, Scale, Server


def run(scale: Scale, folder: Path) -> Outcome:
    """Files may not grow beyond a few hundred kilobytes more, for a while; three times over."""
    told: set[str] = set()
    refused = 0
    with Server(folder) as server:
        assert server.process is not None
        for round_ in range(scale.of(3, 30)):
            told |= acknowledged(asyncio.run(trial(server, f"d-{round_}-before", 20)))
            largest = max(path.stat().st_size for path in folder.glob("mqm.sqlite*"))
            _limit(server.process.pid, largest + 200_000)
            full = asyncio.run(trial(server, f"d-{round_}-full", 300, size=20))
            told |= acknowledged(full)
            refused += sum(status == 503 for status, _ in full)
            odd = [status for status, _ in full if status not in (200, 503)]
            _limit(server.process.pid, resource.RLIM_INFINITY)
            after = asyncio.run(trial(server, f"d-{round_}-after", 20))
            told |= acknowledged(after)
            if odd or any(status != 200 for status, _ in after):
                return Outcome(
                    False, f"statuses {sorted(set(odd))}; after: {sorted({status for status, _ in after})}"
                )
    lost = missing(folder, told)
    return Outcome(lost == 0 and refused > 0, f"{refused} requests refused, {len(told):,} acknowledged, {lost} lost")


def _limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

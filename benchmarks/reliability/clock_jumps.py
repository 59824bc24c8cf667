"""A clock that jumps: what is stored stays stored once, and times that then lie in the future are refused by name."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

from benchmarks.reliability.frame import Outcome, Scale, Server
from benchmarks.reliability.load import event, once
from engagement.sqlite import SqliteLog

#: Seconds that the clock is off, one after the other, and what becomes of an event of just now.
JUMPS = [
    (0, "accepted"),
    (7200, "accepted"),
    (-7200, "occurred_after_received"),
    (86400 * 365, "accepted"),
    (0, "accepted"),
]


def run(scale: Scale, folder: Path) -> Outcome:
    """At each jump: an event of just now, one of long ago, and again all that was sent before."""
    clock = folder / "clock"
    clock.write_text("0")
    sent: list[dict[str, Any]] = []
    seen: list[str] = []
    doubled = 0
    with Server(folder, environ={"MQM_CLOCK_FILE": str(clock)}) as server:
        for number, (seconds, _) in enumerate(JUMPS):
            clock.write_text(str(seconds))
            when = datetime.datetime.now(datetime.UTC).isoformat()
            fresh, old = event(f"now-{number}", occurred_at=when), event(f"old-{number}")
            status, answer = asyncio.run(once(server.port, server.key, [fresh, old, *sent]))
            assert status == 200, (status, answer)
            rejected = {row["event_id"]: row["code"] for row in answer["rejected"]}
            seen.append(rejected.get(f"now-{number}", "accepted"))
            doubled += answer["duplicates"] != len(sent)
            sent += [one for one in (fresh, old) if one["event_id"] not in rejected]
            sent = [one for one in sent if not one["event_id"].startswith("now")] if seconds < 0 else sent
    log = SqliteLog(folder / "mqm.sqlite", create=False)
    stored = log.events()["event_id"].to_pylist()
    log.close()
    fine = seen == [expected for _, expected in JUMPS] and doubled <= 1 and len(stored) == len(set(stored))
    return Outcome(fine, f"jumps of {[seconds for seconds, _ in JUMPS]} s: {seen}; {len(stored)} events, each once")

"""The server that scenarios kill: `python -m benchmarks.reliability.server HOME LOG PORT`.

It is the application of the service with its log and its writer, over uvicorn alone. `MQM_CLOCK_FILE` names a file
with a number of seconds that its clock is off by.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import uvicorn

from engagement.ledger import Ledger
from engagement.log import open_database
from serving.app import make_app
from serving.keys import KeyRing
from serving.limits import RateLimit
from serving.logs import log_to_stderr
from serving.shelf import Shelf
from serving.state import State
from serving.steady import steady


def main(home: Path, log: str, port: int) -> None:
    """Serves until told to stop."""
    off = os.environ.get("MQM_CLOCK_FILE")

    def now() -> int:
        return time.time_ns() // 1000 + (int(float(Path(off).read_text()) * 1e6) if off else 0)

    def no_model(*_: object) -> None:
        raise AssertionError

    state = State(
        conversions={},
        keys=KeyRing(home),
        rates=RateLimit(home, rate=1e6),  # loads come from one key, and are to meet the log's limits alone
        shelf=Shelf(dict, no_model),  # type: ignore[arg-type]
        open_log=lambda: open_database(log, create=True),
        open_ledger=lambda: Ledger(home / "mqm-ledger.sqlite"),
        clock=now,
        settled=steady,
    )
    log_to_stderr()
    state.start()
    try:
        uvicorn.run(make_app(state), port=port, log_level="critical", timeout_graceful_shutdown=10)
    finally:
        state.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

"""What keeps a worker's answers even: a garbage collector that rests, and threads that take short turns."""

from __future__ import annotations

import gc
import sys

#: Seconds that a thread may hold the interpreter while another waits. Who writes events or the ledger calls SQLite
#: for each row and gets in line again after each; with Python's 5 ms a group of thirty would wait for a tenth of a
#: second.
TURN = 0.0005


def steady() -> None:
    """Called once, when everything is loaded: what is there by now stays, and need not be walked during requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(TURN)

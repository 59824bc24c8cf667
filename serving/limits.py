"""How much the service takes on: so many requests a second for each key, and no more than it can answer in time."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import struct
import time
from pathlib import Path

FILE = ".mqm-limits"
#: Requests a second for a key that has no rate of its own, and how many seconds' worth may come at once.
RATE, BURST = 5_000.0, 2.0
#: Seconds of work that one turn of the event loop may hold, and requests that it takes on in any case (a worker may
#: stand still for a moment, as while a model is loaded); those beyond both are turned away.
TURN, ALWAYS = 0.25, 64

_SLOTS = 65_536
_MOMENT = struct.Struct("<q")


class RateLimit:
    """A leaky bucket for each key, in a small file that all workers of a home share.

    The file holds, for each key, the moment (of the machine's monotonic clock) at which its bucket is empty again.
    Where the home cannot be written each worker counts for itself.
    """

    def __init__(self, home: Path, rate: float = RATE) -> None:
        self._rate = rate
        self._file: int | None = None
        size = _SLOTS * _MOMENT.size
        try:
            self._file = os.open(home / FILE, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._file, size)
            self._moments = mmap.mmap(self._file, size)
        except OSError:
            self._moments = mmap.mmap(-1, size)

    def wait(self, key_id: str, rate: float | None = None) -> float:
        """Takes one request of a key on: 0, or the seconds after which it may ask again."""
        place = int.from_bytes(key_id.encode()[:8].ljust(8), "little") % 65_521 * _MOMENT.size
        interval = int(1e9 / (rate or self._rate))
        most = int(BURST * 1e9) + interval
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _MOMENT.size, place)
        try:
            now = time.monotonic_ns()
            empty: int = max(_MOMENT.unpack_from(self._moments, place)[0], now)
            if empty > now + 2 * most:  # written before this machine was started again
                empty = now
            if empty + interval > now + most:
                return (empty + interval - now - most) / 1e9
            _MOMENT.pack_into(self._moments, place, empty + interval)
        finally:
            if self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _MOMENT.size, place)
        return 0.0


class Turns:
    """Sheds load: scoring holds the event loop, so what came in together waits in line.

    Requests that one turn of the loop began are let in until `TURN` seconds are used up and there were `ALWAYS` of
    them; the rest of the line is answered at once with 503, so that nobody who is let in waits for much longer.
    """

    def __init__(self, most: float = TURN, always: int = ALWAYS) -> None:
        self._most, self._always = most, always
        self._began, self._taken = 0.0, 0
        self._open = False

    def full(self) -> bool:
        """Whether this turn has used its time up; called within the event loop."""
        now = time.perf_counter()
        if not self._open:
            self._open, self._began, self._taken = True, now, 0
            asyncio.get_running_loop().call_soon(self._end)
        self._taken += 1
        return self._taken > self._always and now - self._began > self._most

    def _end(self) -> None:
        self._open = False

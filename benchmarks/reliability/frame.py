"""What all scenarios share: a scale, an outcome, and a server that is started, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from serving.keys import create_key
from serving.run import free_port

#: The keys that scenarios use are as old as this (microseconds UTC), whatever the clock says.
_LONG_AGO = 1_700_000_000_000_000


@dataclass(frozen=True)
class Scale:
    """How long to try: some minutes for all scenarios, or with `--long` as long as the promise says."""

    long: bool = False

    def of(self, short: int, long: int) -> int:
        """The number of tries."""
        return long if self.long else short


@dataclass(frozen=True)
class Outcome:
    """What came out: whether the promise held (None: it could not be tried here), and the figures in words."""

    held: bool | None
    told: str


class Skipped(Exception):
    """A scenario that cannot be tried here; says why."""


@dataclass
class Server:
    """The service's own routes over uvicorn alone, without models: it is there in a second. `start` it, `kill` it.

    Attributes:
        home: a folder of its own. log: URL of the engagement log; by default SQLite in the home.
        wrapped: a command that the server is run by, such as strace.
        environ: added to its environment.
    """

    home: Path
    log: str = ""
    wrapped: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.log = self.log or f"sqlite:///{self.home}/mqm.sqlite"
        self.key = create_key(self.home, ["events"], _LONG_AGO)[1]

    def start(self) -> Server:
        """Starts it, and waits until it stores events.

        Raises:
            RuntimeError: it ended, or is not there within three minutes.
        """
        from benchmarks.reliability.load import ready

        self.spawn()
        give_up = time.monotonic() + 180
        while not ready(self.port, self.key):
            if self.process is None or self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the server did not start: {(self.home / 'server.log').read_text()[-500:]}")
            time.sleep(0.05)
        return self

    def spawn(self) -> None:
        """Starts it and waits for nothing."""
        command = [*self.wrapped, sys.executable, "-m", "benchmarks.reliability.server", str(self.home), self.log]
        with (self.home / "server.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, str(self.port)], stdout=output, stderr=output, env={**os.environ, **self.environ}
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it politely, or as that signal does, and waits until it is gone."""
        if self.process is not None and self.process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                own = psutil.Process(self.process.pid)
                (own.children() or [own])[0].send_signal(number)  # a wrapping command ends with what it wraps
            self.process.wait(60)

    def kill(self) -> None:
        """Ends it at once: what is not on its way to the disk is gone."""
        self.stop(signal.SIGKILL)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

"""A server that is there at once: forked from a process that has imported everything, for hundreds of kills."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.reliability.frame import Server

_MODULE = "benchmarks.reliability.server"


class ForkedServer(Server):
    """As `Server`; what is killed is a process of its own all the same."""

    def spawn(self) -> None:
        """Starts it and waits for nothing."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([_MODULE])
        child = context.Process(target=_serve, args=(self.home, self.log, self.port), daemon=True)
        child.start()
        self.process = _Popen(child)  # type: ignore[assignment]


class _Popen:
    """What `Server` needs of `subprocess.Popen`, of a forked child."""

    def __init__(self, child: Any) -> None:
        self._child = child
        self.pid = int(child.pid)
        self.kill = child.kill

    def poll(self) -> int | None:
        code: int | None = self._child.exitcode
        return code

    def wait(self, timeout: float) -> None:
        self._child.join(timeout)
        if self._child.exitcode is None:
            raise subprocess.TimeoutExpired("the server", timeout)


def _serve(home: Path, log: str, port: int) -> None:
    from benchmarks.reliability.server import main

    with (home / "server.log").open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    main(home, log, port)

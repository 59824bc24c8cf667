"""A folder that may not be written: the service says so, answers 503, and goes on by itself when it may."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

from benchmarks.reliability.checks import acknowledged, missing, trial
from benchmarks.reliability.frame import Outcome, Scale, Server, Skipped
from benchmarks.reliability.load import ready


def run(scale: Scale, folder: Path) -> Outcome:
    """The server is started by somebody who may not write, and the rights are mended while it runs."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise Skipped("root may write everywhere, and setpriv (Debian's package util-linux) is not installed")
    as_others = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    data = folder / "data"
    server = Server(folder, log=f"sqlite:///{data}/mqm.sqlite")
    data.mkdir()
    _open(folder)
    with server:
        told = acknowledged(asyncio.run(trial(server, "before", 20)))
        server.stop()
    _open(folder)
    for path in (data, *data.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    server.wrapped = as_others
    server.spawn()
    try:
        waited = _statuses(server, 3.0)
        _open(folder)
        began = time.monotonic()
        while not ready(server.port, server.key) and time.monotonic() - began < 20:
            time.sleep(0.1)
        back = time.monotonic() - began
        told |= acknowledged(asyncio.run(trial(server, "after", 20)))
    finally:
        server.kill()
    lost = missing(data, told)
    fine = waited == {503} and back < 20 and lost == 0 and len(told) == 40
    return Outcome(
        fine, f"read-only: {sorted(waited)}; back {back:.1f} s after the rights; {lost} of {len(told)} lost"
    )


def _open(folder: Path) -> None:
    """Everybody may read and write all of it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def _statuses(server: Server, seconds: float) -> set[int]:
    """What requests are answered during some seconds, once there is an answer at all."""
    found, began = set(), time.monotonic()
    while time.monotonic() - began < seconds or not found:
        try:
            found |= {status for status, _ in asyncio.run(trial(server, "read-only", 1))}
        except OSError:
            if time.monotonic() - began > 60:
                raise
        time.sleep(0.1)
    return found

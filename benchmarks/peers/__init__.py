"""Peers that cannot live beside our own versions: each in an environment of its own, made from its lock file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_HERE = Path(__file__).parent


@contextmanager
def environment(peer: str) -> Iterator[Path]:
    """The Python of a throw-away environment with what `benchmarks/peers/PEER.lock` names.

    uv fetches a package once and then has it; making the environment again takes seconds.
    """
    uv = Path(sys.executable).parent / "uv"
    with TemporaryDirectory() as folder:
        home = Path(folder) / peer
        python = home / "bin" / "python"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True)
        lock = _HERE / f"{peer}.lock"
        install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock]
        subprocess.run(install, check=True)
        yield python


def run_in(peer: str, script: str, *arguments: str) -> str:
    """What `benchmarks/peers/SCRIPT` prints when the peer's own Python runs it."""
    with environment(peer) as python:
        command = [python, "-W", "ignore", _HERE / script, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

"""A bundle is tried in a child process before a service takes it: whatever its model does, the service lives on.

`python -m models.trial FOLDER` loads the bundle (digests, parsing, golden scores to the last bit) and prints its
digest. The child may use so much memory, time and disk and no more, and sees nothing of our environment.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from engagement.errors import BrokenBundle, MqmError
from models.bundle import load_bundle

#: Bytes of address space, seconds of processor, seconds in all, bytes of any file that is written.
MEMORY, SECONDS, PATIENCE, FILE = 6 << 30, 240, 600, 64 << 20
_ROOT = Path(__file__).resolve().parent.parent
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "NUMBA_CACHE_DIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class NotTried(MqmError):
    """The trial could not be finished; it says nothing about the bundle."""


def try_bundle(folder: Path, digest: str) -> None:
    """Loads the bundle in a child process, with limits.

    Raises:
        BrokenBundle: the child refused it, died of it, or found another digest. NotTried: it did not end in time.
    """
    environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "models.trial", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 (our own command)
            command,
            env=environ,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise NotTried("the trial of a bundle did not end", f"{PATIENCE} s", "It is tried again.") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BrokenBundle("the bundle failed its trial", last, "Train again, or roll back to a whole bundle.")
    if done.stdout.strip() != digest:
        raise BrokenBundle("the bundle is not the one that was promoted", done.stdout.strip(), "Promote it again.")


def limit() -> None:
    """Binds this process to the limits."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard),) * 2)


def main(folder: Path) -> int:
    """The child: prints the digest of the bundle, or on standard error why it is refused."""
    limit()
    try:
        print(load_bundle(folder).digest)  # noqa: T201 (this is how it answers)
    except MqmError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Where a model comes from: versions, the lock file, the commit, and a digest of the data itself."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np

from features.arrays import LogArrays

_ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = ("mqm", "lightgbm", "numpy", "numba", "scikit-learn", "pandas", "pyarrow")


def versions() -> dict[str, str]:
    """The versions that a model's bits depend on."""
    return {name: version(name) for name in _LIBRARIES}


def lock_digest() -> str | None:
    """SHA-256 of requirements.lock, where mqm runs from a checkout."""
    lock = _ROOT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None


def git_commit() -> str | None:
    """The checkout's commit, with a plus sign where the tree was changed since; None outside a checkout."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def data_digest(arrays: LogArrays, as_of: int) -> str:
    """SHA-256 of what was known by `as_of`, whatever else the log holds and in whatever order it was read."""
    at = arrays.events
    known = np.flatnonzero((at.occurred < as_of) & (at.received <= as_of))
    used_pairs, pair = np.unique(at.pair[known], return_inverse=True)
    used_contacts, contact = np.unique(at.contact[known], return_inverse=True)
    columns = (contact, at.occurred[known], at.received[known], pair, at.value[known])
    order = np.lexsort((columns[4], columns[3], columns[2], columns[1], columns[0]))
    digest = hashlib.sha256()
    for column in columns:
        digest.update(np.ascontiguousarray(column[order], np.int64).tobytes())
    digest.update(repr([arrays.pairs[code] for code in used_pairs]).encode())
    digest.update(repr([str(arrays.contacts[int(code)]) for code in used_contacts]).encode())
    return digest.hexdigest()


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    return done.stdout.strip()

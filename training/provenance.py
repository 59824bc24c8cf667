"""Where a model comes from: versions, the lock file, the commit, and a digest of the data itself."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.arrays import Facts, LogArrays

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
    used_accounts, account = np.unique(at.account[known], return_inverse=True)
    digest = hashlib.sha256()
    _add(digest, contact, at.occurred[known], at.received[known], pair, at.value[known], account)
    digest.update(repr([(*arrays.pairs[code], bool(arrays.machine[code])) for code in used_pairs]).encode())
    digest.update(repr([str(arrays.contacts[int(code)]) for code in used_contacts]).encode())
    digest.update(repr([_text(arrays.accounts, int(code)) for code in used_accounts]).encode())
    for facts, entities in ((arrays.contact_facts, arrays.contacts), (arrays.account_facts, arrays.accounts)):
        _add_facts(digest, arrays, facts, entities, as_of)
    return digest.hexdigest()


def _add_facts(digest: Any, arrays: LogArrays, facts: Facts, entities: Any, as_of: int) -> None:
    known = np.flatnonzero((facts.occurred < as_of) & (facts.received <= as_of))
    whose = np.repeat(np.arange(len(facts.start) - 1), np.diff(facts.start))[known]
    columns, texts = [facts.occurred[known], facts.received[known]], []
    for codes, words in ((whose, entities), (facts.name[known], arrays.names), (facts.value[known], arrays.values)):
        used, code = np.unique(codes, return_inverse=True)
        columns.append(code)
        texts.append([_text(words, int(one)) for one in used])
    _add(digest, *columns)
    digest.update(repr(texts).encode())


def _add(digest: Any, *columns: npt.NDArray[Any]) -> None:
    """The rows, whatever their order."""
    order = np.lexsort(columns[::-1])
    for column in columns:
        digest.update(np.ascontiguousarray(column[order], np.int64).tobytes())


def _text(texts: Any, code: int) -> str | None:
    return None if code < 0 else str(texts[code])


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    return done.stdout.strip()

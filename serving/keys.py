"""API keys: `id.secret`, of which only the SHA-256 of the secret is kept.

A secret has 256 random bits, so a plain hash is enough: there is nothing to guess. The keys of a project lie in
`mqm-keys.json` in its home, readable by its owner only, replaced as a whole, so that a reader never sees half a
file. Imports in milliseconds: the command line uses it too.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engagement.errors import BadInput

FILE = "mqm-keys.json"
SCOPES = ("score", "events", "card", "admin", "metrics")


@dataclass(frozen=True)
class Key:
    """One key. Times are microseconds UTC; `digest` is the SHA-256 of the secret in hex.

    Attributes:
        scopes: some of `SCOPES`; admin includes them all.
        rate: requests a second that it may make; None for the service's own limit.
    """

    id: str
    digest: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    note: str = ""
    rate: float | None = None

    def allows(self, scope: str) -> bool:
        """Whether this key opens doors of that scope."""
        return scope in self.scopes or "admin" in self.scopes

    def state(self, now: int) -> str:
        """ "active", "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


def create_key(
    home: Path,
    scopes: Sequence[str],
    now: int,
    expires_at: int | None = None,
    note: str = "",
    rate: float | None = None,
) -> tuple[Key, str]:
    """Makes a key and returns it with its text `id.secret`, which is shown once and never kept.

    Raises:
        BadInput: an unknown scope or none, an expiry in the past, or a keys file that cannot be read.
    """
    unknown = next((scope for scope in scopes if scope not in SCOPES), None)
    if unknown is not None or not scopes:
        what = "no scope" if unknown is None else "unknown scope"
        raise BadInput(what, unknown, f"Scopes: {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise BadInput("the key would have expired already", cure="Give a time to come.")
    secret = secrets.token_urlsafe(32)
    key = Key(secrets.token_hex(6), _digest(secret), tuple(dict.fromkeys(scopes)), now, expires_at, None, note, rate)
    with _locked(home):
        _write(home, [*list_keys(home), key])
    return key, f"{key.id}.{secret}"


def list_keys(home: Path) -> list[Key]:
    """All keys, oldest first, revoked ones too; empty where there is no file.

    Raises:
        BadInput: the file cannot be read.
    """
    path = home / FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["keys"]
        return [Key(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("the keys cannot be read", str(path), f"{type(error).__name__}: restore the file.") from None


def revoke_key(home: Path, key_id: str, now: int) -> Key:
    """Revokes a key; running services refuse it from the next request on. Revoking twice changes nothing.

    Raises:
        BadInput: there is no key of that id.
    """
    with _locked(home):
        keys = list_keys(home)
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise BadInput("there is no key of that id", key_id, "mqm key list shows them.")
        if found.revoked_at is not None:
            return found
        revoked = replace(found, revoked_at=now)
        _write(home, [revoked if key is found else key for key in keys])
    return revoked


def rotate_key(home: Path, key_id: str, now: int, ends_at: int) -> tuple[Key, str]:
    """Makes a successor with the same scopes, note and rate; both open doors until the old one expires.

    Raises:
        BadInput: there is no key of that id, or it opens no doors any more.
    """
    old = next((key for key in list_keys(home) if key.id == key_id), None)
    if old is None or old.state(now) != "active":
        raise BadInput("there is no live key of that id", key_id, "mqm key list shows them.")
    new, text = create_key(home, old.scopes, now, old.expires_at, old.note, old.rate)
    with _locked(home):
        ending = replace(old, expires_at=min(ends_at, old.expires_at or ends_at))
        _write(home, [ending if key.id == key_id else key for key in list_keys(home)])
    return new, text


class KeyRing:
    """The keys of a home as a running service holds them: read again when the file changes."""

    def __init__(self, home: Path) -> None:
        self._home, self._path = home, str(home / FILE)
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}

    def exists(self) -> bool:
        """Whether there is any key at all, revoked ones too."""
        self._reload()
        return bool(self._keys)

    def find(self, text: str) -> Key | None:
        """The key that `id.secret` belongs to, whatever its state; None when there is none.

        Raises:
            BadInput: the keys file cannot be read.
        """
        self._reload()
        key_id, _, secret = text.partition(".")
        key = self._keys.get(key_id)
        # An unknown id costs the same time as a wrong secret.
        same = hmac.compare_digest(_digest(secret), key.digest if key else _NOBODY)
        return key if key and same else None

    def _reload(self) -> None:
        try:
            stat = os.stat(self._path)  # noqa: PTH116 (for each request: a Path takes three times as long)
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            seen = None
        if seen != self._seen:
            self._keys = {key.id: key for key in list_keys(self._home)}
            self._seen = seen


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


_NOBODY = "0" * 64


def _write(home: Path, keys: Sequence[Key]) -> None:
    temporary = home / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"keys": [asdict(key) for key in keys]}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(home / FILE)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One writer at a time: two keys made at once are both kept."""
    if not home.is_dir():
        raise BadInput("no such project folder", str(home), "Make it, or check the path.")
    with (home / f".{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

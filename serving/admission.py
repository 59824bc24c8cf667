"""How a promoted bundle gets into service: copied, its signature checked, tried in a child process, then loaded.

What was admitted stays in `mqm-admitted/` in the home, by digest: it is not tried again after a restart or a
rollback, and when the store is damaged the last good model is still there. Several workers try it once.
"""

from __future__ import annotations

import fcntl
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engagement.errors import BrokenBundle
from models.bundle import bundle_digest, load_bundle, verify_bundle
from models.champions import Champion, champions, point_to
from models.signing import trusted, verify_signature
from models.trial import try_bundle

if TYPE_CHECKING:
    from models.propensity import PropensityModel

FOLDER = "mqm-admitted"
#: Bundles that are kept, and the most that one may be: files, and bytes of one.
KEPT, MOST_FILES, MOST_BYTES = 8, 32, 512 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

log = logging.getLogger("mqm.serving")


class Admission:
    """Admits champions of a store.

    Args:
        home: where the trusted keys lie, and `mqm-admitted/`.
        store: the folder of the champions' bundles.
    """

    def __init__(self, home: Path, store: Path) -> None:
        self._home, self._store, self._folder = home, store, home / FOLDER

    def admit(self, champion: Champion) -> PropensityModel:
        """The champion's model, verified, tried and loaded.

        Raises:
            BrokenBundle: not signed by a trusted key, damaged, not what the pointer names, or it failed its trial.
            NotTried: its trial did not end. OSError: there is no room for a copy.
        """
        if not _DIGEST.fullmatch(champion.digest):
            raise BrokenBundle("not a digest of a bundle", champion.digest, "Promote it again.")
        self._folder.mkdir(exist_ok=True)
        kept = self._folder / champion.digest.removeprefix("sha256:")
        with self._locked():
            if not kept.exists():
                self._take(champion, kept)
        try:
            model = self._load(champion, kept)
        except BrokenBundle:
            shutil.rmtree(kept, ignore_errors=True)  # the copy: the next look takes another from the store
            raise
        kept.touch()
        self._tidy()
        return model

    def keep_as_last_good(self, champion: Champion) -> None:
        """Remembers who is in use, for a restart."""
        point_to(self._folder, champion)

    def last_good(self) -> dict[str, Champion]:
        """Who was admitted last, by conversion: what a restart falls back to."""
        try:
            return champions(self._folder)
        except BrokenBundle:
            log.warning("last good champions unreadable")
            return {}

    def _take(self, champion: Champion, kept: Path) -> None:
        """Checks and tries a copy, which nobody else can change meanwhile, and keeps it."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".new-") as name:
            copy = Path(name) / "bundle"
            _copy(champion.bundle(self._store), copy)
            self._verify(champion, copy)
            try_bundle(copy, champion.digest)
            copy.rename(kept)

    def _verify(self, champion: Champion, folder: Path) -> None:
        verify_signature(folder, trusted(self._home))
        if (digest := bundle_digest(folder)) != champion.digest:
            raise BrokenBundle("the bundle is not the one that was promoted", digest, "Promote it again.")
        verify_bundle(folder)

    def _load(self, champion: Champion, folder: Path) -> PropensityModel:
        self._verify(champion, folder)
        model = load_bundle(folder, champion.version)
        if model.conversion.name != champion.conversion:
            raise BrokenBundle("the bundle answers another question", model.conversion.name, "Promote it again.")
        return model

    def _tidy(self) -> None:
        bundles = [path for path in self._folder.iterdir() if _DIGEST.fullmatch(f"sha256:{path.name}")]
        folders = sorted(bundles, key=lambda path: path.stat().st_mtime)
        for old in folders[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _copy(source: Path, target: Path) -> None:
    """Copies plain files, and only so many: a bundle has no folders, links or devices.

    Raises:
        BrokenBundle: it does, or it is not there, or too large.
    """
    try:
        paths = sorted(source.iterdir())
        if len(paths) > MOST_FILES:
            raise BrokenBundle(f"{source}: too many files for a bundle", len(paths), "Promote another.")
        target.mkdir()
        for path in paths:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
                raise BrokenBundle(f"{source}: not a plain file of a bundle", path.name, "Promote another.")
            shutil.copyfile(path, target / path.name)
    except (FileNotFoundError, NotADirectoryError):
        raise BrokenBundle("the bundle is not there", str(source), "Promote it again.") from None

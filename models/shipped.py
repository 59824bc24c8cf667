"""A model on its way to another process: the files of its bundle, checked and parsed on arrival. No pickle."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from models.bundle import load_bundle
from models.propensity import PropensityModel

#: Names and contents.
Packed = tuple[tuple[str, bytes], ...]


def pack(folder: Path) -> Packed:
    """The bundle's files."""
    return tuple((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))


@lru_cache(maxsize=4)
def unpacked(packed: Packed, version: str) -> PropensityModel:
    """The model; loaded once in a process.

    Raises:
        BrokenBundle: as `load_bundle`.
    """
    with TemporaryDirectory(prefix="mqm-bundle-") as name:
        for file, content in packed:
            (Path(name) / file).write_bytes(content)
        return load_bundle(Path(name), version)

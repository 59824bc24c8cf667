"""What the shared fixtures hand out; in a module of its own, since every folder of tests may have a conftest."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from engagement.settings import Settings
from features.arrays import LogArrays
from models.registry import Registry, Version
from training.train import Trained

CONVERSIONS = ("mql_to_meeting", "meeting_to_win")


@dataclass(frozen=True)
class Lab:
    """A project's home with `demo` (a log) and `mlruns` (a champion for each conversion). Look, don't touch.

    `as_of` is the commands' default for this log: just after its last event.
    """

    home: Path
    settings: Settings
    arrays: LogArrays
    as_of: int
    trained: dict[str, Trained]
    versions: dict[str, Version]

    @property
    def log(self) -> Path:
        """The log's folder."""
        return self.home / "demo"

    @property
    def store(self) -> Path:
        """The store."""
        return self.home / "mlruns"

    def bundle(self, conversion: str) -> Path:
        """The champion's bundle."""
        return Registry(self.store).bundle_folder(self.versions[conversion].run_id)

    def copy(self, home: Path) -> Path:
        """A copy of the home, to be spoilt; returns it."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        return home


def add_version(registry: Registry, name: str) -> Version:
    """One more version, of the same bundle as the first."""
    first = registry.find(name, "1")
    run = registry.start_run(name, {"seed": 1}, {})
    shutil.copytree(registry.bundle_folder(first.run_id), registry.bundle_folder(run))
    registry.finish_run(run, {"log_loss": 0.5, "odd": float("nan")}, 1_700_000_000_000_000)
    return registry.find(name, registry.register(name, run, first.digest))

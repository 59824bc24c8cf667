"""Who is champion, as small files: the serving process reads these and needs no MLflow.

`mlruns/champions/<conversion>.json` names the version, the digest and the bundle's folder, relative to the
store, so that the checkout can move. It is replaced in one step, and it alone decides: MLflow's alias follows it.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engagement.errors import BrokenBundle

if TYPE_CHECKING:
    from models.propensity import PropensityModel

FOLDER, SHADOWS = "champions", "shadows"


@dataclass(frozen=True)
class Champion:
    """The promoted model of a conversion. `folder` is relative to the store, `since` in microseconds UTC."""

    conversion: str
    version: str
    digest: str
    folder: str
    since: int = 0

    def bundle(self, store: Path) -> Path:
        """The bundle's folder."""
        return store / self.folder

    def load(self, store: Path) -> PropensityModel:
        """The model, verified.

        Raises:
            BrokenBundle: the bundle is not what its manifest says, or not the one that was promoted.
        """
        from models.bundle import load_bundle

        model = load_bundle(self.bundle(store), self.version)
        if model.digest != self.digest:
            cure = "Promote a version again with mqm promote."
            raise BrokenBundle(f"{self.bundle(store)}: not the bundle that was promoted", model.digest, cure)
        return model


def champions(store: Path, folder: str = FOLDER) -> dict[str, Champion]:
    """The champions of a store (an `mlruns` folder), by conversion; empty where there is none.

    With `folder=SHADOWS`, the challengers that score in their shadow.

    Raises:
        BrokenBundle: a pointer file cannot be read.
    """
    found = {}
    for path in sorted((store / folder).glob("*.json")):
        try:
            champion = Champion(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            cure = "Promote a version again with mqm promote."
            raise BrokenBundle(f"{path}: not a champion's pointer", str(error), cure) from None
        found[champion.conversion] = champion
    return found


def point_to(store: Path, champion: Champion, folder: str = FOLDER) -> None:
    """Makes this the champion (or with `folder=SHADOWS` its shadow), in one step that survives a crash."""
    place = store / folder
    place.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place, prefix=".", suffix=".new")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(champion), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(place / f"{champion.conversion}.json")


def forget(store: Path, conversion: str, folder: str = FOLDER) -> None:
    """Leaves the conversion without a champion (or shadow)."""
    (store / folder / f"{conversion}.json").unlink(missing_ok=True)

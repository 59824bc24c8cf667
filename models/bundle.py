"""A trained model as a folder of text, with a manifest of digests that is checked before anything is parsed.

    model.txt          LightGBM's text, or JSON     features.json     the declarations
    calibration.json   slope and intercept          reference.json    the cohort's quantiles and base rate
    conversion.json    the question it answers      golden.jsonl      feature rows and their expected scores
    card.md            what a person should know    manifest.json     sizes, SHA-256, versions, data window
                                                    manifest.sig      who promoted it (`models.signing`)

The bundle's digest is that of its manifest, which holds no wall clock: the same data, seed and lock file give
the same digest. A damaged LightGBM text aborts the whole process, so the digests come first.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engagement.errors import BrokenBundle
from engagement.funnel import Conversion
from features.feature_set import FeatureSet
from models.additive import Additive
from models.booster import Booster, Rung
from models.calibration import Affine
from models.propensity import PropensityModel, Reference
from models.signing import SIGNATURE

Floats = npt.NDArray[np.float64]

FORMAT = 1
MANIFEST = "manifest.json"
GOLDEN = "golden.jsonl"
_CURE = "Train again, or roll back to a whole bundle."


def save_bundle(model: PropensityModel, folder: Path, golden: Floats, facts: dict[str, Any], card: str) -> str:
    """Writes the bundle into an empty folder and returns its digest, `sha256:…`.

    Args:
        golden: (rows, features) rows whose scores a loader must be able to repeat.
        facts: what else the manifest says (versions, data window, counts); no wall clock, nothing personal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "model.txt", model.rung.text())
    _write_json(folder / "features.json", model.features.to_json())
    _write_json(folder / "calibration.json", asdict(model.calibration))
    _write_json(folder / "reference.json", asdict(model.reference))
    _write_json(folder / "conversion.json", asdict(model.conversion))
    log_odds = model.log_odds(golden)
    rows = [{"features": _nulls(row), "log_odds": float(odds)} for row, odds in zip(golden, log_odds, strict=True)]
    _write(folder / GOLDEN, "".join(json.dumps(row) + "\n" for row in rows))
    _write(folder / "card.md", card)
    files = {path.name: _seal(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    manifest = {"format": FORMAT, "kind": model.rung.kind, **facts, "files": files}
    _write_json(folder / MANIFEST, manifest)
    return bundle_digest(folder)


def load_bundle(folder: Path, version: str = "") -> PropensityModel:
    """The model in a folder: digests first, then parsed, then its golden scores repeated to the last bit.

    Raises:
        BrokenBundle: a file is missing, altered, cut short, or does not score as it did when it was made.
    """
    manifest = verify_bundle(folder)
    body = {name: _json(folder, f"{name}.json") for name in ("features", "calibration", "reference", "conversion")}
    try:
        fields = dict(body["conversion"])
        fields["landmarks"], fields["ends"] = tuple(fields["landmarks"]), tuple(fields["ends"])
        reference = body["reference"]
        model = PropensityModel(
            Conversion(**fields),
            FeatureSet.from_json(body["features"]),
            _rung(str(manifest["kind"]), folder),
            Affine(**body["calibration"]),
            Reference(tuple(reference["log_odds"]), reference["base_rate"], reference["rows"]),
            bundle_digest(folder),
            version,
        )
        _check_golden(model, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrokenBundle(f"{folder}: not a bundle of this version of mqm", str(error), _CURE) from None
    return model


def verify_bundle(folder: Path) -> dict[str, Any]:
    """The manifest, after every file's size and SHA-256 agreed with it.

    Raises:
        BrokenBundle: a file is missing, altered or cut short, or there is one too many.
    """
    manifest = _json(folder, MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise BrokenBundle(f"{folder}: the manifest is not one of format {FORMAT}", None, _CURE)
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    if there != set(files):
        odd = sorted(there ^ set(files))[0]
        raise BrokenBundle(f"{folder}: files do not match the manifest", odd, _CURE)
    for name, seal in files.items():
        if not (folder / name).is_file() or _seal(folder / name) != seal:
            raise BrokenBundle(f"{folder}: not what its manifest says", name, _CURE)
    return dict(manifest)


def golden_rows(folder: Path) -> tuple[Floats, Floats]:
    """The golden feature rows (rows, features) and their expected log-odds (rows,)."""
    rows = [json.loads(line) for line in (folder / GOLDEN).read_text(encoding="utf-8").splitlines()]
    matrix = np.array([[np.nan if v is None else v for v in row["features"]] for row in rows], np.float64)
    return matrix, np.array([row["log_odds"] for row in rows], np.float64)


def _check_golden(model: PropensityModel, folder: Path) -> None:
    matrix, expected = golden_rows(folder)
    if matrix.ndim != 2 or matrix.shape[1] != len(model.features.features):
        raise BrokenBundle(f"{folder}: golden rows do not fit the features", matrix.shape, _CURE)
    if isinstance(model.rung, Booster):
        model.rung.warm(matrix)
    if not np.array_equal(model.log_odds(matrix), expected):
        off = float(np.max(np.abs(model.log_odds(matrix) - expected)))
        raise BrokenBundle(f"{folder}: golden scores differ by up to", off, "Install the locked versions.")


def _rung(kind: str, folder: Path) -> Rung:
    text = (folder / "model.txt").read_text(encoding="utf-8")
    if kind == "lightgbm":
        return Booster(text)
    if kind in ("logistic", "base_rate"):
        return Additive.parse(text)
    raise BrokenBundle(f"{folder}: a model of an unknown kind", kind, _CURE)


def bundle_digest(folder: Path) -> str:
    """`sha256:…` of the manifest, which holds the digests of all the other files."""
    return "sha256:" + hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def _seal(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BrokenBundle(f"{folder}: a file is missing", name, _CURE) from None
    except (ValueError, OSError) as error:
        raise BrokenBundle(f"{folder}: {name} cannot be read", str(error), _CURE) from None


def _nulls(row: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


def _write_json(path: Path, body: Any) -> None:
    _write(path, json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")

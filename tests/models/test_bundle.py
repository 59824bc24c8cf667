"""A bundle says exactly what it said when it was made, or it is refused before anything is parsed."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import CONVERSIONS, Lab

from engagement.errors import BrokenBundle
from models.bundle import MANIFEST, golden_rows, load_bundle, save_bundle, verify_bundle
from models.signing import SIGNATURE
from training.table import contact_ids

FILES = (
    "model.txt", "features.json", "calibration.json", "reference.json", "conversion.json", "golden.jsonl", "card.md",
)  # fmt: skip


@pytest.fixture
def bundle(lab: Lab, tmp_path: Path) -> Path:
    """A copy of a trained bundle, to be spoilt."""
    return Path(shutil.copytree(lab.bundle("meeting_to_win"), tmp_path / "bundle"))


@pytest.fixture
def tripwire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test as soon as LightGBM would be handed a text."""

    def refuse(text: str) -> Any:
        raise AssertionError("LightGBM's parser saw a damaged bundle")

    monkeypatch.setattr("models.bundle.Booster", refuse)


def reseal(bundle: Path) -> None:
    """Makes the manifest agree with the files again, as somebody with intent could."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    for name in manifest["files"]:
        content = (bundle / name).read_bytes()
        manifest["files"][name] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def test_it_holds_these_files_and_all_is_text(bundle: Path) -> None:
    assert {path.name for path in bundle.iterdir()} == {*FILES, MANIFEST, SIGNATURE}
    for path in bundle.iterdir():
        assert "\0" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CONVERSIONS)
def test_scores_survive_the_round_trip_to_the_last_bit(lab: Lab, name: str, tmp_path: Path) -> None:
    model = lab.trained[name].model
    rows = lab.trained[name].rows.take(np.arange(0, len(lab.trained[name].rows), 7))
    ids = contact_ids(lab.arrays, rows)
    loaded = load_bundle(lab.bundle(name), "")
    before, after = model.score(lab.arrays, ids, rows.cutoff), loaded.score(lab.arrays, ids, rows.cutoff)
    for one, other in zip(before, after, strict=True):
        assert (one.log_odds, one.probability, one.score, one.reasons) == (
            other.log_odds, other.probability, other.score, other.reasons,
        )  # fmt: skip
    assert loaded.conversion == model.conversion
    assert loaded.digest == lab.versions[name].digest
    again = tmp_path / "again"
    manifest = verify_bundle(lab.bundle(name))
    facts = {key: value for key, value in manifest.items() if key not in ("format", "kind", "files")}
    golden, _ = golden_rows(lab.bundle(name))
    card = (lab.bundle(name) / "card.md").read_text(encoding="utf-8")
    assert save_bundle(loaded, again, golden, facts, card) == loaded.digest


@pytest.mark.usefixtures("tripwire")
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_anywhere_is_refused_unparsed(bundle: Path, name: str) -> None:
    whole = (bundle / name).read_bytes()
    for share in (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        (bundle / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BrokenBundle, match=name.replace(".", r"\.")):
            load_bundle(bundle)
    (bundle / name).write_bytes(whole[:-1])
    with pytest.raises(BrokenBundle):
        load_bundle(bundle)


@pytest.mark.usefixtures("tripwire")
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused_unparsed(bundle: Path, name: str) -> None:
    whole = (bundle / name).read_bytes()
    for place in np.linspace(0, len(whole) - 1, 9).astype(int):
        altered = bytearray(whole)
        altered[place] ^= 1
        (bundle / name).write_bytes(bytes(altered))
        with pytest.raises(BrokenBundle):
            load_bundle(bundle)


@pytest.mark.usefixtures("tripwire")
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BrokenBundle, match=name.replace(".", r"\.")):
        load_bundle(bundle)


@pytest.mark.usefixtures("tripwire")
def test_a_file_too_many_is_refused(bundle: Path) -> None:
    (bundle / "model.pkl").write_bytes(b"x")
    with pytest.raises(BrokenBundle, match=r"model\.pkl"):
        load_bundle(bundle)


@pytest.mark.usefixtures("tripwire")
def test_a_manifest_cut_short_or_strange_is_refused(bundle: Path) -> None:
    whole = (bundle / MANIFEST).read_bytes()
    for share in (0, 0.1, 0.5, 0.9, 0.99):
        (bundle / MANIFEST).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BrokenBundle):
            load_bundle(bundle)
    for text in ("[]", "null", "{}", '{"format": 1}', '{"format": 2, "files": {}}', '{"format": 1, "files": []}'):
        (bundle / MANIFEST).write_text(text)
        with pytest.raises(BrokenBundle):
            load_bundle(bundle)


@pytest.mark.usefixtures("tripwire")
def test_a_folder_in_place_of_a_file_is_refused(bundle: Path) -> None:
    (bundle / "card.md").unlink()
    (bundle / "card.md").mkdir()
    with pytest.raises(BrokenBundle):
        load_bundle(bundle)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenBundle):
        load_bundle(tmp_path / "nowhere")


def test_other_golden_scores_are_refused_though_the_seals_agree(bundle: Path) -> None:
    lines = [json.loads(line) for line in (bundle / "golden.jsonl").read_text().splitlines()]
    lines[3]["log_odds"] = float(np.nextafter(lines[3]["log_odds"], np.inf))  # the last bit
    (bundle / "golden.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    reseal(bundle)
    with pytest.raises(BrokenBundle, match="golden scores differ"):
        load_bundle(bundle)


@pytest.mark.parametrize("spoil", ["[]", "{}", '{"slope": "x"}', "null", "3", "[1]"])
@pytest.mark.parametrize("name", [*FILES[1:6]])
def test_contents_of_another_shape_are_refused_though_the_seals_agree(bundle: Path, name: str, spoil: str) -> None:
    (bundle / name).write_text(spoil)
    reseal(bundle)
    with pytest.raises(BrokenBundle):
        load_bundle(bundle)


def test_a_model_of_an_unknown_kind_is_refused(bundle: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps(manifest | {"kind": "pickle"}))
    with pytest.raises(BrokenBundle, match="unknown kind"):
        load_bundle(bundle)


def test_the_manifest_names_no_time_of_its_making_and_no_path(bundle: Path, lab: Lab) -> None:
    text = (bundle / MANIFEST).read_text()
    assert str(lab.home) not in text
    assert set(json.loads(text)) == {
        "format", "kind", "files", "conversion", "as_of", "seed", "versions", "lock", "data", "window", "train_end",
        "rows", "converted", "learnt",
    }  # fmt: skip

"""A bundle comes into service signed, whole and tried; what was admitted stays when the store is lost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import AS_OF, write_project

from engagement.errors import BrokenBundle
from models.champions import Champion, champions
from models.signing import make_pair, signer, trusted
from models.trial import try_bundle
from serving.admission import FOLDER, Admission
from serving.shelf import Shelf


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, to be copied."""
    home = tmp_path_factory.mktemp("made")
    write_project(home, AS_OF)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of the project, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child process: what is tested here is refused before, or is whole."""
    monkeypatch.setattr("serving.admission.try_bundle", lambda folder, digest: None)


def champion(home: Path) -> Champion:
    return champions(home / "mlruns")["mql_to_meeting"]


def bundle(home: Path) -> Path:
    return champion(home).bundle(home / "mlruns")


def reseal(home: Path, name: str, content: str) -> Champion:
    """Changes a file of the bundle and makes seal, signature and pointer agree: what only its signer can do."""
    from hashlib import sha256

    folder = bundle(home)
    (folder / name).write_text(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    raw = content.encode()
    manifest["files"][name] = {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    signer(home).sign(folder)
    return replace(champion(home), digest="sha256:" + sha256((folder / "manifest.json").read_bytes()).hexdigest())


def test_a_whole_bundle_is_tried_in_a_child_and_survives_the_store(home: Path) -> None:
    admission = Admission(home, home / "mlruns")
    model = admission.admit(champion(home))
    admission.keep_as_last_good(champion(home))
    assert model.digest == champion(home).digest
    assert admission.last_good() == {"mql_to_meeting": champion(home)}
    gone = champion(home)
    shutil.rmtree(home / "mlruns")
    assert admission.admit(gone).digest == gone.digest


def test_a_model_that_breaks_its_process_breaks_a_child(home: Path) -> None:
    lines = (bundle(home) / "model.txt").read_text().splitlines()
    cut = reseal(home, "model.txt", "\n".join(lines[: len(lines) // 2]))
    with pytest.raises(BrokenBundle):
        try_bundle(bundle(home), cut.digest)
    golden = reseal(
        home, "golden.jsonl", (bundle(home) / "golden.jsonl").read_text().replace('"log_odds": ', '"log_odds": 1')
    )
    with pytest.raises(BrokenBundle, match="trial"):
        Admission(home, home / "mlruns").admit(golden)
    assert [path.name for path in (home / FOLDER).iterdir()] == [".lock"]


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize(
    "spoil", ["unsigned", "model", "extra", "link", "folder", "gone", "stranger", "digest", "path"]
)
def test_what_is_not_the_signed_bundle_is_refused(home: Path, tmp_path: Path, spoil: str) -> None:
    asked, folder = champion(home), bundle(home)
    if spoil == "unsigned":
        (folder / "manifest.sig").unlink()
    elif spoil == "model":
        (folder / "model.txt").write_text((folder / "model.txt").read_text() + " ")
    elif spoil == "extra":
        (folder / "model.pkl").write_bytes(b"x")
    elif spoil == "link":
        (folder / "card.md").unlink()
        (folder / "card.md").symlink_to("/etc/hostname")
    elif spoil == "folder":
        (folder / "more").mkdir()
    elif spoil == "gone":
        shutil.rmtree(folder)
    elif spoil == "stranger":
        make_pair(tmp_path)
        signer(tmp_path).sign(folder)
    elif spoil == "digest":
        asked = replace(asked, digest="sha256:" + "0" * 64)
    else:
        asked = replace(asked, digest="sha256:../../mlruns")
    with pytest.raises(BrokenBundle):
        Admission(home, home / "mlruns").admit(asked)


@pytest.mark.usefixtures("untried")
def test_a_signed_bundle_of_another_question_is_refused(home: Path) -> None:
    with pytest.raises(BrokenBundle, match="another question"):
        Admission(home, home / "mlruns").admit(replace(champion(home), conversion="meeting_to_win"))


@pytest.mark.usefixtures("untried")
def test_a_copy_that_rots_is_taken_again_from_the_store(home: Path) -> None:
    admission = Admission(home, home / "mlruns")
    admission.admit(champion(home))
    kept = home / FOLDER / champion(home).digest.removeprefix("sha256:")
    (kept / "model.txt").write_text("rotten")
    with pytest.raises(BrokenBundle):
        admission.admit(champion(home))
    assert admission.admit(champion(home)).digest == champion(home).digest


@pytest.mark.usefixtures("untried")
def test_after_a_restart_the_last_good_model_stands_in_for_a_damaged_one(home: Path) -> None:
    admission = Admission(home, home / "mlruns")
    good = admission.admit(champion(home)).digest
    admission.keep_as_last_good(champion(home))
    pointer = home / "mlruns" / "champions" / "mql_to_meeting.json"
    body = json.loads(pointer.read_text())
    for text in (json.dumps({**body, "digest": "sha256:" + "1" * 64, "version": "2"}), "{"):
        pointer.write_text(text)
        shelf = Shelf(lambda: champions(home / "mlruns"), admission.admit, admission.last_good)
        shelf.refresh()
        shelf.refresh()
        assert {name: model.digest for name, model in shelf.models.items()} == {"mql_to_meeting": good}


def test_the_trusted_keys_are_those_of_the_home(home: Path) -> None:
    assert set(trusted(home)) == {signer(home).id}

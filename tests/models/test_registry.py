"""The registry and the champions' pointers: versions, aliases, there and back again, and moving house."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest
from lab import Lab, add_version

from engagement.errors import BadInput, BrokenBundle, NoModel
from models.champions import FOLDER, Champion, champions, forget, point_to
from models.registry import Registry

NAME = "meeting_to_win"
NOW = 1_800_000_000_000_000


@pytest.fixture
def registry(lab: Lab, tmp_path: Path) -> Registry:
    """A registry over a copy of the store, elsewhere than where it was made."""
    return Registry(lab.copy(tmp_path / "home") / "mlruns")


def aliases(registry: Registry, name: str = NAME) -> dict[str, tuple[str, ...]]:
    return {one.version: one.aliases for one in registry.versions(name)}


def test_a_moved_store_still_loads_its_champion(registry: Registry, lab: Lab) -> None:
    version = registry.find(NAME)
    assert version.aliases == ("champion",)
    assert registry.load(version).digest == lab.versions[NAME].digest
    assert str(registry.bundle_folder(version.run_id)).startswith(str(registry.store))
    champion = champions(registry.store)[NAME]
    assert not Path(champion.folder).is_absolute()
    assert champion.load(registry.store).digest == version.digest


def test_versions_are_numbered_and_the_newest_is_the_challenger(registry: Registry) -> None:
    assert add_version(registry, NAME).version == "2"
    assert add_version(registry, NAME).version == "3"
    assert aliases(registry) == {"3": ("challenger",), "2": (), "1": ("champion",)}
    assert [one.version for one in registry.versions(NAME)] == ["3", "2", "1"]
    assert registry.find(NAME).version == "1"
    assert registry.challenger(NAME).version == "3"
    assert "odd" not in registry.challenger(NAME).metrics
    assert {one.conversion for one in registry.versions()} == {"mql_to_meeting", NAME}


def test_promote_and_back_twice(registry: Registry) -> None:
    second = add_version(registry, NAME)
    for _ in range(2):
        registry.promote(registry.find(NAME, second.version), NOW)
        assert aliases(registry) == {"2": ("champion",), "1": ()}
        assert champions(registry.store)[NAME].version == "2"
        assert registry.rollback(NAME, NOW).version == "1"
        assert aliases(registry) == {"2": (), "1": ("champion",)}
        assert champions(registry.store)[NAME].version == "1"
    with pytest.raises(BadInput, match="replaced nobody"):
        registry.rollback(NAME, NOW)


def test_a_rollback_walks_back_through_three_champions(registry: Registry) -> None:
    for _ in range(2):
        registry.promote(add_version(registry, NAME), NOW)
    assert [registry.rollback(NAME, NOW).version for _ in range(2)] == ["2", "1"]
    with pytest.raises(BadInput):
        registry.rollback(NAME, NOW)


def test_promoting_the_champion_again_keeps_its_way_back(registry: Registry) -> None:
    registry.promote(add_version(registry, NAME), NOW)
    registry.promote(registry.find(NAME), NOW)
    assert registry.rollback(NAME, NOW).version == "1"


def test_a_damaged_bundle_is_not_promoted_and_the_champion_stays(registry: Registry) -> None:
    second = add_version(registry, NAME)
    model = registry.bundle_folder(second.run_id) / "model.txt"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    with pytest.raises(BrokenBundle):
        registry.promote(second, NOW)
    assert aliases(registry) == {"2": ("challenger",), "1": ("champion",)}
    assert champions(registry.store)[NAME].version == "1"


def test_a_whole_bundle_that_is_not_the_registered_one_is_refused(registry: Registry) -> None:
    version = registry.find(NAME)
    other = registry.bundle_folder(registry.find("mql_to_meeting").run_id)
    place = registry.bundle_folder(version.run_id)
    shutil.rmtree(place)
    shutil.copytree(other, place)
    with pytest.raises(BrokenBundle, match="not the bundle that was registered"):
        registry.load(version)
    with pytest.raises(BrokenBundle, match="not the bundle that was promoted"):
        champions(registry.store)[NAME].load(registry.store)


def test_what_is_not_there_is_named(registry: Registry) -> None:
    with pytest.raises(NoModel, match=r"'9'.*There are: 1"):
        registry.find(NAME, "9")
    with pytest.raises(NoModel, match="lead_to_mql"):
        registry.find("lead_to_mql")
    with pytest.raises(NoModel, match="lead_to_mql"):
        registry.find("lead_to_mql", "1")
    with pytest.raises(NoModel, match="no challenger"):
        registry.challenger(NAME)
    with pytest.raises(NoModel, match="no champion"):
        registry.rollback("lead_to_mql", NOW)


def test_looking_makes_no_store(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "mlruns")
    assert registry.versions() == []
    with pytest.raises(NoModel):
        registry.find(NAME)
    with pytest.raises(NoModel):
        registry.rollback(NAME, NOW)
    assert champions(tmp_path / "mlruns") == {}
    assert not (tmp_path / "mlruns").exists()


def test_mlflows_own_client_lists_the_artifacts_from_the_projects_folder(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(registry.store.parent)
    client = MlflowClient(tracking_uri="sqlite:///mlruns/mlflow.db")
    model = client.get_model_version_by_alias(NAME, "champion")
    assert model.source == f"mlruns/artifacts/{model.run_id}/artifacts/bundle"
    top = {item.path for item in client.list_artifacts(model.run_id)}
    assert top == {"bundle", "pictures", "report.html", "report.json", "report.md"}
    assert "bundle/manifest.json" in {item.path for item in client.list_artifacts(model.run_id, "bundle")}
    assert client.get_run(model.run_id).info.status == "FINISHED"


def test_no_pickle_lies_in_the_store(lab: Lab) -> None:
    files = [path for path in lab.store.rglob("*") if path.is_file()]
    kinds = {".txt", ".json", ".jsonl", ".md", ".html", ".png", ".db", ".sig", ".lock"}
    assert {path.suffix for path in files} <= kinds
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]  # how pickles begin


def test_no_path_of_this_machine_lies_in_the_store(lab: Lab) -> None:
    where = str(lab.home).encode()
    assert not [path for path in lab.store.rglob("*") if path.is_file() and where in path.read_bytes()]


def test_a_pointer_is_replaced_in_one_step(tmp_path: Path) -> None:
    """A reader beside a writer never sees half a pointer, nor none."""
    point_to(tmp_path, Champion(NAME, "0", "sha256:0", "somewhere"))
    stop = threading.Event()

    def write() -> None:
        for number in range(300):
            point_to(tmp_path, Champion(NAME, str(number), f"sha256:{number}", "x" * (number * 37 % 900)))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = 0
    while not stop.is_set():
        seen = champions(tmp_path)[NAME]
        assert seen.digest == f"sha256:{seen.version}"
        looks += 1
    writer.join()
    assert looks
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [f"{NAME}.json"]
    forget(tmp_path, NAME)
    forget(tmp_path, NAME)
    assert champions(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"conversion": "x"}', "null"])
def test_a_spoilt_pointer_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "x.json").write_text(text)
    with pytest.raises(BrokenBundle, match=r"x\.json"):
        champions(tmp_path)


def test_a_pointer_is_json_that_names_a_relative_folder(lab: Lab) -> None:
    body = json.loads((lab.store / FOLDER / f"{NAME}.json").read_text())
    assert set(body) == {"conversion", "version", "digest", "folder", "since"}
    assert (lab.store / body["folder"] / "model.txt").is_file()

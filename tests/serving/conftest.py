"""One tiny project and one real server for the whole session; an application without a server for the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from tiny import AS_OF, Project, write_project

from engagement.times import DAY
from serving.app import make_app
from serving.config import read_config
from serving.run import running
from serving.state import State


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project; tests add events to its log, and leave its contacts c-… as they are."""
    return write_project(tmp_path_factory.mktemp("project"), time.time_ns() // 1000)


@pytest.fixture(scope="session")
def url(project: Project) -> Iterator[str]:
    """A real server over the project: BentoML, one worker, a free port."""
    with running(project.home, output=project.home / "serve.log") as address:
        yield address


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """A client of the real server."""
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The state of a small project of its own, with a clock that stands a day after `AS_OF`.

    Bundles are not tried in a child process here (ten seconds each): the real server and its own tests do that.
    """
    monkeypatch.setattr("serving.admission.try_bundle", lambda folder, digest: None)
    import os

    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    from serving import service

    write_project(tmp_path, AS_OF)
    made = service.make_state(read_config({"MQM_HOME": str(tmp_path)}))
    made.clock = lambda: AS_OF + DAY
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def client(state: State) -> TestClient:
    """The application without a server."""
    return TestClient(make_app(state))

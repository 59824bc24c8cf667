"""A challenger scores in the champion's shadow: the metrics hear of it, and no answer does."""

from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient
from tiny import AS_OF, example_log, write_champion

from engagement.times import format_time
from models.champions import SHADOWS, champions, point_to
from serving.keys import create_key
from serving.state import State


def counted(state: State, start: str) -> float:
    lines = [line for line in state.metrics.page().decode().splitlines() if line.startswith(start)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_a_challenger_is_compared_and_never_answers(
    state: State, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    home = state.keys._home
    store = home / "mlruns"
    first = champions(store)["mql_to_meeting"]
    write_champion(home, *example_log(), version="2", trees=3)
    point_to(store, champions(store)["mql_to_meeting"], SHADOWS)
    point_to(store, first)
    _, key = create_key(home, ["score"], AS_OF)
    give_up = time.monotonic() + 60
    versions = set()
    while counted(state, "mqm_shadow_difference_count") < 5 and time.monotonic() < give_up:
        question = {"conversion": "mql_to_meeting", "contact_id": "c-5", "as_of": format_time(AS_OF)}
        versions.add(client.post("/v1/score", json=question, headers={"X-API-Key": key}).json()["model_version"])
        time.sleep(0.1)
    assert counted(state, "mqm_shadow_difference_count") >= 5
    assert counted(state, "mqm_shadow_difference_sum") > 0
    assert counted(state, "mqm_shadow_scores_total") == counted(state, "mqm_shadow_difference_count")
    assert versions == {"1"}

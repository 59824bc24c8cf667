"""The parts of the service without a server: strict JSON, group commit, the shelf of models, configuration."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tiny import AS_OF, example_log, write_champion

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.times import DAY, format_time
from models.champions import forget
from serving.config import read_config
from serving.keys import create_key
from serving.problems import Problem
from serving.scorer import trend
from serving.state import State
from serving.strict import parse
from serving.writer import Busy, Writer

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_strict_json_reads_what_json_reads(document: object, ascii_only: bool) -> None:
    assert parse(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(TEXTS, JSON, JSON)
def test_a_key_given_twice_is_always_found(key: str, first: object, second: object) -> None:
    name = json.dumps(key)
    with pytest.raises(Problem) as caught:
        parse(f"[{{{name}: {json.dumps(first)}, {name}: {json.dumps(second)}}}]".encode())
    assert caught.value.code == "duplicate_key"


class FakeLog:
    """Appends into lists; waits for `go`, refuses an event of the type "poison"."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls: list[int] = []

    def append(self, events: Sequence[Event], attributes: Sequence[Attribute] = ()) -> SimpleNamespace:
        self.go.wait(5)
        if any(event.type == "poison" for event in events):
            raise BadInput("poison")
        self.calls.append(len(events))
        return SimpleNamespace(statuses=tuple(event.event_id for event in events))


def event(name: str, kind: str = "mql") -> Event:
    return Event(name, "c", None, kind, 0, 0)


def test_requests_that_wait_share_a_transaction_and_get_their_own_statuses() -> None:
    log = FakeLog()
    writer = Writer(log)

    async def store() -> list[tuple[str, ...]]:
        futures = [writer.submit([event(f"{n}-a"), event(f"{n}-b")], []) for n in range(50)]
        log.go.set()
        return [await future for future in futures]

    assert asyncio.run(store()) == [(f"{n}-a", f"{n}-b") for n in range(50)]
    assert len(log.calls) <= 3
    writer.close()
    with pytest.raises(Busy):
        writer.submit([event("late")], [])


def test_one_request_that_fails_does_not_fail_the_others() -> None:
    log = FakeLog()
    writer = Writer(log)

    async def store() -> list[object]:
        futures = [writer.submit([event(str(n), "poison" if n == 3 else "mql")], []) for n in range(6)]
        log.go.set()
        return await asyncio.gather(*futures, return_exceptions=True)

    results = asyncio.run(store())
    assert isinstance(results.pop(3), BadInput)
    assert results == [("0",), ("1",), ("2",), ("4",), ("5",)]
    writer.close()


def test_what_waits_is_written_when_its_callers_went_away_and_the_writer_closes() -> None:
    log = FakeLog()
    writer = Writer(log)

    async def store() -> None:
        for n in range(10):
            writer.submit([event(str(n))], []).cancel()

    asyncio.run(store())
    log.go.set()
    writer.close()
    assert sum(log.calls) == 10


def test_too_many_that_wait_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.writer.MAX_WAITING", 5)
    log = FakeLog()
    writer = Writer(log)

    async def store() -> None:
        for n in range(20):
            writer.submit([event(str(n))], [])

    with pytest.raises(Busy):
        asyncio.run(store())
    log.go.set()
    writer.close()


def ask(client: TestClient, state: State) -> dict:
    _, key = create_key(state.keys._home, ["score"], AS_OF)
    question = {"conversion": "mql_to_meeting", "contact_id": "c-1", "as_of": format_time(AS_OF)}
    answer = client.post("/v1/score", json=question, headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_promotion_is_seen_and_a_broken_bundle_is_not_taken(state: State, client: TestClient) -> None:
    home = state.keys._home
    assert ask(client, state)["model_version"] == "1"
    write_champion(home, *example_log(), version="2", trees=30)
    state.shelf.refresh()
    second = ask(client, state)
    assert second["model_version"] == "2"

    write_champion(home, *example_log(), version="3", trees=10)
    damaged = home / "mlruns" / "bundles" / "mql_to_meeting-3" / "model.txt"
    damaged.write_text(damaged.read_text()[:2000])
    state.shelf.refresh()
    state.shelf.refresh()
    assert ask(client, state)["model_digest"] == second["model_digest"]

    pointer = home / "mlruns" / "champions" / "mql_to_meeting.json"
    pointer.write_text("{")
    state.shelf.refresh()
    assert ask(client, state)["model_digest"] == second["model_digest"]
    assert client.get("/readyz").status_code == 200

    forget(home / "mlruns", "mql_to_meeting")
    state.shelf.refresh()
    assert ask(client, state)["status"] == "no_model"
    assert client.get("/readyz").status_code == 503


def test_time_is_the_clock_that_was_given(state: State, client: TestClient) -> None:
    _, key = create_key(state.keys._home, ["score"], AS_OF)
    question = {"conversion": "mql_to_meeting", "contact_id": "c-1"}
    now = client.post("/v1/score", json=question, headers={"X-API-Key": key}).json()
    assert now["as_of"] == now["scored_at"] == format_time(AS_OF + DAY)
    late = {**question, "as_of": format_time(AS_OF + 2 * DAY)}
    answer = client.post("/v1/score", json=late, headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "as_of_in_future")


def test_an_unforeseen_error_says_nothing_of_itself(
    state: State, client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr("serving.state.answer_many", fail)
    _, key = create_key(state.keys._home, ["score"], AS_OF)
    question = {"conversion": "mql_to_meeting", "contact_id": "c-1"}
    answer = client.post("/v1/score", json=question, headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "ann@example.com" not in answer.text + caplog.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(1.0, 0.5, "improving"), (0.5, 1.0, "declining"), (1.0, 0.9, "steady"), (None, 1.0, None), (1.0, None, None)],
)
def test_a_trend_needs_odds_that_moved_by_a_quarter(
    now: float | None, before: float | None, expected: str | None
) -> None:
    assert trend(now, before) == expected


def test_configuration_comes_from_the_environment(tmp_path: Path) -> None:
    config = read_config({"MQM_HOME": str(tmp_path)})
    assert (config.log, config.store, config.workers) == (f"sqlite:///{tmp_path}/mqm.sqlite", tmp_path / "mlruns", 1)
    config = read_config({"MQM_HOME": str(tmp_path), "MQM_LOG": "sqlite:////var/x.db", "MQM_WORKERS": "3"})
    assert (config.log, config.workers) == ("sqlite:////var/x.db", 3)
    for wrong in (
        {"MQM_HOME": "/no/such"},
        {"MQM_LOG": "folder"},
        {"MQM_LOG": "postgresql://"},
        {"MQM_WORKERS": "0"},
    ):
        with pytest.raises(BadInput):
            read_config({"MQM_HOME": str(tmp_path)} | wrong)

"""Limits: what a key may ask for, in all workers together, and what is turned away when too much is asked at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tiny import AS_OF

from engagement.errors import BadInput
from engagement.times import HOUR
from serving.keys import KeyRing, create_key, list_keys, revoke_key, rotate_key
from serving.limits import RateLimit, Turns
from serving.state import State

ROOT = Path(__file__).parents[2]
COUNT = "import sys; from pathlib import Path; from serving.limits import RateLimit; " \
        "limit = RateLimit(Path(sys.argv[1]), 50.0); " \
        "print(sum(limit.wait('key') == 0 for _ in range(500)))"  # fmt: skip


def test_a_key_gets_its_burst_and_then_its_rate(tmp_path: Path) -> None:
    limit = RateLimit(tmp_path, 100.0)
    began = time.monotonic()
    passed = [limit.wait("key") == 0 for _ in range(1000)]
    late = 100.0 * (time.monotonic() - began)
    assert 200 <= sum(passed) <= 202 + late
    assert all(passed[:200])
    assert limit.wait("another") == 0
    wait = limit.wait("key")
    assert 0 < wait < 0.02
    time.sleep(0.05)
    assert limit.wait("key") == 0


def test_a_key_has_a_rate_of_its_own(tmp_path: Path) -> None:
    limit = RateLimit(tmp_path, 1000.0)
    assert [limit.wait("slow", 1.0) == 0 for _ in range(4)] == [True, True, True, False]


def test_workers_share_a_limit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    hands = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    began = time.monotonic()
    passed = sum(int(hand.communicate(timeout=60)[0]) for hand in hands)
    assert 100 <= passed <= 102 + 50 * (time.monotonic() - began)


def test_without_a_file_each_worker_counts_for_itself(tmp_path: Path) -> None:
    limit = RateLimit(tmp_path / "not" / "there", 1.0)
    assert [limit.wait("key") == 0 for _ in range(4)] == [True, True, True, False]


def test_a_turn_takes_on_what_fits_into_it() -> None:
    async def turn(seconds: float) -> list[bool]:
        turns = Turns(0.05, 3)

        async def ask() -> bool:
            full = turns.full()
            if not full:
                time.sleep(seconds)
            return full

        first = await asyncio.gather(*(ask() for _ in range(20)))
        await asyncio.sleep(0)
        return [*first, turns.full()]

    full = asyncio.run(turn(0.02))
    assert full[:3] == [False, False, False]
    assert 10 <= sum(full) <= 18
    assert not full[-1]


def test_too_often_is_429_and_too_much_is_503(client: TestClient, state: State) -> None:
    _, key = create_key(state.keys._home, ["score"], AS_OF, rate=1.0)
    answers = [client.get("/v1/conversions", headers={"X-API-Key": key}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1
    state.turns = Turns(-1.0, 0)
    answer = client.get("/v1/conversions", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "overloaded", "1")
    assert client.get("/livez").status_code == 200


def test_a_rotated_key_and_its_successor_both_live_for_a_while(tmp_path: Path) -> None:
    old, old_text = create_key(tmp_path, ["score", "events"], 0, note="CRM", rate=7.0)
    new, new_text = rotate_key(tmp_path, old.id, 10, 10 + HOUR)
    ring = KeyRing(tmp_path)
    for text in (old_text, new_text):
        found = ring.find(text)
        assert found is not None
        assert found.state(11) == "active"
    assert (new.scopes, new.note, new.rate) == (old.scopes, old.note, old.rate)
    states = {key.id: key.state(10 + HOUR) for key in list_keys(tmp_path)}
    assert states == {old.id: "expired", new.id: "active"}
    revoke_key(tmp_path, new.id, 20)
    with pytest.raises(BadInput, match="no live key"):
        rotate_key(tmp_path, new.id, 30, 40)

"""What scenarios ask for again and again: send some events, note which were acknowledged, look which are stored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.reliability.frame import Server
from benchmarks.reliability.load import Client, event
from engagement.sqlite import SqliteLog


async def trial(server: Server, name: str, requests: int, size: int = 1) -> list[tuple[int, list[str]]]:
    """Sends requests of so many events over one connection: the status of each, and the ids it held."""
    client, answers = await Client.open(server.port, server.key), []
    for number in range(requests):
        events = [event(f"{name}-{number}-{n}", f"c-{number % 50}", detail="x" * 300) for n in range(size)]
        status, _ = await client.send(events)
        answers.append((status, [one["event_id"] for one in events]))
    client.close()
    return answers


def acknowledged(answers: Iterable[tuple[int, list[str]]]) -> set[str]:
    """The ids of the events that were answered 200."""
    return {name for status, names in answers if status == 200 for name in names}


def missing(folder: Path, told: set[str]) -> int:
    """How many of the acknowledged events the log in that folder lacks."""
    log = SqliteLog(folder / "mqm.sqlite", create=False)
    try:
        return len(told - set(log.events()["event_id"].to_pylist()))
    finally:
        log.close()

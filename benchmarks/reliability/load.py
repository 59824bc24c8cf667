"""A client that costs next to nothing: some lines of HTTP over asyncio, many connections at once."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

#: When everything in scenarios happened.
WHEN = "2026-01-01T00:00:00Z"


def event(event_id: str, contact: str = "load", **more: Any) -> dict[str, Any]:
    """An event in the log's own columns."""
    return {"event_id": event_id, "contact_id": contact, "type": "page_view", "occurred_at": WHEN, **more}


def ready(port: int, key: str) -> bool:
    """Whether a server stores events: an empty request answers 200."""
    try:
        return asyncio.run(once(port, key, []))[0] == 200
    except (OSError, EOFError):
        return False


async def once(port: int, key: str, events: list[dict[str, Any]]) -> tuple[int, Any]:
    """One request over a connection of its own: the status and the document."""
    client = await Client.open(port, key)
    try:
        return await client.send(events)
    finally:
        client.close()


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    @staticmethod
    async def open(port: int, key: str) -> Client:
        """Connects.

        Raises:
            OSError: nobody listens.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Client(port, key, reader, writer)

    async def send(self, events: list[dict[str, Any]], path: str = "/v1/events") -> tuple[int, Any]:
        """Posts events: the status and the document.

        Raises:
            OSError, EOFError: the server went away; nobody knows whether it stored them.
        """
        return await self.post(path, json.dumps({"events": events}).encode())

    async def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Posts a body."""
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        return int(lines[0][9:12]), json.loads(await self._reader.readexactly(length))

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


@dataclass
class Taken:
    """What a load came to: seconds of each answer that was 200, the other answers' statuses, and the whole time."""

    seconds: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    lost: int = 0
    whole: float = 0.0

    def percentile(self, share: float) -> float:
        """The time that this share of requests took at most, in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


async def load(
    port: int,
    key: str,
    clients: int,
    following: Callable[[int, int], list[dict[str, Any]] | None],
    stored: Callable[[list[dict[str, Any]], Any], None] = lambda events, answer: None,
    patient: bool = False,
) -> Taken:
    """Many clients, each sending what `following(client, turn)` gives, one request after the other, until None.

    `stored` is called with each request that was answered 200, and its answer. A server that goes away ends the load.
    A patient client sends again what was answered 503.
    """
    taken = Taken()

    async def one(number: int) -> None:
        try:
            client = await Client.open(port, key)
            turn = 0
            while (events := following(number, turn)) is not None:
                began = time.perf_counter()
                status, answer = await client.send(events)
                if status == 503 and patient:
                    await asyncio.sleep(0.2)
                    continue
                if status == 200:
                    taken.seconds.append(time.perf_counter() - began)
                    stored(events, answer)
                else:
                    taken.refused.append(status)
                turn += 1
        except (OSError, EOFError):
            taken.lost += 1

    began = time.perf_counter()
    work: list[Awaitable[None]] = [one(number) for number in range(clients)]
    await asyncio.gather(*work)
    taken.whole = time.perf_counter() - began
    return taken

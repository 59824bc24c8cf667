"""Requests made before the clock starts, sent over many kept connections by one loop: some 20 µs a request.

The load shares its cores with the server that is measured, so what it takes itself is taken from the figure.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.reliability.load import Taken

#: What follows for a client at its so-manieth turn; None ends it.
Following = Callable[[int, int], bytes | None]


def request(port: int, key: str, path: str, body: bytes) -> bytes:
    """A request to post a body, as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class _Connection:
    """One kept connection and the answer that is on its way over it."""

    number: int
    socket: socket.socket
    turn: int = 0
    began: float = 0.0
    parts: bytes = b""
    missing: int | None = None

    def send(self, following: Following) -> bool:
        """Sends what follows; False when nothing does."""
        wanted = following(self.number, self.turn)
        if wanted is None:
            return False
        self.turn, self.parts, self.missing = self.turn + 1, b"", None
        self.began = time.perf_counter()
        self.socket.sendall(wanted)
        return True

    def receive(self) -> int | None:
        """Takes what has come: the status when the answer is whole.

        Raises:
            EOFError: the server hung up.
        """
        some = self.socket.recv(1 << 20)
        if not some:
            raise EOFError
        if self.missing is None:
            self.parts += some
            head, found, body = self.parts.partition(b"\r\n\r\n")
            if not found:
                return None
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self.missing = int(length[15:]) - len(body)
        else:
            self.missing -= len(some)
        return int(self.parts[9:12]) if self.missing == 0 else None


def drive(port: int, clients: int, following: Following) -> Taken:
    """Each client sends what follows as soon as its answer is there, until nothing follows for any."""
    taken = Taken()
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for number in range(clients):
            plug = socket.create_connection(("127.0.0.1", port))
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(number, plug)
            if connection.send(following):
                selector.register(plug, selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select():
                _turn(key.data, following, taken, selector)
    taken.whole = time.perf_counter() - began
    return taken


def _turn(connection: _Connection, following: Following, taken: Taken, selector: selectors.BaseSelector) -> None:
    try:
        status = connection.receive()
        if status is None:
            return
        if status == 200:
            taken.seconds.append(time.perf_counter() - connection.began)
        else:
            taken.refused.append(status)
        goes_on = connection.send(following)
    except (OSError, EOFError):
        taken.lost += 1
        goes_on = False
    if not goes_on:
        selector.unregister(connection.socket)
        connection.socket.close()

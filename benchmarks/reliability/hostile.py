"""Hostile requests: each is answered 4xx within a second, and the process that answers stays the same."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.serving.project import NAME, Project, write_project
from serving.run import running

_DOORS = ("/v1/score", "/v1/score/batch", "/v1/score/jobs", "/v1/events", "/v1/track", "/v1/identify", "/v1/batch")
_BODIES = (
    b"", b"{", b"[]", b"null", b"NaN", b'"x"', b"{} {}", b"{'a': 1}", b'{"a": 01}',
    b'{"a": "\n"}', b"\xff\xfe{}", b"\x80\x04K\x01.", b"[" * 200_000,
    b'{"a":' * 200_000, b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b'{"a": 1, "a": 2}',
    b'{"a": ' + b"9" * 100_000 + b"}", b'{"a": "' + b"x" * 100_000 + b'"}', b'{"__proto__": 1}', b"<xml/>",
    b'{"conversion": "' + b"../" * 100 + b'", "contact_id": "x"}', b'{"contact_ids": [' + b'"x",' * 5_000 + b'"x"]}',
)  # fmt: skip


def run(scale: Scale, folder: Path) -> Outcome:
    """At least two hundred, over raw sockets."""
    project = write_project(folder, 50, 10)
    project.champion("1", trees=5)
    wrong, slow, sent = [], 0.0, 0
    with running(folder, output=folder / "serve.log") as url:
        port = int(url.rpartition(":")[2])
        for request in corpus(project):
            began = time.perf_counter()
            answer = send(port, request)
            slow = max(slow, time.perf_counter() - began)
            sent += 1
            if not answer.startswith(b"HTTP/1.1 4"):
                wrong.append(request[:60] + b" -> " + answer[:40])
        alive = send(port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
    restarts = (folder / "serve.log").read_text().count("model in use") - 1
    told = f"{sent} requests, {len(wrong)} not 4xx, slowest {slow:.2f} s, {restarts} workers lost {wrong[:2] or ''}"
    return Outcome(sent >= 200 and not wrong and slow < 1.0 and alive and not restarts, told)


def corpus(project: Project) -> Iterator[bytes]:
    """Bodies at every door, odd heads, keys that are none."""
    key = f"X-API-Key: {project.key}\r\n"
    for door in _DOORS:
        for body in _BODIES:
            yield _request("POST", door, f"{key}Content-Type: application/json\r\n", body)
    good = json.dumps({"conversion": NAME, "contact_id": "c-1"}).encode()
    for kind in (
        "text/plain",
        "application/vnd.bentoml+pickle",
        "multipart/form-data; boundary=x",
        "text/yaml",
    ):
        yield _request("POST", "/v1/score", f"{key}Content-Type: {kind}\r\n", good)
    for encoding in ("gzip", "br", "deflate", "zstd"):
        yield _request(
            "POST", "/v1/score", f"{key}Content-Type: application/json\r\nContent-Encoding: {encoding}\r\n", good
        )
    draw = random.Random(4)
    for _ in range(20):
        name = "".join(draw.choices("abcdef0123456789.", k=40))
        yield _request("POST", "/v1/score", f"X-API-Key: {name}\r\nContent-Type: application/json\r\n", good)
    for path in (
        "/..%2f..%2fetc%2fpasswd",
        "/%00",
        "/v1/score?" + "a=b&" * 2_000,
        "//v1//score",
        "/docs.json",
        "/call",
    ):
        yield _request("GET", path, key, b"")
    for method in ("PUT", "DELETE", "TRACE", "PATCH", "BREW"):
        yield _request(method, "/v1/score", key, good)


def _request(method: str, path: str, heads: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{heads}\r\n"
    return head.encode() + body


def send(port: int, request: bytes) -> bytes:
    """The beginning of the answer; nothing where the server hung up without one."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        with suppress(OSError):  # it may answer before it read all of it
            sock.sendall(request)
        try:
            return sock.recv(4096)
        except OSError:
            return b""

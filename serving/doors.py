"""What every request passes: an id, a key, a body read to its end, a log line. Nothing personal is logged."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from math import ceil
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engagement.errors import BadInput
from serving.keys import Key
from serving.metrics import Metrics
from serving.problems import Problem, problem_of, problem_response

if TYPE_CHECKING:
    from serving.state import State

MAX_BODY = 5 * 1024 * 1024
#: Seconds in which a body has to arrive.
BODY_SECONDS = 20
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mqm", Basic realm="mqm"'}
QUIET = frozenset({"/livez", "/readyz"})

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JSON = re.compile(r"application/json\s*(?:;\s*charset\s*=\s*\"?utf-?8\"?\s*)?", re.IGNORECASE)

log = logging.getLogger("mqm.serving")

Handler = Callable[["State", Request], Awaitable[Response]]


def door(state: State, scope: str | None, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a route: asks for a key of that scope (before a byte of the body is read), then answers."""

    async def endpoint(request: Request) -> Response:
        if scope is not None:
            if state.turns.full():
                raise Problem(503, "overloaded", "More is asked than can be answered.", headers={"Retry-After": "1"})
            key = authorize(state, request, scope)
            request.state.key_id = key.id
            if wait := state.rates.wait(key.id, key.rate):
                detail = "This key asks more often than it may."
                raise Problem(429, "rate_limited", detail, headers={"Retry-After": str(ceil(wait))})
        return await handler(state, request)

    return endpoint


def authorize(state: State, request: Request, scope: str) -> Key:
    """The key of a request.

    Raises:
        Problem: 401 without a valid key, 403 when it lacks the scope, 503 when the keys cannot be read.
    """
    text = presented_key(request)
    try:
        key = state.keys.find(text) if text else None
        some = key is not None or state.keys.exists()
    except BadInput:
        raise Problem(503, "keys_unreadable", "The keys of this service cannot be read; see its log.") from None
    if not some:
        detail = f"This service has no API keys yet. Make one: mqm key create --scope {scope}"
        raise Problem(401, "no_keys", detail, headers=CHALLENGE)
    if not text:
        detail = "Send a key as Authorization: Bearer KEY, as X-API-Key: KEY, or as the user name of Basic."
        raise Problem(401, "key_missing", detail, headers=CHALLENGE)
    standing = key.state(state.clock()) if key else "unknown"
    if key is None or standing != "active":
        raise Problem(401, f"key_{standing}", f"The key is {standing}.", headers=CHALLENGE)
    if not key.allows(scope):
        raise Problem(403, "scope_missing", f"The key lacks the scope {scope!r}.")
    return key


def presented_key(request: Request) -> str:
    """The key as one of three headers carries it; empty when none does."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.headers.get("x-api-key", "").strip()


async def read_json(request: Request) -> bytes:
    """The body of a request that says it is plain JSON, counted as it comes, whatever Content-Length says.

    Raises:
        Problem: 415 another media type or an encoding, 413 too large, 408 too slow, 400 the caller went away.
    """
    headers = request.headers
    if not _JSON.fullmatch(headers.get("content-type", "").strip()):
        raise Problem(415, "unsupported_media_type", "Send JSON, as Content-Type: application/json (UTF-8).")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "unsupported_encoding", "Send the body as it is, without a Content-Encoding.")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MAX_BODY:
        raise _too_large()
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY:
                    raise _too_large()
                chunks.append(chunk)
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise Problem(408, "body_too_slow", detail, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "incomplete_body", "The body ended early.") from None
    return b"".join(chunks)


def json_response(body: bytes, language: str = "", status: int = 200, **headers: str) -> Response:
    """An answer in JSON; `language` is that of its sentences."""
    if language:
        headers["Content-Language"] = language
    return Response(body, status, headers, media_type="application/json")


class Frame:
    """The frame around every request: its id, the headers of every answer, the log line, and the last resort."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(12)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        extra = [
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        status = 0

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        error: str | None = None
        try:
            await self.app(scope, receive, send_framed)
        except Exception as caught:  # nobody above may see it: a traceback holds what the caller sent
            error = type(caught).__name__
            if not status:
                await problem_response(problem_of(caught), request_id)(scope, receive, send_framed)
        seconds = time.perf_counter() - began
        self._metrics.request(getattr(scope.get("route"), "path", None), scope["method"], status, seconds)
        _log_line(scope, status, seconds, request_id, error)


def _log_line(scope: Scope, status: int, seconds: float, request_id: str, error: str | None) -> None:
    route = scope.get("route")
    path = getattr(route, "path", None)  # the template: a path may hold who was asked about
    if path in QUIET and error is None:
        return
    fields = {
        "method": scope["method"],
        "route": path,
        "status": status,
        "ms": round(seconds * 1000, 2),
        "request_id": request_id,
        "key": scope["state"].get("key_id"),
    }
    if error:
        fields["error"] = error
    log.log(logging.ERROR if status >= 500 else logging.INFO, "request", extra=fields)


def _too_large() -> Problem:
    return Problem(413, "body_too_large", f"The body is larger than {MAX_BODY} bytes; send several requests.")

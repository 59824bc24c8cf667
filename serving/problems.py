"""Problems as RFC 9457 describes them: what every refusal of this service looks like.

A problem names itself with `code`, carries the request's id, and never repeats more of a request than one
shortened value.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engagement.errors import BadInput, Conflict, MqmError, Unavailable, UnknownConversion

MEDIA_TYPE = "application/problem+json"

#: The status a named error answers with; any other named error is ours to answer for, hence 500.
STATUS_OF: dict[type[MqmError], int] = {BadInput: 400, UnknownConversion: 400, Conflict: 409}

CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}
DETAILS = {
    HTTPStatus.NOT_FOUND: "There is no such address. GET /openapi.json lists those that there are.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method; the Allow header says which it takes.",
}


class Problem(Exception):
    """A refusal: raised anywhere behind a door, answered as `application/problem+json`.

    Attributes:
        path: where in the body, as `$.events[0].type`; null when it is not about a place.
        headers: added to the answer, such as `WWW-Authenticate`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.path = status, code, detail, path
        self.headers = dict(headers or {})


def problem_response(problem: Problem, request_id: str) -> Response:
    """The answer to a refused request."""
    body = {
        "type": f"urn:mqm:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "path": problem.path,
        "request_id": request_id,
    }
    return Response(msgspec.json.encode(body), problem.status, problem.headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """The problem that an error is to its caller. An unforeseen one says nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        detail = DETAILS.get(status, status.description or status.phrase)
        return Problem(status, CODES.get(status, status.name.lower()), detail, headers=error.headers)
    if isinstance(error, Unavailable):  # why stands in our log: it may name hosts and paths
        detail = "The log does not answer or takes no writes just now. Send the request again."
        return Problem(503, "log_unavailable", detail, headers={"Retry-After": "2"})
    if isinstance(error, MqmError) and type(error) in STATUS_OF:
        return Problem(STATUS_OF[type(error)], error.code, str(error))
    return Problem(500, "internal_error", "Something went wrong here. Quote the request_id when you report it.")


async def handle(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for everything that is foreseen."""
    return problem_response(problem_of(error), request.state.request_id)

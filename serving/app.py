"""The routes: one line each in `ROUTES`, one small function each below. Configuration comes in with the state."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engagement.errors import MqmError
from engagement.times import DAY
from serving import docs_page, event_doors, jobs
from serving.answers import ConversionOut, Conversions
from serving.doors import Frame, Handler, door, json_response
from serving.history import one_score, scores_of_contact
from serving.metrics import MEDIA_TYPE as METRICS_TYPE
from serving.openapi import document
from serving.problems import Problem, handle
from serving.scoring import score, score_batch
from serving.state import State


class Door(NamedTuple):
    """One route: where, how, with which scope (None: open to all), and who answers."""

    path: str
    method: str
    scope: str | None
    handler: Handler


def make_app(state: State) -> Starlette:
    """The application over a state. Nothing is started here."""
    routes = [Route(d.path, door(state, d.scope, d.handler), methods=[d.method]) for d in DOORS]
    handlers: dict[Any, Any] = dict.fromkeys((HTTPException, Problem, MqmError), handle)
    app = Starlette(routes=routes, middleware=[Middleware(Frame, metrics=state.metrics)], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


# -- what there is -------------------------------------------------------------------------------------------


async def conversions(state: State, request: Request) -> Response:
    """GET /v1/conversions."""
    models = state.shelf.models
    declared = {**state.conversions, **{name: model.conversion for name, model in models.items()}}
    rows = []
    for name, conversion in declared.items():
        model = models.get(name)
        rows.append(
            ConversionOut(
                conversion=name,
                question=conversion.question,
                start=conversion.start,
                goal=conversion.goal,
                horizon_days=conversion.horizon / DAY,
                level=conversion.level,
                status="ready" if model else "no_model",
                model_version=model.version if model else None,
                model_digest=model.digest if model else None,
            )
        )
    return json_response(msgspec.json.encode(Conversions(rows, request.state.request_id)))


async def livez(state: State, request: Request) -> Response:
    """GET /livez: the process answers."""
    return json_response(b'{"status":"alive"}')


async def readyz(state: State, request: Request) -> Response:
    """GET /readyz: a verified champion is loaded and the log answers."""
    missing = state.missing()
    if missing is not None:
        raise Problem(503, "not_ready", missing, headers={"Retry-After": "2"})
    return json_response(b'{"status":"ready"}')


async def metrics(state: State, request: Request) -> Response:
    """GET /metrics: of all workers."""
    return Response(await state.reading(state.metrics.page), media_type=METRICS_TYPE)


async def docs(state: State, request: Request) -> Response:
    """GET /docs: the document as a page."""
    return Response(_page(), media_type="text/html", headers={"Content-Security-Policy": docs_page.POLICY})


async def openapi(state: State, request: Request) -> Response:
    """GET /openapi.json."""
    return json_response(_document())


@cache
def _document() -> bytes:
    return msgspec.json.encode(document())


@cache
def _page() -> str:
    return docs_page.page(document())


DOORS = (
    Door("/v1/score", "POST", "score", score),
    Door("/v1/score/batch", "POST", "score", score_batch),
    Door("/v1/score/jobs", "POST", "score", jobs.submit),
    Door("/v1/score/jobs/{job_id}", "GET", "score", jobs.status),
    Door("/v1/score/jobs/{job_id}/scores", "GET", "score", jobs.scores),
    Door("/v1/scores/{score_id}", "GET", "score", one_score),
    Door("/v1/contacts/{contact_id:path}/scores", "GET", "score", scores_of_contact),
    Door("/v1/events", "POST", "events", event_doors.events),
    Door("/v1/track", "POST", "events", event_doors.track),
    Door("/v1/identify", "POST", "events", event_doors.identify),
    Door("/v1/group", "POST", "events", event_doors.group),
    Door("/v1/batch", "POST", "events", event_doors.batch),
    Door("/v1/conversions", "GET", "score", conversions),
    Door("/metrics", "GET", "metrics", metrics),
    Door("/docs", "GET", None, docs),
    Door("/livez", "GET", None, livez),
    Door("/readyz", "GET", None, readyz),
    Door("/openapi.json", "GET", None, openapi),
)

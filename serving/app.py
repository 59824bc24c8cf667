"""The routes: one line each in `ROUTES`, one small function each below. Configuration comes in with the state."""

from __future__ import annotations

import secrets
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
from features.words import LANGUAGES
from models.score import NO_MODEL, Score
from serving import event_doors
from serving.answers import Answer, Batch, ConversionOut, Conversions, answer_from
from serving.doors import Frame, Handler, door, read_json
from serving.intake import Question, question_from
from serving.languages import language_for
from serving.openapi import document
from serving.problems import Problem, handle
from serving.scorer import answer, answer_many, refuse_unknown
from serving.state import LARGE, State
from serving.strict import parse
from serving.wire import BatchRequest, ScoreRequest, fit


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
    app = Starlette(routes=routes, middleware=[Middleware(Frame)], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


# -- scores --------------------------------------------------------------------------------------------------


async def score(state: State, request: Request) -> Response:
    """POST /v1/score."""
    body = await read_json(request)
    rid, language = request.state.request_id, _language(state, request)
    if len(body) > LARGE:
        return _json(await state.aside(_score, state, body, rid, language), language)
    return _json(_score(state, body, rid, language), language)


async def score_batch(state: State, request: Request) -> Response:
    """POST /v1/score/batch."""
    body = await read_json(request)
    language = _language(state, request)
    return _json(await state.aside(_score_batch, state, body, request.state.request_id, language), language)


def _language(state: State, request: Request) -> str:
    header = request.headers.get("accept-language")
    return language_for(header, state.language) if header else state.language


def _score(state: State, body: bytes, request_id: str, language: str) -> bytes:
    now = state.clock()
    question = question_from(fit(parse(body), ScoreRequest), now, None, "$")
    models = state.shelf.models
    refuse_unknown([question.conversion], {*state.conversions, *models})
    found = answer(question, models, state.log, language)
    return msgspec.json.encode(_out(state, question, found, now, request_id, language))


def _score_batch(state: State, body: bytes, request_id: str, language: str) -> bytes:
    now = state.clock()
    questions = _questions(fit(parse(body), BatchRequest), now)
    models = state.shelf.models
    refuse_unknown([question.conversion for question in questions], {*state.conversions, *models})
    found = answer_many(questions, models, state.log, language)
    answers = [_out(state, *pair, now, request_id, language) for pair in zip(questions, found, strict=True)]
    return msgspec.json.encode(Batch(answers, request_id))


def _questions(batch: BatchRequest, now: int) -> list[Question]:
    if (batch.contact_ids is None) == (batch.requests is None):
        raise Problem(400, "invalid_value", "A batch holds either contact_ids or requests.", "$")
    if batch.requests is not None:
        return [question_from(item, now, batch, f"$.requests[{i}]") for i, item in enumerate(batch.requests)]
    if batch.conversion is None:
        raise Problem(400, "missing_field", "A batch of contact_ids names a conversion.", "$.conversion")
    return [
        question_from(
            ScoreRequest(conversion=batch.conversion, contact_id=contact_id, as_of=batch.as_of), now, None, "$"
        )
        for contact_id in batch.contact_ids or []
    ]


def _out(state: State, question: Question, found: Score | None, now: int, request_id: str, language: str) -> Answer:
    score = found or _no_model(state, question, language)
    return answer_from(score, secrets.token_hex(12), now, request_id)


def _no_model(state: State, question: Question, language: str) -> Score:
    name, words = question.conversion, LANGUAGES[language]
    return Score(
        status=NO_MODEL,
        status_text=words.no_model(name),
        contact_id=question.contact_id,
        conversion=name,
        question=words.question(state.conversions[name]),
        as_of=question.as_of,
    )


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
    return _json(msgspec.json.encode(Conversions(rows, request.state.request_id)))


async def livez(state: State, request: Request) -> Response:
    """GET /livez: the process answers."""
    return _json(b'{"status":"alive"}')


async def readyz(state: State, request: Request) -> Response:
    """GET /readyz: a verified champion is loaded and the log answers."""
    missing = state.missing()
    if missing is not None:
        raise Problem(503, "not_ready", missing, headers={"Retry-After": "2"})
    return _json(b'{"status":"ready"}')


async def openapi(state: State, request: Request) -> Response:
    """GET /openapi.json."""
    return _json(_document())


@cache
def _document() -> bytes:
    return msgspec.json.encode(document())


def _json(body: bytes, language: str = "") -> Response:
    headers = {"Content-Language": language} if language else None
    return Response(body, media_type="application/json", headers=headers)


DOORS = (
    Door("/v1/score", "POST", "score", score),
    Door("/v1/score/batch", "POST", "score", score_batch),
    Door("/v1/events", "POST", "events", event_doors.events),
    Door("/v1/track", "POST", "events", event_doors.track),
    Door("/v1/identify", "POST", "events", event_doors.identify),
    Door("/v1/group", "POST", "events", event_doors.group),
    Door("/v1/batch", "POST", "events", event_doors.batch),
    Door("/v1/conversions", "GET", "score", conversions),
    Door("/livez", "GET", None, livez),
    Door("/readyz", "GET", None, readyz),
    Door("/openapi.json", "GET", None, openapi),
)

"""The doors to scores: one, or up to a thousand. Every score that leaves is handed to the recorder."""

from __future__ import annotations

import secrets

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from features.words import LANGUAGES
from models.score import NO_MODEL, Score
from serving.answers import answer_from
from serving.doors import json_response, read_json
from serving.intake import Question, question_from
from serving.languages import language_for
from serving.problems import Problem
from serving.recorder import Given
from serving.scorer import answer, answer_many, refuse_unknown
from serving.state import LARGE, State
from serving.strict import parse
from serving.wire import BatchRequest, ScoreRequest, fit


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Who asks, in which language, as which request."""

    key_id: str
    language: str
    request_id: str


async def score(state: State, request: Request) -> Response:
    """POST /v1/score."""
    if state.together.full:
        raise Problem(503, "overloaded", "More is asked than can be answered.", headers={"Retry-After": "1"})
    body = await read_json(request)
    asked = asked_by(state, request)
    if len(body) > LARGE:
        return json_response(await state.aside(_score, state, body, asked), asked.language)
    now = state.clock()
    question = _question(state, body, now)
    found = await state.together.ask(question, asked.language)
    return json_response(_recorded(state, question, found, now, asked), asked.language)


async def score_batch(state: State, request: Request) -> Response:
    """POST /v1/score/batch."""
    body = await read_json(request)
    asked = asked_by(state, request)
    return json_response(await state.aside(_score_batch, state, body, asked), asked.language)


def asked_by(state: State, request: Request) -> Asked:
    """Who asks for a score, and in which language."""
    header = request.headers.get("accept-language")
    language = language_for(header, state.language) if header else state.language
    return Asked(request.state.key_id, language, request.state.request_id)


def told(state: State, question: Question, found: Score | None, now: int, asked: Asked) -> Given:
    """The answer to a question, as it is sent and recorded; without a model it says so."""
    score = found or _no_model(state, question, asked.language)
    score_id = secrets.token_hex(12)
    encoded = msgspec.json.encode(answer_from(score, score_id, now, asked.request_id))
    return Given(score_id, score, now, encoded, asked.language, asked.key_id, question.history)


def _question(state: State, body: bytes, now: int) -> Question:
    question = question_from(fit(parse(body), ScoreRequest), now, None, "$")
    refuse_unknown([question.conversion], {*state.conversions, *state.shelf.models})
    return question


def _recorded(state: State, question: Question, found: Score | None, now: int, asked: Asked) -> bytes:
    given = told(state, question, found, now, asked)
    state.recorder.add(given)
    return given.answer


def _score(state: State, body: bytes, asked: Asked) -> bytes:
    now = state.clock()
    question = _question(state, body, now)
    found = answer(question, state.shelf.models, state.log, asked.language)
    return _recorded(state, question, found, now, asked)


def _score_batch(state: State, body: bytes, asked: Asked) -> bytes:
    now = state.clock()
    questions = _questions(fit(parse(body), BatchRequest), now)
    models = state.shelf.models
    refuse_unknown([question.conversion for question in questions], {*state.conversions, *models})
    found = answer_many(questions, models, state.log, asked.language)
    answers = [told(state, question, score, now, asked) for question, score in zip(questions, found, strict=True)]
    for given in answers:
        state.recorder.add(given)
    raw = [msgspec.Raw(given.answer) for given in answers]
    return msgspec.json.encode({"scores": raw, "request_id": asked.request_id})


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

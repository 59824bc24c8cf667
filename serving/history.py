"""The doors to scores that were given: one with its features, or a contact's, each with why it changed."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from engagement.events import Attribute, Event
from engagement.ledger import Record
from serving.doors import json_response
from serving.problems import Problem
from serving.recorder import PAUSE
from serving.state import State

#: Scores in one answer, unless fewer are asked for.
MOST = 100
#: Ids as `serving.scoring` makes them: nothing else can be on its way.
_GIVEN = re.compile(r"[0-9a-f]{24}")

History = tuple[list[Event], list[Attribute]]


class Change(msgspec.Struct, frozen=True):
    """Why a score differs from the one before: "model", "evidence", "time", or "nothing" where it doesn't.

    `since` is the id of the score before, `log_odds` the difference, `evidence` how many facts became known since.
    """

    by: str
    since: str
    log_odds: float | None
    evidence: int


async def one_score(state: State, request: Request) -> Response:
    """GET /v1/scores/{score_id}."""
    score_id = request.path_params["score_id"]
    record = await state.reading(state.recorder.ledger.score, score_id)
    if record is None and _GIVEN.fullmatch(score_id):  # perhaps on its way, from here or from another worker
        await asyncio.sleep(3 * PAUSE)
        record = await state.reading(state.recorder.ledger.score, score_id)
    if record is None:
        raise Problem(404, "unknown_score", "There is no score of that id: never given, or erased.")
    return json_response(await state.reading(_one_score, state, record))


async def scores_of_contact(state: State, request: Request) -> Response:
    """GET /v1/contacts/{contact_id}/scores."""
    conversion = request.query_params.get("conversion")
    limit = _limit(request.query_params.get("limit"))
    rows = await state.reading(_scores_of_contact, state, request.path_params["contact_id"], conversion, limit)
    return json_response(msgspec.json.encode({"scores": rows, "request_id": request.state.request_id}))


def _one_score(state: State, record: Record) -> bytes:
    before = None if record.question else state.recorder.ledger.before(record)
    history = state.log.history(record.contact_id) if before else ([], [])
    names = state.recorder.ledger.columns(record.model_digest or "")
    values = [] if record.features is None else np.frombuffer(record.features, "<f8").tolist()
    more = {
        "features": [
            {"name": name, "value": value if value == value else None}
            for name, value in zip(names, values, strict=False)
        ],
        "features_digest": record.features_digest,
        "history": "given" if record.question else "stored",
        "language": record.language,
        "change": change(before, record, history) if before else None,
    }
    return msgspec.json.encode(msgspec.json.decode(record.answer) | more)


def _scores_of_contact(state: State, contact_id: str, conversion: str | None, limit: int) -> list[dict[str, Any]]:
    records = state.recorder.ledger.scores(contact_id, conversion, limit + 1)
    history = state.log.history(contact_id)
    told: dict[str, Change] = {}
    for name in {record.conversion for record in records}:
        stored = [record for record in records if record.conversion == name and record.question is None]
        told |= {later.score_id: change(earlier, later, history) for later, earlier in pairwise(stored)}
    return [msgspec.json.decode(record.answer) | {"change": told.get(record.score_id)} for record in records[:limit]]


def change(before: Record, after: Record, history: History) -> Change:
    """Why the later score differs from the earlier; both are from stored history."""
    evidence = known(history, after.as_of) - known(history, before.as_of)
    odds = None if before.log_odds is None or after.log_odds is None else after.log_odds - before.log_odds
    same = (before.status, before.log_odds) == (after.status, after.log_odds)
    if before.model_digest != after.model_digest:
        by = "model"
    elif same:
        by = "nothing"
    else:
        by = "evidence" if evidence else "time"
    return Change(by, before.score_id, odds, evidence)


def known(history: History, as_of: int) -> int:
    """How many facts of a history a score could see at a time."""
    return sum(fact.occurred_at < as_of and fact.received_at <= as_of for facts in history for fact in facts)


def _limit(text: str | None) -> int:
    if text is None:
        return MOST
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise Problem(400, "invalid_value", f"limit is a whole number from 1 to {MOST}.", "limit")
    return int(text)

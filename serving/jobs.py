"""The doors to large jobs (202 and a status address), and the thread of a worker that does them."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from engagement.errors import MqmError
from engagement.jobs import Job, add_job, claim_job, contacts_of, end_job, find_job, hold_job
from engagement.times import format_time
from serving.doors import json_response, read_json
from serving.intake import Question, question_from
from serving.problems import Problem
from serving.recorder import Given, write
from serving.scorer import answer_many, refuse_unknown
from serving.scoring import Asked, asked_by, told
from serving.strict import parse
from serving.wire import JobRequest, ScoreRequest, fit

if TYPE_CHECKING:
    from serving.state import State

#: Contacts scored at a time, scores in one page, and seconds between two looks for work.
PART, PAGE, PAUSE = 50, 1000, 1.0

log = logging.getLogger("mqm.serving")


async def submit(state: State, request: Request) -> Response:
    """POST /v1/score/jobs."""
    body = await read_json(request)
    asked = asked_by(state, request)
    job = await state.aside(_submit, state, body, asked)
    return json_response(_told(job, asked.request_id), status=202, Location=f"/v1/score/jobs/{job.job_id}")


async def status(state: State, request: Request) -> Response:
    """GET /v1/score/jobs/{job_id}."""
    return json_response(_told(await state.reading(_find, state, request), request.state.request_id))


async def scores(state: State, request: Request) -> Response:
    """GET /v1/score/jobs/{job_id}/scores."""
    start = request.query_params.get("start", "0")
    if not (start.isascii() and start.isdecimal() and len(start) < 10):
        raise Problem(400, "invalid_value", "start is a whole number.", "start")
    job = await state.reading(_find, state, request)
    records = await state.reading(state.recorder.ledger.of_job, job.job_id, int(start), PAGE)
    page = {
        "scores": [msgspec.Raw(record.answer) for record in records],
        "next": None if len(records) < PAGE else (records[-1].place or 0) + 1,
        "request_id": request.state.request_id,
    }
    return json_response(msgspec.json.encode(page))


def _submit(state: State, body: bytes, asked: Asked) -> Job:
    wanted, now = fit(parse(body), JobRequest), state.clock()
    refuse_unknown([wanted.conversion], {*state.conversions, *state.shelf.models})
    first = ScoreRequest(conversion=wanted.conversion, contact_id="any", as_of=wanted.as_of)
    job = Job(
        job_id=secrets.token_hex(12),
        key_id=asked.key_id,
        created_at=now,
        state="queued",
        conversion=wanted.conversion,
        as_of=question_from(first, now, None, "$").as_of,
        language=asked.language,
        total=len(wanted.contact_ids),
        done=0,
    )
    add_job(state.recorder.ledger, job, wanted.contact_ids)
    return job


def _find(state: State, request: Request) -> Job:
    job = find_job(state.recorder.ledger, request.path_params["job_id"])
    if job is None:
        raise Problem(404, "unknown_job", "There is no job of that id.")
    return job


def _told(job: Job, request_id: str) -> bytes:
    address = f"/v1/score/jobs/{job.job_id}"
    return msgspec.json.encode(
        {
            "job_id": job.job_id,
            "status": job.state,
            "error": job.error,
            "conversion": job.conversion,
            "as_of": format_time(job.as_of),
            "total": job.total,
            "done": job.done,
            "status_url": address,
            "scores_url": f"{address}/scores",
            "request_id": request_id,
        }
    )


class Jobs:
    """The thread of a worker that does jobs, one after the other, beside what is asked over HTTP."""

    def __init__(self, state: State) -> None:
        self._state, self._stop = state, threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqm-jobs", daemon=True)
        self._thread.start()

    def heard(self, group: Sequence[Given]) -> None:
        """Scores that were asked for one by one are none of a job's."""

    def close(self) -> None:
        """Ends the thread; a job that is not done is taken up again, by whoever comes first."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                claimed = claim_job(self._state.recorder.ledger, self._state.clock())
                if claimed is not None:
                    self._do(claimed)
            except Exception as error:  # the lease runs out, and the job is tried again
                log.error("job interrupted", extra={"error": type(error).__name__})

    def _do(self, job: Job) -> None:
        state, ledger = self._state, self._state.recorder.ledger
        asked = Asked(job.key_id, job.language, job.job_id)
        for start in range(job.done, job.total, PART):
            if self._stop.is_set():
                hold_job(ledger, job.job_id, 0)
                return
            now = state.clock()
            contact_ids = contacts_of(ledger, job.job_id)[start : start + PART]  # asked again: some may be erased
            questions = [Question(job.conversion, one, job.as_of) for one in contact_ids]
            try:
                found = answer_many(questions, state.shelf.models, state.log, job.language)
            except MqmError as error:
                end_job(ledger, job.job_id, str(error))
                return
            answers = [told(state, question, one, now, asked) for question, one in zip(questions, found, strict=True)]
            group = [one._replace(job_id=job.job_id, place=start + i) for i, one in enumerate(answers)]
            write(ledger, group)
            state.heard(group)
            hold_job(ledger, job.job_id, now)
        end_job(ledger, job.job_id)

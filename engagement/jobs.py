"""Large jobs in the ledger: asked for once, done by any worker, taken up again where one was killed.

How far a job is its scores tell: they lie in the ledger with their places, written group by group.
"""

from __future__ import annotations

import json

import msgspec

from engagement.ledger import Ledger
from engagement.packed import pack, unpack
from engagement.times import MINUTE

#: A job whose worker did not show for so long (microseconds) is anybody's.
LEASE = MINUTE


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job: `state` is "queued", "running", "done" or "failed"; times are microseconds UTC."""

    job_id: str
    key_id: str
    created_at: int
    state: str
    conversion: str
    as_of: int
    language: str
    total: int
    done: int
    error: str | None = None


_FIELDS = "job_id, key_id, created_at, state, conversion, as_of, language, total, done, error"
_DONE = "(SELECT coalesce(max(place) + 1, 0) FROM scores WHERE scores.job_id = jobs.job_id)"
_ROW = f"SELECT {_FIELDS.replace('done', _DONE)} FROM jobs"


def add_job(ledger: Ledger, job: Job, contact_ids: list[str]) -> None:
    """Queues a job."""
    row = (*msgspec.structs.astuple(job), pack(json.dumps(contact_ids).encode()), 0)
    with ledger.writing() as connection:
        connection.execute(f"INSERT INTO jobs VALUES ({', '.join('?' * 12)})", row)


def find_job(ledger: Ledger, job_id: str) -> Job | None:
    """The job, or None."""
    row = ledger.reading().execute(f"{_ROW} WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def claim_job(ledger: Ledger, now: int) -> Job | None:
    """The oldest job that nobody works on; None when there is none."""
    waiting = "state = 'queued' OR (state = 'running' AND lease < ?)"
    if ledger.reading().execute(f"SELECT 1 FROM jobs WHERE {waiting} LIMIT 1", (now,)).get is None:
        return None
    with ledger.writing() as connection:
        row = connection.execute(f"{_ROW} WHERE {waiting} ORDER BY created_at LIMIT 1", (now,)).fetchone()
        if row is None:
            return None
        connection.execute("UPDATE jobs SET state = 'running', lease = ? WHERE job_id = ?", (now + LEASE, row[0]))
    return _job(row)


def hold_job(ledger: Ledger, job_id: str, now: int) -> None:
    """Says that somebody still works on it."""
    with ledger.writing() as connection:
        connection.execute("UPDATE jobs SET lease = ? WHERE job_id = ?", (now + LEASE, job_id))


def contacts_of(ledger: Ledger, job_id: str) -> list[str]:
    """Whom a job is about; one that was erased meanwhile is an empty text. Nobody when the job is done."""
    packed = ledger.reading().execute("SELECT contacts FROM jobs WHERE job_id = ?", (job_id,)).get
    return [] if packed is None else msgspec.json.decode(unpack(packed), type=list[str])


def end_job(ledger: Ledger, job_id: str, error: str | None = None) -> None:
    """Ends a job, done or failed; whom it was about is forgotten but for the scores."""
    state = "done" if error is None else "failed"
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE jobs SET state = ?, error = ?, contacts = NULL WHERE job_id = ?", (state, error, job_id)
        )


def _job(row: tuple[object, ...]) -> Job:
    return Job(**dict(zip(Job.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]

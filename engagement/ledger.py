"""The ledger: which scores were given and which acts were done, in one SQLite file beside the log.

Every entry of its audit is chained to the one before by SHA-256, and tells a score by its id and digest alone, so
that a person's scores can be erased and the chain still be verified. Commits survive a killed process at once and a
power cut after a moment (WAL, `synchronous=NORMAL`): scores can be computed again, unlike events.
"""

from __future__ import annotations

import hashlib
import json
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from engagement.chain import Entry, chain
from engagement.errors import BadInput
from engagement.ledger_sql import (
    ADD_COLUMNS,
    ADD_SCORE,
    APPLICATION_ID,
    ONE_SCORE,
    SCHEMA,
    SCORE_BEFORE,
    SCORES_OF_CONTACT,
    SCORES_OF_JOB,
    VERSION,
)
from engagement.packed import pack, unpack
from engagement.sqlite_file import BUSY_MILLISECONDS, refuse_unsafe_sqlite

FILE = "mqm-ledger.sqlite"


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A score as it was given. Times are microseconds UTC.

    Attributes:
        question: the question's own history as JSON; None when the stored one was meant.
        answer: the answer as JSON, as it was sent.
        features: the row's numbers, 64-bit floats; `features_digest` is that of their names and bits.
        job_id, place: of which job, and where in it.
    """

    score_id: str
    contact_id: str
    conversion: str
    as_of: int
    scored_at: int
    status: str
    language: str
    log_odds: float | None = None
    grade: str | None = None
    model_version: str | None = None
    model_digest: str | None = None
    features_digest: str | None = None
    question: bytes | None = None
    answer: bytes
    features: bytes | None = None
    job_id: str | None = None
    place: int | None = None


class Ledger:
    """A ledger's file, made where there is none. Safe to share between threads.

    Raises:
        BadInput: the file cannot be opened or is no ledger.
    """

    def __init__(self, path: Path) -> None:
        refuse_unsafe_sqlite(apsw.sqlite_lib_version())
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._writer = self._open()

    def record(
        self, scores: Sequence[Record], actors: Sequence[str], columns: Sequence[tuple[str, Sequence[str]]] = ()
    ) -> None:
        """Stores scores, each with its entry in the audit, in one transaction; all or nothing.

        Args:
            actors: (scores,) the id of the key that asked.
            columns: the names of the features' columns, of model digests that may be new.
        """
        entries = [
            Entry(one.scored_at, "score", actor, one.score_id, digest_of(one.answer))
            for one, actor in zip(scores, actors, strict=True)
        ]
        rows = [_row(one) for one in scores]
        names = [(digest, pack(json.dumps(list(texts)).encode())) for digest, texts in columns]
        with self.writing() as connection:
            connection.executemany(ADD_COLUMNS, names)
            connection.executemany(ADD_SCORE, rows)
            chain(connection, entries)

    def note(self, entry: Entry) -> None:
        """Adds one act to the audit."""
        with self.writing() as connection:
            chain(connection, [entry])

    def score(self, score_id: str) -> Record | None:
        """The score of that id, or None."""
        return next(self._records(ONE_SCORE, (score_id,)), None)

    def scores(self, contact_id: str, conversion: str | None = None, limit: int = 100) -> list[Record]:
        """A contact's scores (for one conversion), the newest first."""
        return list(self._records(SCORES_OF_CONTACT, (contact_id, conversion, conversion, limit)))

    def before(self, record: Record) -> Record | None:
        """The score from stored history that the same contact was given last before this one, or None."""
        return next(self._records(SCORE_BEFORE, (record.contact_id, record.conversion, record.scored_at)), None)

    def of_job(self, job_id: str, start: int, limit: int) -> list[Record]:
        """The scores of a job from a place on."""
        return list(self._records(SCORES_OF_JOB, (job_id, start, limit)))

    def columns(self, model_digest: str) -> list[str]:
        """The names of a model's columns, in the order of `Record.features`; empty when it gave no score here."""
        row = self.reading().execute("SELECT names FROM columns WHERE model_digest = ?", (model_digest,)).get
        return [] if row is None else list(json.loads(unpack(row)))

    def erase(self, contact_id: str, at: int, actor: str) -> int:
        """Removes all scores of a contact, what waits to be sent about it, and its place in jobs that are not done
        (a nobody stands there from then on); returns how many scores.

        Their entries in the audit stay: they name score ids, and from now on no score goes with them. The file's
        pages are overwritten, and its log is emptied.
        """
        with self.writing() as connection:
            gone = [
                row[0]
                for row in connection.execute("SELECT score_id FROM scores WHERE contact_id = ?", (contact_id,))
            ]
            for table in ("scores", "grades", "outbox"):
                connection.execute(f"DELETE FROM {table} WHERE contact_id = ?", (contact_id,))
            _forget_in_jobs(connection, contact_id)
            for start in range(0, len(gone), 1000):
                chain(connection, [Entry(at, "erase", actor, "scores", " ".join(gone[start : start + 1000]))])
        with self._lock:
            self._writer.pragma("wal_checkpoint(TRUNCATE)")
        return len(gone)

    def close(self) -> None:
        """Closes every connection."""
        for connection in list(self._connections):
            connection.close()

    # -- connections -----------------------------------------------------------------------------------------

    def reading(self) -> apsw.Connection:
        """This thread's connection for reading."""
        reader: apsw.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._open()
            reader.execute("PRAGMA query_only = 1")
        return reader

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """One write transaction; the lock of the file is taken at once.

        Raises:
            BadInput: another process holds the file for long, or there is no room on the disk.
        """
        with self._lock:
            connection = self._writer
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, apsw.BusyError | apsw.FullError | apsw.IOError | apsw.ReadOnlyError):
                    raise BadInput("the ledger cannot be written", str(self.path), str(error)) from None
                raise

    def _records(self, statement: str, bindings: tuple[object, ...]) -> Iterator[Record]:
        for row in self.reading().execute(statement, bindings):
            packed = (None if blob is None else unpack(blob) for blob in row[12:15])
            yield Record(**dict(zip(Record.__struct_fields__, (*row[:12], *packed, *row[15:]), strict=True)))

    def _open(self) -> apsw.Connection:
        try:
            connection = apsw.Connection(str(self.path))
            self._connections.add(connection)
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            if not connection.pragma("application_id"):
                connection.execute("BEGIN IMMEDIATE")
                if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get:
                    connection.execute(SCHEMA)
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise BadInput(f"{self.path} cannot be opened", str(error), "Check the path and its rights.") from None
        if (connection.pragma("application_id"), connection.pragma("user_version")) != (APPLICATION_ID, VERSION):
            raise BadInput("not a ledger of this version", str(self.path), "Name another file.")
        return connection


def _forget_in_jobs(connection: apsw.Connection, contact_id: str) -> None:
    """Places in a job are counted, so a contact's is left empty."""
    for job_id, packed in list(connection.execute("SELECT job_id, contacts FROM jobs WHERE contacts IS NOT NULL")):
        contacts = json.loads(unpack(packed))
        if contact_id in contacts:
            others = [one if one != contact_id else "" for one in contacts]
            row = (pack(json.dumps(others).encode()), job_id)
            connection.execute("UPDATE jobs SET contacts = ? WHERE job_id = ?", row)


def digest_of(answer: bytes) -> str:
    """`sha256:…` of an answer."""
    return "sha256:" + hashlib.sha256(answer).hexdigest()


def _row(one: Record) -> tuple[object, ...]:
    fields = msgspec.structs.astuple(one)
    packed = (None if blob is None else pack(blob) for blob in fields[12:15])
    return (*fields[:12], *packed, *fields[15:])

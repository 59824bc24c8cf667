"""What is particular to the PostgreSQL log: no server, databases that are no logs, lost connections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from postgres import new_schema

from engagement.errors import BadInput, Unavailable
from engagement.events import Event
from engagement.log import open_log
from engagement.postgres import PostgresLog
from engagement.times import SECOND


@pytest.fixture
def url() -> Iterator[str]:
    with new_schema() as made:
        yield made


def test_what_is_not_a_log_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadInput, match="no engagement log"):
        open_log(url)
    with psycopg.connect(url) as foreign:
        foreign.execute("CREATE TABLE events (id int)")
    for create in (False, True):
        with pytest.raises(BadInput, match="not a log"):
            PostgresLog(url, create)


def test_a_log_of_another_version_is_refused(url: str) -> None:
    PostgresLog(url, create=True).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE mqm_log SET version = 99")
    with pytest.raises(BadInput, match="another version"):
        PostgresLog(url, create=True)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        PostgresLog("postgresql://ann:secret@127.0.0.1:1/x", create=True)
    assert "ann@127.0.0.1:1/x" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_commits_are_durable_whatever_the_server_does_by_default(url: str) -> None:
    log = PostgresLog(url.replace("options=", "options=-csynchronous_commit%3Doff%20"), create=True)
    found = log._connections.run(lambda connection: connection.execute("SHOW synchronous_commit").fetchone())
    assert found == ("on",)
    log.close()


def test_a_connection_that_was_lost_is_opened_again(url: str) -> None:
    log = PostgresLog(url, create=True)
    log.append([Event("e1", "ann", None, "mql", 1, 1)])
    for _ in range(3):
        pid = log._connections.run(lambda connection: connection.info.backend_pid)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        assert len(log.history("ann")[0]) == 1
    log.close()


def test_a_server_that_does_not_take_writes_is_named(url: str) -> None:
    log = PostgresLog(url, create=True)
    reading = PostgresLog(url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"), create=False)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="read-only"):
        reading.append([Event("e1", "ann", None, "mql", 1, SECOND)])
    assert time.monotonic() - began < 5
    assert log.history("ann") == ([], [])
    log.close()
    reading.close()

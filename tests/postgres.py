"""A PostgreSQL for tests: a schema of its own each time. `MQM_TEST_POSTGRES` names the server; absent, they skip."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

SERVER = os.environ.get("MQM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


@contextmanager
def new_schema() -> Iterator[str]:
    """The URL of an empty schema, dropped afterwards; skips the test where no server answers."""
    import psycopg

    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {' '.join(str(error).split())[:100]}")
    name = f"mqm_{secrets.token_hex(6)}"
    with server:
        server.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{SERVER}?options={quote(f'-csearch_path={name}')}"
        finally:
            server.execute(f"DROP SCHEMA {name} CASCADE")

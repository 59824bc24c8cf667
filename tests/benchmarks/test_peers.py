"""What the benchmarks measure side by side gives the same numbers: else a ratio would mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pytest

from benchmarks.features import frames, generated, one_contact, peers, sql
from benchmarks.features.columns import FEATURES

EVENTS = generated.generate(5_000)
#: Some of contacts that the log does not know.
ROWS = generated.rows(6_000, cutoffs=3)


def in_sql(query: str) -> Any:
    db = duckdb.connect(config={"threads": 1})
    db.execute(sql.SETUP)
    db.register("events", EVENTS).register("wanted", ROWS.table())
    return db.sql(query).to_arrow_table()


WAYS: dict[str, Callable[[], Any]] = {
    "SQL, FILTER": lambda: in_sql(sql.wide()),
    "SQL, pivot": lambda: in_sql(sql.pivoted()),
    "Polars, filter": lambda: frames.wide(EVENTS, ROWS.table()),
    "Polars, pivot": lambda: frames.pivoted(EVENTS, ROWS.table()),
}


@pytest.mark.parametrize("way", WAYS)
def test_peers_compute_the_same_columns(way: str) -> None:
    mine = peers.ours(EVENTS, ROWS)
    assert (mine[:, FEATURES.names.index("any_event_count_ever")] == 0).any(), "a row without history is among them"
    assert peers.difference(peers.matrix(WAYS[way]()), mine) == "equal to the last bit"


@pytest.mark.parametrize("way", one_contact.ways())
def test_one_contact_gets_the_same_vector(way: str) -> None:
    events = one_contact.history(50)
    vector, mine = (
        np.array(one.to_vector(one.to_arrays(events)), np.float64)
        for one in (one_contact.ways()[way], one_contact.ways()["mqm"])
    )
    assert np.array_equal(vector, mine, equal_nan=True)


def test_a_difference_is_told_in_words() -> None:
    mine = np.array([[1.0, np.nan], [2.0, 4.0]])
    theirs = np.array([[1.0, np.nan], [2.0, 5.0]])
    assert peers.difference(theirs, mine) == "25.0% differ, by at most 2e-01 (in 1 columns)"

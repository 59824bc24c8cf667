"""Texts as codes and rows in groups: the fast way equals the plain way, also with threads and in pieces."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.arrays import MISSING, group_events
from features.encode import codes_of, encode, encode_pairs


def test_codes_follow_the_order_of_the_texts() -> None:
    column = pa.chunked_array([["pear", None, "fig"], ["apple", "pear"]])
    other = pa.chunked_array([["zebra", "fig"]])
    texts, (codes, others) = encode(column, other)
    assert texts.to_pylist() == ["apple", "fig", "pear", "zebra"]
    assert codes.tolist() == [2, -1, 1, 0, 2]
    assert others.tolist() == [3, 1]
    assert codes_of(pa.array(["fig", "plum"]), texts).tolist() == [1, -1]


def test_empty_and_missing_columns() -> None:
    texts, (codes,) = encode(pa.chunked_array([pa.array([], pa.string())]))
    assert (len(texts), len(codes)) == (0, 0)
    texts, (codes,) = encode(pa.chunked_array([pa.nulls(3, pa.string())]))
    assert (len(texts), codes.tolist()) == (0, [-1, -1, -1])


@pytest.mark.parametrize("rows", [1_000, 250_001])
def test_a_long_column_in_odd_pieces_is_encoded_like_a_short_one(rows: int) -> None:
    draw = np.random.default_rng(rows)
    plain = [None if n == 0 else f"t-{n:03}" for n in draw.integers(0, 300, rows)]
    pieces = [plain[:7], [], plain[7 : rows // 3], plain[rows // 3 :]]
    texts, (codes,) = encode(pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces]))
    known = sorted({text for text in plain if text is not None})
    place = {text: code for code, text in enumerate(known)} | {None: -1}
    assert texts.to_pylist() == known
    assert codes.tolist() == [place[text] for text in plain]


def test_pairs_are_sorted_and_a_missing_detail_comes_first() -> None:
    kinds, details = pa.array(["click", "view"]), pa.array(["home", "pricing"])
    pairs, machine, codes = encode_pairs(
        (kinds, np.array([1, 0, 1, 1], np.int32)), (details, np.array([1, -1, -1, 1], np.int32))
    )
    assert pairs == [("click", None), ("view", None), ("view", "pricing")]
    assert codes.tolist() == [2, 0, 1, 2]
    assert machine.tolist() == [False, False, False]


def test_what_machines_made_stands_apart() -> None:
    kinds, details = pa.array(["click", "view"]), pa.array(["home"])
    rows = np.array([1, 1, 0, 1, 1], np.int32), np.array([0, -1, -1, 0, 0], np.int32)
    machines = np.array([True, False, True, False, True])
    pairs, machine, codes = encode_pairs((kinds, rows[0]), (details, rows[1]), machines)
    assert pairs == [("click", None), ("view", None), ("view", "home"), ("view", "home")]
    assert machine.tolist() == [True, False, False, True]
    assert codes.tolist() == [3, 1, 0, 2, 3]


@pytest.mark.parametrize(("rows", "entities"), [(0, 0), (1, 1), (5_000, 70), (150_000, 9), (220_000, 40_000)])
def test_groups_equal_a_plain_sort(rows: int, entities: int) -> None:
    draw = np.random.default_rng(rows)
    entity = draw.integers(0, max(entities, 1), rows).astype(np.int32)
    occurred = draw.integers(0, 5_000, rows)
    received = np.arange(rows)
    pair = draw.integers(0, 9, rows).astype(np.int32)
    value = np.where(draw.random(rows) < 0.5, MISSING, draw.integers(-9, 9, rows))
    account = draw.integers(-1, 4, rows).astype(np.int32)
    found = group_events(
        entity, entities, occurred=occurred, received=received, pair=pair, value=value, account=account
    )
    order = np.lexsort((received, occurred, entity))  # rows at the same instant stay in their order
    assert found.contact.tolist() == entity[order].tolist()
    assert found.received.tolist() == received[order].tolist()
    assert found.occurred.tolist() == occurred[order].tolist()
    assert found.pair.tolist() == pair[order].tolist()
    assert found.value.tolist() == value[order].tolist()
    assert found.account.tolist() == account[order].tolist()
    assert np.diff(found.start).tolist() == np.bincount(entity, minlength=entities).tolist()

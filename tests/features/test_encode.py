"""Texts as codes and rows in groups: the fast way equals the plain way, also with threads and in pieces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput
from features import kernel_encode, text_order
from features.encode import Codes, Encoding, Flags, Texts, encode
from features.grouping import group
from features.kinds import Kinds
from features.millionths import fill_fixed_point
from features.timeline import MISSING, Ints


def test_codes_follow_the_order_of_the_texts() -> None:
    column = pa.chunked_array([["pear", None, "fig"], ["apple", "pear"]])
    other = pa.chunked_array([["zebra", "fig"]])
    texts, (codes, others) = encode(column, other)
    assert texts.to_pylist() == ["apple", "fig", "pear", "zebra"]
    assert codes.tolist() == [2, -1, 1, 0, 2]
    assert others.tolist() == [3, 1]


def test_texts_made_to_share_a_key_are_told_apart() -> None:
    """The first and second word of a text of four are replaced so that its fourth may be another, of letters too."""
    mix, stir = int(kernel_encode._MIX), int(kernel_encode._STIR)
    size, back = 1 << 64, (pow(mix, -1, 1 << 64), pow(stir, -1, 1 << 64))
    one, two, _, four = (int.from_bytes(b"%08d" % n, "little") for n in range(4))
    for number in range(2_000_000):
        word = int.from_bytes(b"%08d" % number, "little")
        first = ((one * mix ^ four * stir ^ word * stir) % size * back[0] % size).to_bytes(8, "little")
        second = ((two * stir ^ four * mix ^ word * mix) % size * back[1] % size).to_bytes(8, "little")
        if number != 3 and first.isascii() and second.isascii():
            break
    texts = [f"{0:08}{1:08}{2:08}{3:08}", first.decode() + second.decode() + f"{2:08}{number:08}"]
    keys = np.zeros((5, kernel_encode.BLOCK), np.uint64)
    _, offsets, data = pa.array([*texts, "room" * 10]).buffers()
    windows = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    kernel_encode.make_keys(np.frombuffer(offsets, np.int32), windows, np.zeros(0, np.bool_), 0, 2, keys)
    assert keys[:, 0].tolist() == keys[:, 1].tolist()
    found, (codes,) = encode(pa.chunked_array([texts * 2]))
    assert found.to_pylist() == sorted(texts)
    assert [found[code].as_py() for code in codes] == texts * 2


def test_empty_and_missing_columns() -> None:
    texts, (codes,) = encode(pa.chunked_array([pa.array([], pa.string())]))
    assert (len(texts), len(codes)) == (0, 0)
    texts, (codes,) = encode(pa.chunked_array([pa.nulls(3, pa.string())]))
    assert (len(texts), codes.tolist()) == (0, [-1, -1, -1])


@pytest.mark.parametrize("dictionaries", [False, True])
@pytest.mark.parametrize("width", [0, 6, 8, 14, 16, 22, 24, 30, 80])
@pytest.mark.parametrize(("rows", "different"), [(1_000, 300), (70_001, 60_000)])
@pytest.mark.parametrize("ascending", [0.0, 0.5, 1.0])
def test_a_long_column_in_odd_pieces(
    rows: int, different: int, width: int, dictionaries: bool, ascending: float
) -> None:
    """Texts of all lengths, alike at the beginning, in the middle and at the end; in no order, or some ascending."""
    draw = np.random.default_rng(rows)
    plain = [_text(n, width) for n in draw.integers(0, different, rows).tolist()]
    plain[: int(ascending * rows)] = sorted(plain[: int(ascending * rows)], key=lambda text: text or "")
    pieces = [plain[:7], [], plain[7 : rows // 3], plain[rows // 3 :]]
    column = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces])
    encoding = Encoding([column.dictionary_encode() if dictionaries else column], threads=3)
    for thread in range(3):
        encoding.read(thread)
    texts, (codes,) = encoding.finish(), encoding.codes
    known = sorted({text for text in plain if text is not None})
    place = {text: code for code, text in enumerate(known)} | {None: -1}
    assert texts.to_pylist() == known
    assert codes.tolist() == [place[text] for text in plain]


def _text(number: int, width: int) -> str | None:
    """A text of that many characters and a number, which stands somewhere in it; sometimes shorter, or none."""
    if number % 50 == 0:
        return None
    place = number * width // 97 % (width + 1)
    return f"{'ä' * place}{number}{'z' * (width - place)}"[: width + 6 - number % 7]


@given(st.lists(st.none() | st.text(st.sampled_from("\0aé日"), max_size=40), max_size=30), st.integers(0, 30))
def test_any_texts_are_encoded_in_the_order_of_the_texts(plain: list[str | None], cut: int) -> None:
    known = sorted({text for text in plain if text is not None})
    place = {text: code for code, text in enumerate(known)} | {None: -1}
    column = pa.chunked_array([plain[:cut], plain[cut:]], pa.string())
    for some in (column, column.dictionary_encode(), column.cast(pa.large_string())):
        texts, (codes, half) = encode(some, some.slice(len(plain) // 2))
        assert texts.to_pylist() == known
        assert codes.tolist() == [place[text] for text in plain]
        assert half.tolist() == codes[len(plain) // 2 :].tolist()


@given(
    st.lists(st.none() | st.text(st.sampled_from("\0aé日"), max_size=40), max_size=30),
    st.lists(st.none() | st.text(st.sampled_from("\0aé日"), max_size=40), max_size=5),
)
@settings(deadline=None)
def test_texts_that_ascend_and_then_may_not(some: list[str | None], others: list[str | None]) -> None:
    known = Texts()
    plain = sorted(some, key=lambda text: text or "") + others
    codes = np.empty(len(plain), np.int32)
    known.encode(pa.array(plain, pa.string()), codes)
    seen = list(dict.fromkeys(text for text in plain if text is not None))
    assert known.texts().to_pylist() == seen
    assert codes.tolist() == [-1 if text is None else seen.index(text) for text in plain]
    assert known.ascending == (seen == sorted(seen) and codes[codes >= 0].tolist() == sorted(codes[codes >= 0]))


@given(
    st.lists(st.text(st.sampled_from("\0aé日"), max_size=40), unique=True, max_size=30),
    st.lists(st.none() | st.text(st.sampled_from("\0aé日"), max_size=3), max_size=30),
)
@settings(deadline=None)
def test_only_texts_that_were_seen_are_found(seen: list[str], asked: list[str | None]) -> None:
    known = Texts()
    half = len(seen) // 2
    known.encode(pa.array(seen[:half], pa.string()), np.empty(half, np.int32))
    wanted = [seen.index(one) if one in seen[:half] else -1 for one in asked]
    assert known.find(pa.array(asked, pa.string())).tolist() == wanted
    known.encode(pa.array(seen, pa.string()), np.empty(len(seen), np.int32))
    for _ in range(2):
        assert known.find(pa.array(asked, pa.string())).tolist() == [
            seen.index(a) if a in seen else -1 for a in asked
        ]
    assert known.texts().to_pylist() == seen


@dataclass
class Found:
    pairs: list[tuple[str, str | None]]
    machine: Flags
    pair: Codes


def kinds_of(rows: list[tuple[str, str | None, str | None]], dictionaries: bool = False, threads: int = 2) -> Found:
    columns = [pa.chunked_array([pa.array(column, pa.string())]) for column in zip(*rows, strict=True)]
    columns = [column.dictionary_encode() if dictionaries else column for column in columns]
    kinds = Kinds(pa.table(columns, names=["type", "detail", "properties"]), threads)
    for thread in range(threads):
        kinds.read(thread)
    return Found(*kinds.finish(), kinds.pair)


@pytest.mark.parametrize("dictionaries", [False, True])
def test_pairs_are_sorted_and_a_missing_detail_comes_first(dictionaries: bool) -> None:
    rows = [("view", "pricing", None), ("click", None, None), ("view", None, None), ("view", "pricing", None)]
    found = kinds_of(rows, dictionaries)
    assert found.pairs == [("click", None), ("view", None), ("view", "pricing")]
    assert found.pair.tolist() == [2, 0, 1, 2]
    assert found.machine.tolist() == [False, False, False]


@pytest.mark.parametrize("dictionaries", [False, True])
def test_what_machines_made_stands_apart(dictionaries: bool) -> None:
    bot = '{"bot": true}'
    rows = [
        ("view", "home", bot),
        ("view", None, None),
        ("click", None, bot),
        ("view", "home", "{}"),
        ("view", "home", bot),
    ]
    found = kinds_of(rows, dictionaries)
    assert found.pairs == [("click", None), ("view", None), ("view", "home"), ("view", "home")]
    assert found.machine.tolist() == [True, False, False, True]
    assert found.pair.tolist() == [3, 1, 0, 2, 3]


def test_details_without_end_are_encoded_like_few() -> None:
    draw = np.random.default_rng(3)
    rows = [(f"t{n % 300}", f"d{n}", None) for n in draw.integers(0, 60_000, 70_000).tolist()]
    found = kinds_of(rows)
    known = sorted({(kind, detail) for kind, detail, _ in rows})
    place = {pair: code for code, pair in enumerate(known)}
    assert 2 * 300 * len({detail for _, detail, _ in rows}) > 1 << 24  # more than are looked up in a table
    assert found.pairs == known
    assert found.pair.tolist() == [place[kind, detail] for kind, detail, _ in rows]


@dataclass
class Some:
    """Rows as they are given."""

    occurred: Ints
    received: Ints
    value: Ints

    def __len__(self) -> int:
        return len(self.occurred)

    def fill_value(self, out: Ints) -> None:
        out[:] = self.value


@pytest.mark.parametrize(("rows", "entities"), [(0, 0), (1, 1), (5_000, 70), (150_000, 9), (220_000, 40_000)])
def test_groups_equal_a_plain_sort(rows: int, entities: int) -> None:
    draw = np.random.default_rng(rows)
    entity = draw.integers(0, max(entities, 1), rows).astype(np.int32)
    occurred = draw.integers(0, 5_000, rows)
    received = np.arange(rows)
    pair = draw.integers(0, 9, rows).astype(np.int32)
    value = np.where(draw.random(rows) < 0.5, MISSING, draw.integers(-9, 9, rows))
    account = draw.integers(-1, 4, rows).astype(np.int32)
    cuts = [0, rows // 3, rows // 3, rows // 2, rows]
    pieces = [Some(occurred[a:b], received[a:b], value[a:b]) for a, b in pairwise(cuts)]
    given = entity.copy(), entities, pair.copy(), account.copy()  # they are overwritten
    found = group(*given, pieces, valued=True, threads=2)
    order = np.lexsort((received, occurred, entity))  # rows at the same instant stay in their order
    assert found.owner.tolist() == entity[order].tolist()
    assert found.received.tolist() == received[order].tolist()
    assert found.occurred.tolist() == occurred[order].tolist()
    assert found.pair.tolist() == pair[order].tolist()
    assert found.value.tolist() == value[order].tolist()
    assert found.other.tolist() == account[order].tolist()
    assert np.diff(found.start).tolist() == np.bincount(entity, minlength=entities).tolist()


def test_texts_that_just_fill_the_arena_end() -> None:
    """Both who fills it and who makes it larger must agree on when it is full; once they did not, and never ended."""
    texts, (codes,) = encode(pa.chunked_array([[f"{i:0256d}" for i in range(255)] + ["x" * 230]]))
    assert (len(texts), codes.tolist()) == (256, list(range(256)))


@given(
    st.lists(st.none() | st.just(math.nan) | st.floats(-1e9, 1e9), max_size=20),
    st.integers(0, 9),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_values_straight_from_buffers_are_those_of_python(values: list[float | None], begin: int, end: int) -> None:
    column = pa.array(values, pa.float64())
    column = column.slice(min(begin, len(column)), max(len(column) - begin - end, 0))
    out = np.empty(len(column), np.int64)
    fill_fixed_point(column, out)
    wanted = [MISSING if x is None or math.isnan(x) else int(np.rint(x * 1e6)) for x in column.to_pylist()]
    assert out.tolist() == wanted


@pytest.mark.parametrize("seen", [math.inf, -2e9, math.nan])
def test_what_lies_under_a_null_does_not_count(seen: float) -> None:
    numbers = np.array([1.0, seen, 2.0])
    valid = [pa.py_buffer(bytes([bits])) for bits in (0b101, 0b111)]
    column, whole = (pa.Array.from_buffers(pa.float64(), 3, [bits, pa.py_buffer(numbers)]) for bits in valid)
    out = np.empty(3, np.int64)
    fill_fixed_point(column, out)
    assert out.tolist() == [1_000_000, MISSING, 2_000_000]
    if not math.isnan(seen):
        with pytest.raises(BadInput, match="too large to add up exactly"):
            fill_fixed_point(whole, out)


@given(st.lists(st.none() | st.sampled_from("abc"), max_size=20), st.integers(0, 9))
@settings(deadline=None)
def test_a_dictionary_in_slices_reads_as_its_texts(texts: list[str | None], begin: int) -> None:
    column = pa.array(texts, pa.string()).dictionary_encode()[begin:]
    known, out = Texts(), np.empty(len(column), np.int32)
    known.encode(column, out)
    seen = [*known.texts().to_pylist(), None]
    assert [seen[code] for code in out.tolist()] == column.to_pylist()


@given(
    st.text("aé", max_size=9),
    st.sets(st.text(st.characters(codec="utf-8"), max_size=9) | st.text("aé\0", max_size=3), min_size=1, max_size=30),
    st.integers(0, 3),
)
@example("", {"a", "a\0"}, 0)
@example("c-", {f"{i:07d}" for i in range(30)}, 2)
@settings(deadline=None)
def test_texts_are_ordered_by_their_code_points(prefix: str, ends: set[str], begin: int) -> None:
    texts = pa.array([prefix + end for end in ends], pa.string())[min(begin, len(ends) - 1) :]
    with patch.object(text_order, "_MANY", 0):
        order = text_order.order_of(texts)
    assert texts.take(pa.array(order)).to_pylist() == sorted(texts.to_pylist())

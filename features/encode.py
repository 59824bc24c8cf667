"""Texts as codes: the codes follow the order of the texts, and a missing text is -1."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int32]

_THREADS = 2
#: Columns shorter than this are not worth a second thread.
_SHORT = 100_000
#: So many possible pairs are looked up in a table; more are sorted.
_SMALL_DOMAIN = 1 << 24


def encode(*columns: pa.ChunkedArray) -> tuple[pa.Array, list[Codes]]:
    """The distinct texts of all columns, sorted, and the codes of each column."""
    pieces = [_dictionaries(column) for column in columns]
    merged = pa.concat_arrays(
        [piece.dictionary for parts in pieces for piece in parts] or [pa.array([], pa.string())]
    )
    merged = merged.unique().drop_null()
    texts = merged.take(pc.sort_indices(merged))
    return texts, [_recoded(parts, texts) for parts in pieces]


def codes_of(column: pa.ChunkedArray | pa.Array, texts: pa.Array) -> Codes:
    """(rows,) the codes of a column's texts among the sorted `texts`; -1 for those that aren't among them."""
    found = pc.fill_null(pc.index_in(column, texts), -1)
    codes = found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
    return np.asarray(codes, np.int32)


def encode_pairs(
    types: tuple[pa.Array, Codes],
    details: tuple[pa.Array, Codes],
    machine: npt.NDArray[np.bool_] | None = None,
) -> tuple[list[tuple[str, str | None]], npt.NDArray[np.bool_], Codes]:
    """The distinct (type, detail) pairs, sorted, a missing detail first; and the code of each row's pair.

    A pair that persons and machines made stands twice, the person's first; the flags tell the machine's.
    """
    width = 2 * (len(details[0]) + 1)
    joined = types[1].astype(np.int64) * width + 2 * (details[1] + 1)
    if machine is not None:
        joined += machine
    domain = len(types[0]) * width
    if domain <= _SMALL_DOMAIN:
        distinct = np.flatnonzero(np.bincount(joined, minlength=domain))
        place = np.zeros(max(domain, 1), np.int32)
        place[distinct] = np.arange(len(distinct), dtype=np.int32)
        pair = place[joined]
    else:
        distinct, inverse = np.unique(joined, return_inverse=True)
        pair = inverse.astype(np.int32)
    kinds, texts = types[0].to_pylist(), [None, *details[0].to_pylist()]
    pairs = [(kinds[code // width], texts[code % width // 2]) for code in distinct.tolist()]
    return pairs, (distinct % 2).astype(np.bool_), pair


def _dictionaries(column: pa.ChunkedArray) -> list[pa.DictionaryArray]:
    """The column in pieces, each with a dictionary of its own."""
    if pa.types.is_dictionary(column.type):
        return list(column.chunks)
    if len(column) < _SHORT:
        return list(column.dictionary_encode().chunks)
    size = -(-len(column) // _THREADS)
    slices = [column.slice(begin, size) for begin in range(0, len(column), size)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [chunk for part in pool.map(lambda some: some.dictionary_encode(), slices) for chunk in part.chunks]


def _recoded(pieces: list[pa.DictionaryArray], texts: pa.Array) -> Codes:
    codes = np.empty(sum(len(piece) for piece in pieces), np.int32)
    begin = 0
    for piece in pieces:
        meaning = np.append(codes_of(piece.dictionary, texts), np.int32(-1))  # the last serves the missing
        indices = piece.indices
        if indices.null_count:
            indices = indices.fill_null(len(piece.dictionary))
        np.take(meaning, indices.to_numpy(), out=codes[begin : begin + len(piece)])
        begin += len(piece)
    return codes

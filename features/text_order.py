"""The order of distinct texts. Most are ids that differ in eight bytes in a row: those are sorted as numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

#: Fewer are sorted as texts as quickly.
_MANY = 1000


def order_of(texts: pa.Array) -> Ints:
    """(texts,) the order of distinct texts without nulls by their code points, as `pyarrow.compute.sort_indices`."""
    keys = _keys(texts) if len(texts) >= _MANY else None
    if keys is not None:
        order = np.argsort(keys)
        ordered = keys[order]
        if (ordered[:-1] < ordered[1:]).all():  # else two differ only in zero bytes at their end
            return order
    return np.asarray(pc.sort_indices(texts).to_numpy(), np.int64)


def _keys(texts: pa.Array) -> Words | None:
    """(texts,) the bytes after those that all begin with, as numbers in the order of the texts; None beyond eight."""
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    starts, lengths = starts[:-1], np.diff(starts)
    windows: Words = np.ndarray((max(len(memoryview(data)) - 7, 0),), "<u8", data, strides=(1,))
    common = _common(starts, int(lengths.min()), windows)
    rest = lengths - common
    if rest.max() > 8 or starts[-1] + common >= len(windows):
        return None
    # A shift by all 64 bits is not defined, so it is done in two halves.
    half = (32 - 4 * rest).astype(np.uint64)
    return ((windows[starts + common] << half << half) >> half >> half).byteswap()


def _common(starts: Ints, shortest: int, windows: Words) -> int:
    """How many bytes all texts begin with."""
    common = 0
    while common < shortest and starts[-1] + common < len(windows):
        words = windows[starts + common]
        differing = int(np.bitwise_or.reduce(words ^ words[0]))
        if differing:
            common += ((differing & -differing).bit_length() - 1) // 8
            break
        common += 8
    return min(common, shortest)

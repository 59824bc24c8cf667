"""Texts, straight from Arrow's buffers, to the number of the part that they belong to: by hash, or by range.

Text i is `data[offsets[i]:offsets[i + 1]]`, UTF-8: comparing bytes is comparing code points.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]


@nb.njit(cache=True, nogil=True)
def hashed(offsets: Codes, data: Bytes, parts: int, out: Codes) -> None:
    """The hash (FNV-1a, stirred as MurmurHash3 ends) of each text, modulo `parts`."""
    for text in range(len(out)):
        code = np.uint64(14695981039346656037)
        for place in range(offsets[text], offsets[text + 1]):
            code = (code ^ np.uint64(data[place])) * np.uint64(1099511628211)
        code = (code ^ (code >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        out[text] = np.int32((code ^ (code >> np.uint64(33))) % np.uint64(parts))


@nb.njit(cache=True, nogil=True)
def ranked(offsets: Codes, data: Bytes, cut_offsets: Codes, cuts: Bytes, out: Codes) -> None:
    """How many of the ascending `cuts` are at or below each text."""
    for text in range(len(out)):
        low, high = 0, len(cut_offsets) - 1
        while low < high:
            middle = (low + high) // 2
            if _below(data[offsets[text] : offsets[text + 1]], cuts[cut_offsets[middle] : cut_offsets[middle + 1]]):
                high = middle
            else:
                low = middle + 1
        out[text] = low


@nb.njit(cache=True, nogil=True)
def _below(one: Bytes, other: Bytes) -> bool:
    for place in range(min(len(one), len(other))):
        if one[place] != other[place]:
            return bool(one[place] < other[place])
    return len(one) < len(other)

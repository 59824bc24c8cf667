"""Texts, straight from Arrow's buffers, to numbers: of their parts (by hash, by range), or their places among others.

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


@nb.njit(cache=True, nogil=True)
def placed(offsets: Codes, data: Bytes, known_offsets: Codes, known: Bytes, out: Codes) -> bool:
    """The place of each text among the ascending `known`, -1 for others; False where the texts don't ascend."""
    at, last = 0, len(known_offsets) - 1
    for text in range(len(out)):
        one = data[offsets[text] : offsets[text + 1]]
        if at and not _below(known[known_offsets[at - 1] : known_offsets[at]], one):
            return False
        while at < last and _below(known[known_offsets[at] : known_offsets[at + 1]], one):
            at += 1
        out[text] = -1
        if at < last and not _below(one, known[known_offsets[at] : known_offsets[at + 1]]):
            out[text] = at
    return True

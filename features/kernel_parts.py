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
    last, rank = len(cut_offsets) - 1, 0
    for text in range(len(out)):
        begin, end = offsets[text], offsets[text + 1]
        # Most are where the one before them was.
        found = rank == 0 or not below(data, begin, end, cuts, cut_offsets[rank - 1], cut_offsets[rank])
        found &= rank == last or below(data, begin, end, cuts, cut_offsets[rank], cut_offsets[rank + 1])
        if not found:
            low, high = 0, last
            while low < high:
                middle = (low + high) // 2
                if below(data, begin, end, cuts, cut_offsets[middle], cut_offsets[middle + 1]):
                    high = middle
                else:
                    low = middle + 1
            rank = low
        out[text] = rank


@nb.njit(cache=True, nogil=True)
def below(data: Bytes, at: int, end: int, others: Bytes, there: int, their_end: int) -> bool:
    """Whether the text at [at, end) comes before another. (Slices of arrays would cost more than the comparison.)"""
    shorter = min(end - at, their_end - there)
    for step in range(shorter):
        one, other = data[np.uint64(at + step)], others[np.uint64(there + step)]
        if one != other:
            return bool(one < other)
    return end - at < their_end - there


@nb.njit(cache=True, nogil=True)
def placed(offsets: Codes, data: Bytes, known_offsets: Codes, known: Bytes, out: Codes) -> bool:
    """The place of each text among the ascending `known`, -1 for others; False where the texts don't ascend."""
    at, last = 0, len(known_offsets) - 1
    for text in range(len(out)):
        begin, end = offsets[text], offsets[text + 1]
        if at and not below(known, known_offsets[at - 1], known_offsets[at], data, begin, end):
            return False
        while at < last and below(known, known_offsets[at], known_offsets[at + 1], data, begin, end):
            at += 1
        out[text] = -1
        if at < last and not below(data, begin, end, known, known_offsets[at], known_offsets[at + 1]):
            out[text] = at
    return True

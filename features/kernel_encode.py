"""Distinct texts found by hashing (or by looking at the last one, as long as they ascend): Arrow's bytes go in,
codes in the order of first sight come out.

Numba, like the kernel. A text's key is its length and its first 24 bytes (or, if it is longer, a digest of them all);
keys lie in a table with open addressing. Rows are taken in blocks, all keys of a block first, so that the processor
can wait for many slots of the table at once. Texts are compared in full: two texts never share a code.

Bytes are read eight at a time: `windows[p]` are the eight bytes from position p on, of a buffer with room behind.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

#: Rows taken at once; a table must have room for as many new texts.
BLOCK = 256
#: Bytes that may be read beyond the end of a text.
ROOM = 24
#: Words of a slot: the key's three words, then its length and its code + 2 (zero: the slot is free).
SLOT = 4

_NONE, _ONE, _EIGHT, _HALF, _ALL = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(32), ~np.uint64(0)
_THREE, _SEVEN = np.uint64(3), np.uint64(7)
_TWO_BYTES, _ODD_BYTES, _ODD_PAIRS = np.uint64(16), np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_SHORT, _CODE = np.uint64(24), np.uint64(0xFFFFFFFF)
# Odd constants of xxHash64.
_MIX, _STIR = np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F)
_TWIST = np.uint64(0x165667B19E3779F9)


@nb.njit(cache=True, nogil=True)
def first_bytes(word: np.uint64, count: int) -> np.uint64:
    """The first bytes of a word, from none to all eight, without the others."""
    half = np.uint64(32 - (min(max(count, 0), 8) << 2))
    return (word << half) << half


@nb.njit(cache=True, nogil=True)
def mixed(one: np.uint64, other: np.uint64) -> np.uint64:
    """A hash of two words."""
    both = (one * _MIX) ^ (other * _STIR)
    return (both ^ (both >> _HALF)) * _MIX


@nb.njit(cache=True, nogil=True)
def hash_of(first: np.uint64, second: np.uint64, third: np.uint64, length: np.uint64) -> np.uint64:
    """The hash of a key."""
    hashed: np.uint64 = mixed(first + third * _TWIST, second + length)
    return hashed


@nb.njit(cache=True, nogil=True)
def make_keys(offsets: Codes, windows: Words, missing: Flags, begin: int, end: int, keys: Words) -> None:
    """Fills `keys` (5, BLOCK) for the rows in [begin, end): the key's three words, the length, and the hash.

    A missing text has a key that no text has: nothing, full of ones.
    """
    first, second, third, length, hashed = keys[0], keys[1], keys[2], keys[3], keys[4]
    offsets, rows, every = offsets[begin : end + 1], end - begin, np.int64(0)
    for row in range(rows):
        at, size = np.uint64(offsets[row]), np.int64(offsets[row + 1]) - np.int64(offsets[row])
        first[row] = first_bytes(windows[at], size)
        second[row] = first_bytes(windows[at + _EIGHT], size - 8)
        length[row] = np.uint64(size)
        every |= size
    third[:] = 0
    if every >= 16:
        for row in range(rows):
            at, size = np.uint64(offsets[row]), np.int64(offsets[row + 1]) - np.int64(offsets[row])
            third[row] = first_bytes(windows[at + _EIGHT + _EIGHT], size - 16)
    if every >= 24:
        for row in range(rows):
            for step in range(24, np.int64(length[row]), 8):
                word = first_bytes(windows[np.int64(offsets[row]) + step], np.int64(length[row]) - step)
                first[row] = mixed(first[row], word)
                second[row] = mixed(word, second[row])
    if len(missing):
        missing = missing[begin:end]
        for row in range(rows):
            ones = _NONE - np.uint64(missing[row])  # without a branch, which nobody could foresee
            first[row] |= ones
            second[row] &= ~ones
            third[row] &= ~ones
            length[row] &= ~ones
    for row in range(rows):
        hashed[row] = hash_of(first[row], second[row], third[row], length[row])


@nb.njit(cache=True, nogil=True)
def same_text(windows: Words, at: int, known: Words, there: int, size: int) -> bool:
    """Whether the texts of this size at these two places are equal."""
    for step in range(0, size, 8):
        if first_bytes(windows[at + step] ^ known[there + step], size - step) != _NONE:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def add_text(windows: Words, at: int, size: int, starts: Codes, arena: Words, used: int) -> None:
    """Appends a text to the arena."""
    for step in range(0, size, 8):
        arena[starts[used] + step] = windows[at + step]
    starts[used + 1] = starts[used] + size


@nb.njit(cache=True, nogil=True)
def look_up(
    offsets: Codes,
    windows: Words,
    begin: int,
    end: int,
    keys: Words,
    slots: Words,
    starts: Codes,
    arena: Words,
    used: int,
    add: bool,
    codes: Codes,
) -> int:
    """Fills `codes` of the rows in [begin, end); texts that are new are added, or -1. How many there are then."""
    mask, shift = np.uint64(len(slots) - 1), np.uint64(64 - int(np.log2(len(slots))))
    firsts, seconds, thirds, lengths, hashes = keys[0], keys[1], keys[2], keys[3], keys[4]
    offsets, codes = offsets[begin:end], codes[begin:end]
    for row in range(end - begin):
        first, second, third, length = firsts[row], seconds[row], thirds[row], lengths[row]
        slot = hashes[row] >> shift
        while True:
            held = slots[slot, 3]
            if held == _NONE:
                code = np.int64(-1)
                if not add:
                    break
                slots[slot, 0], slots[slot, 1], slots[slot, 2] = first, second, third
                if length != _NONE or first != _ALL:
                    code = np.int64(used)
                    add_text(windows, offsets[row], np.int64(length), starts, arena, used)
                    used += 1
                slots[slot, 3] = (length << _HALF) | np.uint64(code + 2)
                break
            other = (slots[slot, 0] ^ first) | (slots[slot, 1] ^ second) | (slots[slot, 2] ^ third)
            if (other | (held >> _HALF) ^ length) == _NONE:
                code = np.int64(held & _CODE) - 2
                if length <= _SHORT or same_text(windows, offsets[row], arena, starts[code], np.int64(length)):
                    break
            slot = (slot + _ONE) & mask
        codes[row] = code
    return used


@nb.njit(cache=True, nogil=True)
def encode_texts(
    offsets: Codes,
    windows: Words,
    missing: Flags,
    begin: int,
    slots: Words,
    starts: Codes,
    arena: Words,
    used: int,
    add: bool,
    codes: Codes,
) -> tuple[int, int]:
    """Fills `codes` of the rows from `begin` on; stops early where the table might run out of room.

    Args:
        offsets: (rows + 1,) where each text begins. windows: see above. missing: (rows,) or empty.
        slots: (a power of two, SLOT) the table, at most half full. starts: where each known text begins in the arena
            of bytes, and where the last one ends.
        used: how many texts are known. add: whether to add those that aren't; else they are -1.

    Returns:
        The row that comes next, and how many texts are known then.
    """
    keys = np.empty((5, BLOCK), np.uint64)
    rows = len(codes)
    while begin < rows:
        end = min(begin + BLOCK, rows)
        if add and (2 * (used + BLOCK) > len(slots) or used + BLOCK >= len(starts)):
            break
        if add and starts[used] + (offsets[end] - offsets[begin]) + ROOM > len(arena):
            break
        make_keys(offsets, windows, missing, begin, end, keys)
        used = look_up(offsets, windows, begin, end, keys, slots, starts, arena, used, add, codes)
        begin = end
    return begin, used


@nb.njit(cache=True, nogil=True)
def swapped(word: np.uint64) -> np.uint64:
    """Eight bytes the other way round: texts then compare as numbers do."""
    word = ((word >> _EIGHT) & _ODD_BYTES) | ((word & _ODD_BYTES) << _EIGHT)
    word = ((word >> _TWO_BYTES) & _ODD_PAIRS) | ((word & _ODD_PAIRS) << _TWO_BYTES)
    return (word >> _HALF) | (word << _HALF)


@nb.njit(cache=True, nogil=True)
def compared(windows: Words, at: int, size: int, known: Words, there: int, known_size: int) -> int:
    """Above 0 where the text at `at` comes after the known one, 0 where they are equal, else below 0."""
    shorter = min(size, known_size)
    for step in range(0, shorter, 8):
        one = first_bytes(windows[at + step], shorter - step)
        other = first_bytes(known[there + step], shorter - step)
        if one != other:
            return 1 if swapped(one) > swapped(other) else -1
    return size - known_size


@nb.njit(cache=True, nogil=True)
def follow(
    offsets: Codes, windows: Words, missing: Flags, begin: int, starts: Codes, arena: Words, used: int, codes: Codes
) -> tuple[int, int, bool]:
    """As `encode_texts`, of texts that ascend: each is the last known one, or is new and comes after it.

    Returns:
        The row that comes next, how many texts are known then, and whether that row's may be one that ascends too.
    """
    for row in range(begin, len(codes)):
        codes[row] = -1
        if len(missing) and missing[row]:
            continue
        at, size = np.int64(offsets[row]), np.int64(offsets[row + 1]) - np.int64(offsets[row])
        order = np.int64(1)
        if used:
            there = np.int64(starts[used - 1])
            order = compared(windows, at, size, arena, there, np.int64(starts[used]) - there)
        if order < 0:
            return row, used, False
        if order > 0:
            if used + 1 == len(starts) or starts[used] + size + ROOM > len(arena):
                return row, used, True
            add_text(windows, at, size, starts, arena, used)
            used += 1
        codes[row] = used - 1
    return len(codes), used, True


@nb.njit(cache=True, nogil=True)
def enter(starts: Codes, arena: Words, used: int, slots: Words) -> None:
    """Fills an empty table with the known texts."""
    mask, shift = np.uint64(len(slots) - 1), np.uint64(64 - int(np.log2(len(slots))))
    keys, missing = np.empty((5, BLOCK), np.uint64), np.empty(0, np.bool_)
    for begin in range(0, used, BLOCK):
        end = min(begin + BLOCK, used)
        make_keys(starts, arena, missing, begin, end, keys)
        for row in range(end - begin):
            slot = keys[4, row] >> shift
            while slots[slot, 3] != _NONE:
                slot = (slot + _ONE) & mask
            for word in range(3):
                slots[slot, word] = keys[word, row]
            slots[slot, 3] = (keys[3, row] << _HALF) | np.uint64(begin + row + 2)


@nb.njit(cache=True, nogil=True)
def move_slots(slots: Words, larger: Words) -> None:
    """Fills an empty, larger table with what a table holds."""
    mask, shift = np.uint64(len(larger) - 1), np.uint64(64 - int(np.log2(len(larger))))
    for place in range(len(slots)):
        held = slots[place, 3]
        if held != _NONE:
            slot = hash_of(slots[place, 0], slots[place, 1], slots[place, 2], held >> _HALF) >> shift
            while larger[slot, 3] != _NONE:
                slot = (slot + _ONE) & mask
            larger[slot] = slots[place]


@nb.njit(cache=True, nogil=True)
def recode(codes: Codes, meaning: Codes, out: Codes) -> None:
    """The meaning of each code, the last one for the code -1. `out` may be `codes`."""
    for row in range(len(codes)):
        out[row] = meaning[codes[row]]


@nb.njit(cache=True, nogil=True)
def recode_valid(codes: Codes, valid: Bytes, first: int, meaning: Codes, out: Codes) -> None:
    """The meaning of each code whose bit in Arrow's bitmap is set (row r's is the (first + r)th), else the last."""
    last = np.uint64(len(meaning) - 1)  # what a missing text means: told without a branch, which nobody could foresee
    for row in range(len(codes)):
        bit = np.uint64(first + row)
        there = np.uint64(valid[bit >> _THREE] >> (bit & _SEVEN)) & _ONE
        out[row] = meaning[last + there * (np.uint64(codes[row]) - last)]


@nb.njit(cache=True, nogil=True)
def join(kind: Codes, detail: Codes, machine: Flags, kinds: int) -> None:
    """Turns `kind` into (2 * (detail + 1) + machine) * kinds + kind."""
    for row in range(len(kind)):
        kind[row] += (2 * (detail[row] + 1) + machine[row]) * kinds


@nb.njit(cache=True, nogil=True)
def note(codes: Codes, seen: Flags) -> None:
    """Notes which codes occur."""
    for row in range(len(codes)):
        seen[codes[row]] = True

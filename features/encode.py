"""Texts as codes: the codes follow the order of the texts, and a missing text is -1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from features import kernel_encode, memory
from features.kernel_encode import BLOCK, ROOM, SLOT
from features.text_order import order_of

Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

#: Rows worked on at a time: what is made of so few stays in the processor's cache.
PART = 1 << 16
_NO_SLOTS = np.zeros((0, SLOT), np.uint64)
#: Bytes of distinct texts that fit an array of Arrow's.
_MOST_BYTES = 2**31 - 1


class Texts:
    """Distinct texts in the order they were first seen.

    Attributes:
        ascending: whether each came after the one before. As long as they do, as in a sorted log, a text is compared
            with the last one, and there is no table.
    """

    def __init__(self) -> None:
        self.ascending, self._count = True, 0
        self._slots = _NO_SLOTS
        self._starts = np.zeros(8 * BLOCK + 1, np.int32)
        self._arena = np.zeros(1 << 12, np.uint8)
        self._dictionary: tuple[pa.Array, Codes] | None = None

    def __len__(self) -> int:
        return self._count

    def encode(self, texts: pa.Array, out: Codes) -> None:
        """Fills `out` (rows,) with codes in the order of first sight, -1 for a null; texts may be a dictionary.

        Raises:
            BadInput: more than 2 GiB of distinct texts.
        """
        if texts.null_count == len(texts):
            out.fill(-1)
        elif pa.types.is_dictionary(texts.type):
            recode(texts, self._meaning(texts.dictionary), out)
        else:
            for begin in range(0, len(texts), PART):
                self._look_up(texts.slice(begin, PART).cast(pa.string()), True, out[begin : begin + PART])

    def find(self, texts: pa.Array) -> Codes:
        """(rows,) the codes of some texts, -1 for a null and for those that were not seen."""
        out = np.empty(len(texts), np.int32)
        for begin in range(0, len(texts), PART):
            self._look_up(texts.slice(begin, PART).cast(pa.string()), False, out[begin : begin + PART])
        return out

    def texts(self) -> pa.Array:
        """The texts; no copy."""
        buffers = [None, pa.py_buffer(self._starts), pa.py_buffer(self._arena)]
        return pa.Array.from_buffers(pa.string(), self._count, buffers)

    def _meaning(self, dictionary: pa.Array) -> Codes:
        """(texts + 1,) the codes of a dictionary's texts, -1 at the end."""
        if self._dictionary is None or not self._dictionary[0].equals(dictionary):
            codes = np.full(len(dictionary) + 1, -1, np.int32)
            if not self._count:  # the first one says how many there may be
                self._reserve(len(dictionary))
            self.encode(dictionary, codes[:-1])
            self._dictionary = dictionary, codes
        return self._dictionary[1]

    def _look_up(self, texts: pa.Array, add: bool, out: Codes) -> None:
        missing, begin = _missing(texts), 0
        for offsets, windows in _readable(texts):
            rows, row = len(offsets) - 1, 0
            nulls, some = missing[begin : begin + rows], out[begin : begin + rows]
            while row < rows:
                given, known = (offsets, windows, nulls, row), (self._starts, _windows(self._arena), self._count)
                if self.ascending and add and not len(self._slots):
                    row, self._count, self.ascending = kernel_encode.follow(*given, *known, some)
                else:
                    self._make_slots()
                    self.ascending &= not add  # nobody looks at their order any more
                    row, self._count = kernel_encode.encode_texts(*given, self._slots, *known, add, some)
                if row < rows:
                    self._grow(int(offsets[min(row + BLOCK, rows)] - offsets[row]))
            begin += rows

    def _grow(self, more_bytes: int) -> None:
        """Makes room for another block."""
        wanted = int(self._starts[self._count]) + more_bytes + ROOM + 7  # the kernel sees windows of eight bytes
        if wanted > _MOST_BYTES:
            raise BadInput("more different texts in one column than fit 2 GiB", wanted, "Compute the log in parts.")
        if wanted > len(self._arena):
            arena = np.zeros(min(max(2 * len(self._arena), wanted), _MOST_BYTES), np.uint8)
            arena[: len(self._arena)] = self._arena
            self._arena = arena
        self._reserve(0)

    def _reserve(self, more: int) -> None:
        """Makes room for so many more texts, and another block; the table, if there is one, stays half empty."""
        wanted = self._count + more + BLOCK
        if wanted >= len(self._starts):
            starts = np.zeros(max(2 * len(self._starts), wanted + 1), np.int32)
            starts[: len(self._starts)] = self._starts
            self._starts = starts
        if 0 < len(self._slots) < 2 * wanted:
            slots = _slots(wanted)
            kernel_encode.move_slots(self._slots, slots)
            self._slots = slots

    def _make_slots(self) -> None:
        if not len(self._slots):
            slots = _slots(len(self._starts) - 1)
            kernel_encode.enter(self._starts, _windows(self._arena), self._count, slots)
            self._slots = slots  # whole: another thread may be looking something up


def _slots(texts: int) -> npt.NDArray[np.uint64]:
    """An empty table for so many texts."""
    return np.zeros((1 << (2 * texts - 1).bit_length(), SLOT), np.uint64)


class Encoding:
    """Some columns' texts on their way to codes: a few threads `read` rows of their own, then one call finishes.

    Attributes:
        codes: (rows,) for each column; at first each thread's own, in the end in the order of the texts.
    """

    def __init__(self, columns: Sequence[pa.ChunkedArray], threads: int = 1) -> None:
        self.codes = [memory.empty(len(column), np.int32) for column in columns]
        self._columns = columns
        self._known = [Texts() for _ in range(threads)]

    def read(self, thread: int) -> None:
        """Encodes the thread's share of the rows, in the order of first sight."""
        for column, codes in zip(self._columns, self.codes, strict=True):
            share = share_of(len(codes), thread, len(self._known))
            encode_column(column[share], self._known[thread], codes[share])

    def finish(self) -> pa.Array:
        """Puts the codes in the order of the texts; the texts."""
        texts, places = in_order(self._known)
        for thread, place in enumerate(places):
            if not np.array_equal(place[:-1], np.arange(len(place) - 1)):  # else the codes mean what they meant
                for codes in self.codes:
                    some = codes[share_of(len(codes), thread, len(places))]
                    kernel_encode.recode(readonly(some), place, some)
        return texts


def recode(texts: pa.DictionaryArray, meaning: Codes, out: Codes) -> None:
    """Fills `out` (rows,) with what each text means: (texts of the dictionary + 1,), the last for the missing."""
    indices = texts.indices if texts.indices.type == pa.int32() else texts.indices.cast(pa.int32())
    valid, data = indices.buffers()
    codes = np.frombuffer(data, np.int32)[indices.offset : indices.offset + len(indices)]
    if indices.null_count:
        kernel_encode.recode_valid(codes, np.frombuffer(valid, np.uint8), indices.offset, meaning, out)
    else:
        kernel_encode.recode(codes, meaning, out)


def encode(*columns: pa.ChunkedArray) -> tuple[pa.Array, list[Codes]]:
    """The distinct texts of all columns, sorted, and the codes of each column. Columns may be dictionaries."""
    encoding = Encoding(columns)
    encoding.read(0)
    return encoding.finish(), encoding.codes


def encode_column(column: pa.ChunkedArray, known: Texts, codes: Codes) -> None:
    """Fills `codes` (rows,) as `Texts.encode`."""
    begin = 0
    for chunk in column.chunks:
        known.encode(chunk, codes[begin : begin + len(chunk)])
        begin += len(chunk)


def in_order(known: Sequence[Texts]) -> tuple[pa.Array, list[Codes]]:
    """All texts, sorted, and for each list (texts + 1,) the places of its codes among them; -1 at the end."""
    every, meanings = known[0], [np.append(np.arange(len(known[0]), dtype=np.int32), np.int32(-1))]
    for more in known[1:]:
        meaning = np.full(len(more) + 1, -1, np.int32)
        every.encode(more.texts(), meaning[:-1])
        meanings.append(meaning)
    texts = every.texts()
    if every.ascending:
        return texts, meanings
    order = order_of(texts)
    place = np.empty(len(every) + 1, np.int32)
    place[order] = np.arange(len(every), dtype=np.int32)
    for meaning in meanings:
        meaning[:-1] = place[meaning[:-1]]
    return texts.take(pa.array(order)), meanings


def share_of(rows: int, thread: int, threads: int) -> slice:
    """The rows that are one thread's."""
    return slice(rows * thread // threads, rows * (thread + 1) // threads)


def readonly(array: Any) -> Any:
    """The same array: the kernels are compiled once, for what Arrow's buffers are."""
    view = array.view()
    view.flags.writeable = False
    return view


def _missing(texts: pa.Array) -> Flags:
    """(rows,) which are null; empty where none is."""
    return np.array(texts.is_null().to_numpy(zero_copy_only=False) if texts.null_count else [], np.bool_)


def _readable(texts: pa.Array) -> Iterator[tuple[Codes, npt.NDArray[np.uint64]]]:
    """Offsets and windows for all rows; the last texts are copied, so that one can read beyond their end."""
    _, offsets, data = texts.buffers()
    begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = b"" if data is None else data
    safe = int(np.searchsorted(begins[1:], len(memoryview(data)) - ROOM, side="right"))
    if safe:
        yield begins[: safe + 1], _windows(data)
    if safe < len(texts):
        low, high = int(begins[safe]), int(begins[-1])
        yield readonly(begins[safe:] - low), _windows(bytes(memoryview(data)[low:high]) + bytes(ROOM))


def _windows(data: Any) -> npt.NDArray[np.uint64]:
    """The eight bytes from each position on; no copy."""
    return np.ndarray((len(memoryview(data)) - 7,), "<u8", data, strides=(1,))

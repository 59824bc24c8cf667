"""Blocks of columns computed in any order, handed out in the order of the rows, portion by portion.

What is small, or comes about in order, is put together in memory, and a portion goes as soon as it is whole. The
rest is dealt out to files by portions, and put together one after the other at the end, so that memory does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import memory
from features.arrays import Ints
from features.parts import Parts
from features.spread import spread

Floats = npt.NDArray[np.float64]

#: Portions that are unfinished at a time are kept in memory if they take at most so many bytes: 100 million events
#: took a tenth longer through files.
IN_MEMORY = 1280 << 20


class Gathered:
    """A matrix (rows, columns) that is filled block by block and handed out in portions.

    Args:
        folder: for the files of a large one. sides: the columns that blocks come in; together, each column once.
        portion: rows that are handed out together. unfinished: how many portions are at a time, about.
        in_memory: bytes of these up to which no file is made.
    """

    def __init__(
        self,
        folder: Path,
        rows: int,
        sides: tuple[Ints, ...],
        portion: int,
        unfinished: int,
        in_memory: int = IN_MEMORY,
    ) -> None:
        self._rows, self._sides, self._portion = rows, sides, portion
        self._width, self._given, self._lock = sum(len(columns) for columns in sides), 0, Lock()
        count = -(-rows // portion)
        self._files: list[Parts] = []
        if min(rows, unfinished * portion) * self._width * 8 > in_memory:
            for place, columns in enumerate(sides):
                self._files.append(Parts(folder / f"side-{place}", count, _schema(len(columns)), compressed=True))
        self._matrices: dict[int, Floats] = {}
        self._missing = [self._size(number) * self._width for number in range(count)]  # cells

    def room(self, side: int, rows: Ints) -> Floats | None:
        """Where these rows' columns of one side stand, if in one piece: computed there, they need not be copied."""
        if self._files or not len(rows) or len(self._sides[side]) != self._width:
            return None
        number, first = divmod(int(rows[0]), self._portion)
        if int(rows[-1]) // self._portion != number or (np.diff(rows) != 1).any():
            return None
        return self._matrix(number)[first : first + len(rows)]

    def put(self, side: int, rows: Ints, block: Floats) -> None:
        """Adds the columns of one side of some rows; threads may do so at once."""
        number, columns = rows // self._portion, self._sides[side]
        if not len(columns) or not len(rows):
            return
        if self._files:
            cells = pa.py_buffer(np.ascontiguousarray(block))
            blocks = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * len(columns)), len(rows), [None, cells])
            self._files[side].add(pa.table([pa.array(rows), blocks], schema=_schema(len(columns))), number)
            return
        first, last = int(number.min()), int(number.max())
        for one in [first] if first == last else np.unique(number).tolist():
            mine = slice(None) if first == last else number == one
            self._fill(one, rows[mine] - one * self._portion, columns, block[mine])

    def _fill(self, number: int, rows: Ints, columns: Ints, block: Floats) -> None:
        matrix = self._matrix(number)
        if np.may_share_memory(matrix, block):
            pass  # computed where it stands
        elif len(columns) != self._width:
            matrix[rows[:, None], columns] = block
        elif (np.diff(rows) == 1).all():
            matrix[rows[0] : rows[-1] + 1] = block
        else:
            matrix[rows] = block
        with self._lock:
            self._missing[number] -= block.size

    def _matrix(self, number: int) -> Floats:
        with self._lock:
            if number not in self._matrices:
                self._matrices[number] = memory.empty((self._size(number), self._width), np.float64)
            return self._matrices[number]

    def whole(self) -> Iterator[Floats]:
        """(some rows, columns) the portions that are whole by now and whose turn it is; each is given once."""
        while not self._files and self._given < len(self._missing) and not self._missing[self._given]:
            number = self._given
            self._given += 1
            yield self._matrices.pop(number, np.empty((self._size(number), 0)))

    def rest(self, threads: int = 1) -> Iterator[Floats]:
        """The portions that were not given yet, when all is there."""
        yield from self.whole()
        if self._files:
            yield from spread(self._read, range(self._given, len(self._missing)), threads)

    def _read(self, number: int) -> Floats:
        matrix = memory.empty((self._size(number), self._width), np.float64)
        for columns, file in zip(self._sides, self._files, strict=True):
            if len(columns):
                table = file.read(number)
                blocks = table["block"].chunk(0)
                cells = np.frombuffer(blocks.buffers()[1], np.float64).reshape(-1, len(columns))
                some = cells[blocks.offset : blocks.offset + len(blocks)]  # a buffer may hold more
                rows = table["row"].to_numpy() - number * self._portion
                if len(columns) == self._width:
                    matrix[rows] = some
                else:
                    matrix[rows[:, None], columns] = some
        return matrix

    def _size(self, number: int) -> int:
        return min(self._rows - number * self._portion, self._portion)


def _schema(columns: int) -> pa.Schema:
    return pa.schema([("row", pa.int64()), ("block", pa.binary(8 * columns))])

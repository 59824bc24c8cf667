"""Blocks of columns computed in any order, handed out in the order of the rows.

A small matrix is put together in memory. A large one is dealt out to files by ranges of rows, and put together one
range after the other, so that memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import Ints
from features.parts import Parts

Floats = npt.NDArray[np.float64]

#: A matrix of at most so many bytes is kept in memory.
IN_MEMORY = 256 << 20


class Gathered:
    """A matrix (rows, columns) that is filled block by block and read in portions.

    Args:
        folder: for the files of a large one. sides: the columns that blocks come in; together, each column once.
        portion: rows that are handed out together. in_memory: bytes up to which no file is made.
    """

    def __init__(
        self, folder: Path, rows: int, sides: tuple[Ints, ...], portion: int, in_memory: int = IN_MEMORY
    ) -> None:
        self._rows, self._sides, self._portion = rows, sides, portion
        self._width = sum(len(columns) for columns in sides)
        fits = rows * self._width * 8 <= in_memory
        self._matrix = np.empty((rows, self._width), np.float64) if fits else None
        count = max(1, -(-rows // portion))
        self._files = (
            []
            if fits
            else [
                Parts(folder / f"side-{place}", count, _schema(len(columns))) for place, columns in enumerate(sides)
            ]
        )

    def put(self, side: int, rows: Ints, block: Floats) -> None:
        """Adds the columns of one side of some rows; threads may do so at once."""
        columns = self._sides[side]
        if self._matrix is None and len(columns):
            cells = pa.py_buffer(np.ascontiguousarray(block))
            blocks = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * len(columns)), len(rows), [None, cells])
            table = pa.table([pa.array(rows), blocks], schema=_schema(len(columns)))
            self._files[side].add(table, rows // self._portion)
        elif self._matrix is not None and len(columns) == self._width:
            self._matrix[rows] = block
        elif self._matrix is not None:
            self._matrix[rows[:, None], columns] = block

    def portions(self) -> Iterator[Floats]:
        """(some rows, columns) after each other, in the order of the rows."""
        for number, begin in enumerate(range(0, self._rows, self._portion)):
            end = min(begin + self._portion, self._rows)
            yield self._read(number, begin, end) if self._matrix is None else self._matrix[begin:end]

    def _read(self, number: int, begin: int, end: int) -> Floats:
        matrix = np.empty((end - begin, self._width), np.float64)
        for columns, file in zip(self._sides, self._files, strict=True):
            if len(columns):
                table = file.read(number)
                blocks = table["block"].chunk(0)
                cells = np.frombuffer(blocks.buffers()[1], np.float64).reshape(-1, len(columns))
                some = cells[blocks.offset : blocks.offset + len(blocks)]  # a buffer may hold more
                matrix[table["row"].to_numpy()[:, None] - begin, columns] = some
        return matrix


def _schema(columns: int) -> pa.Schema:
    return pa.schema([("row", pa.int64()), ("block", pa.binary(8 * columns))])

"""Tables in parts on disk: what is too large for memory is dealt out once, and each part then fits.

A part is a file of Arrow streams, one for each time that rows were added; dealing and reading are linear. (DuckDB's
partitioned COPY took three times as long here and 1.6 GB, its sort eight times as long.)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import kernel_parts

Codes = npt.NDArray[np.int32]

#: A dictionary longer than this is written as texts: every stream repeats it.
_LONG_DICTIONARY = 256
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Rule(Protocol):
    """Which of `count` parts a text belongs to."""

    @property
    def count(self) -> int: ...
    def of(self, column: pa.ChunkedArray | pa.Array) -> Codes:
        """(rows,) the part of each text; a null has one too."""
        ...


@dataclass(frozen=True)
class ByHash:
    """Equal texts go to the same part, and the parts are about as large."""

    count: int

    def of(self, column: pa.ChunkedArray | pa.Array) -> Codes:
        """(rows,) the part of each text."""
        return _by_text(column, lambda offsets, data, out: kernel_parts.hashed(offsets, data, self.count, out))


@dataclass(frozen=True)
class ByRange:
    """Part k holds the texts from `cuts[k - 1]` to below `cuts[k]`; the cuts ascend."""

    cuts: tuple[str, ...]

    @property
    def count(self) -> int:
        """One more than there are cuts."""
        return len(self.cuts) + 1

    def of(self, column: pa.ChunkedArray | pa.Array) -> Codes:
        """(rows,) the part of each text."""
        cuts = _buffers(pa.array(self.cuts, pa.string()))
        return _by_text(column, lambda offsets, data, out: kernel_parts.ranked(offsets, data, *cuts, out))


def _by_text(column: pa.ChunkedArray | pa.Array, fill: Any) -> Codes:
    if isinstance(column, pa.ChunkedArray):
        parts = [_by_text(chunk, fill) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)
    if pa.types.is_dictionary(column.type):
        meaning = np.append(_by_text(column.dictionary, fill), np.int32(0))  # the last serves the missing
        return np.asarray(meaning[column.indices.fill_null(len(column.dictionary)).to_numpy()])
    out = np.empty(len(column), np.int32)
    fill(*_buffers(column), out)
    return out


def _buffers(texts: pa.Array) -> tuple[Codes, npt.NDArray[np.uint8]]:
    """The offsets and the bytes of an array of texts."""
    _, offsets, data = texts.cast(pa.string()).buffers()
    empty = np.zeros(0, np.uint8)
    if offsets is None:
        return np.zeros(len(texts) + 1, np.int32), empty
    begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return begins, empty if data is None else np.frombuffer(data, np.uint8)


class Parts:
    """`count` parts of one table. Several threads may add; what was added stays until the folder goes.

    Args:
        folder: an empty or missing folder.
        schema: of the table; what is added may lack nullable columns, and have others.
    """

    def __init__(self, folder: Path, count: int, schema: pa.Schema) -> None:
        folder.mkdir(parents=True)
        self.count, self.schema = count, schema
        self._folder, self._lock = folder, Lock()

    def add(self, table: pa.Table, part: npt.NDArray[Any]) -> None:
        """Deals the rows out: `part` (rows,) says where each goes."""
        order = np.argsort(part.astype(np.uint16), kind="stable")  # of 16 bits: sorted in linear time
        bounds = np.searchsorted(part[order], np.arange(self.count + 1))
        dealt = self._written(table).take(pa.array(order))
        with self._lock:
            for number in np.flatnonzero(np.diff(bounds)).tolist():
                some = dealt.slice(bounds[number], bounds[number + 1] - bounds[number])
                with (
                    self._path(number).open("ab") as file,
                    pa.ipc.new_stream(file, some.schema, options=_OPTIONS) as sink,
                ):
                    sink.write_table(some)

    def read(self, part: int) -> pa.Table:
        """The rows of one part, in the order they were added by each thread; texts may be dictionaries."""
        path, tables = self._path(part), [self.schema.empty_table()]
        if path.exists():
            tables.clear()
            with pa.OSFile(str(path)) as file:
                while file.tell() < file.size():
                    tables.append(pa.ipc.open_stream(file).read_all())
        return joined(tables).combine_chunks()

    def _written(self, table: pa.Table) -> pa.Table:
        """The schema's columns, null where the table has none, and no long dictionaries, which every part repeats."""
        columns = [
            table[f.name] if f.name in table.column_names else pa.nulls(len(table), f.type) for f in self.schema
        ]
        table = pa.table(columns, names=self.schema.names)
        texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
        long = [name for name in texts if any(len(c.dictionary) > _LONG_DICTIONARY for c in table[name].chunks)]
        return _without_dictionaries(table, long)

    def filled(self) -> list[int]:
        """The numbers of the parts that have rows."""
        return [part for part in range(self.count) if self._path(part).exists()]

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:05d}.arrows"


def joined(tables: list[pa.Table]) -> pa.Table:
    """One table; a column that only some have is null in the others, and a dictionary only where all have one."""
    if len({table.schema for table in tables}) > 1:
        plain = {f.name for table in tables for f in table.schema if not pa.types.is_dictionary(f.type)}
        tables = [_without_dictionaries(table, plain) for table in tables]
    return pa.concat_tables(tables, promote_options="default")


def _without_dictionaries(table: pa.Table, names: Collection[str]) -> pa.Table:
    """With texts in place of these columns' dictionaries."""
    for place, name in enumerate(table.column_names):
        column = table[name]
        if name in names and pa.types.is_dictionary(column.type):
            table = table.set_column(place, name, column.cast(column.type.value_type))
    return table

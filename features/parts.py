"""Tables in parts on disk: what is too large for memory is dealt out once, and each part then fits.

Each time that rows are added they go to an Arrow file of their own, part after part, so that threads don't wait for
each other, and schema and dictionaries are written once for all parts. Dealing and reading are linear.
(DuckDB's partitioned COPY took three times as long here and 1.6 GB, its sort eight times as long.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, local
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import kernel_parts
from features.encode import recode

Codes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

#: A dictionary longer than this is written as texts: every part that is read would read it whole.
_LONG_DICTIONARY = 256
#: Rows that are put in order at once: so few stay in the processor's cache.
_BLOCK = 1 << 16
#: Files that a thread keeps open, at most, for each table: a process may often have no more than 1,024.
_KEPT = 100


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
        cuts = text_buffers(pa.array(self.cuts, pa.string()))
        return _by_text(column, lambda offsets, data, out: kernel_parts.ranked(offsets, data, *cuts, out))


def _by_text(column: pa.ChunkedArray | pa.Array, fill: Any) -> Codes:
    if isinstance(column, pa.ChunkedArray):
        parts = [_by_text(chunk, fill) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)
    out = np.empty(len(column), np.int32)
    if pa.types.is_dictionary(column.type):
        recode(column, np.append(_by_text(column.dictionary, fill), np.int32(0)), out)
        return out
    fill(*text_buffers(column), out)
    return out


def text_buffers(texts: pa.Array) -> tuple[Codes, npt.NDArray[np.uint8]]:
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
        schema: of the table; what is added may lack nullable columns, which are then absent, and have others.
        compressed: whether rows repeat themselves; of ids and times next to nothing would be saved.
    """

    def __init__(self, folder: Path, count: int, schema: pa.Schema, compressed: bool = False) -> None:
        folder.mkdir(parents=True)
        self.count, self.schema = count, schema
        self._options = pa.ipc.IpcWriteOptions(compression="lz4" if compressed else None)
        self._folder, self._lock, self._local = folder, Lock(), local()
        self._begins: list[Ints] = []  # (parts + 1,) for each file: where each part's record batches begin

    def add(self, table: pa.Table, part: npt.NDArray[Any]) -> None:
        """Deals the rows out: `part` (rows,) says where each goes."""
        if not len(table):
            return
        written = self._written(table)
        blocks = list(self._in_order(written, part))
        filled = np.flatnonzero(sum(np.diff(bounds) for _, bounds in blocks)).tolist()
        batches = np.zeros(self.count, np.int64)
        with self._lock:  # a place of its own; others need not wait while it is written
            number = len(self._begins)
            self._begins.append(np.zeros(self.count + 1, np.int64))
        with (
            pa.OSFile(str(self._path(number)), "wb") as file,
            pa.ipc.new_file(file, written.schema, options=self._options) as sink,
        ):
            for one in filled:
                mine = [some.slice(bounds[one], bounds[one + 1] - bounds[one]) for some, bounds in blocks]
                for batch in pa.concat_tables(mine).combine_chunks().to_batches():  # more than one beyond 2 GiB
                    sink.write_batch(batch)
                    batches[one] += 1
        np.cumsum(batches, out=self._begins[number][1:])

    def _in_order(self, table: pa.Table, part: npt.NDArray[Any]) -> Iterator[tuple[pa.Table, Ints]]:
        """Some rows at a time in the order of their parts, and (parts + 1,) where each part's begin among them."""
        if (part[:-1] <= part[1:]).all():
            yield table, np.searchsorted(part, np.arange(self.count + 1))
            return
        for begin in range(0, len(table), _BLOCK):
            order, bounds = by_part(part[begin : begin + _BLOCK], self.count)
            yield pc.take(table.slice(begin, _BLOCK), pa.array(order), boundscheck=False), bounds

    def read(self, part: int) -> pa.Table:
        """The rows of one part, in the order they were added by each thread; texts may be dictionaries."""
        tables = []
        for number, begins in enumerate(self._begins):
            if begins[part] < begins[part + 1]:
                reader = self._reader(number)
                batches = [reader.get_batch(place) for place in range(begins[part], begins[part + 1])]
                tables.append(pa.Table.from_batches(batches))
        return joined(tables or [self.schema.empty_table()]).combine_chunks()

    def _reader(self, number: int) -> Any:
        """Each thread's own, and some are kept: every part has rows in every file, whose footer knows all batches."""
        readers = self._local.__dict__.setdefault("readers", {})
        if (known := readers.get(number)) is not None:
            return known
        found = pa.ipc.open_file(pa.OSFile(str(self._path(number))))
        if len(readers) < _KEPT:
            readers[number] = found
        return found

    def filled(self) -> list[int]:
        """The numbers of the parts that have rows."""
        batches = sum((np.diff(begins) for begins in self._begins), np.zeros(self.count, np.int64))
        found: list[int] = np.flatnonzero(batches).tolist()
        return found

    def _written(self, table: pa.Table) -> pa.Table:
        """The schema's columns that the table has; long dictionaries as texts, the others with codes of 16 bits."""
        table = table.select([name for name in self.schema.names if name in table.column_names])
        table = _short(_short(table).unify_dictionaries())  # what is short in each chunk may be long in all
        for place, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):
                kind = pa.dictionary(pa.int16(), field.type.value_type)
                table = table.set_column(place, field.name, table.column(place).cast(kind, safe=False))
        return table

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.arrow"


def _short(table: pa.Table) -> pa.Table:
    """With texts in place of long dictionaries (see above)."""
    texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    long = [name for name in texts if any(len(c.dictionary) > _LONG_DICTIONARY for c in table[name].chunks)]
    return _without_dictionaries(table, long)


def by_part(part: npt.NDArray[Any], count: int) -> tuple[Ints, Ints]:
    """(rows,) the rows in the order of their parts, each part's in theirs; (parts + 1,) where each part begins."""
    order = np.argsort(part.astype(np.uint16), kind="stable")  # of 16 bits: sorted in linear time
    return order, np.searchsorted(part[order], np.arange(count + 1))


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

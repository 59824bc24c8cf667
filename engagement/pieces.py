"""A log's tables piece by piece: what is too large for memory is read, and checked, a batch of rows at a time.

A piece is what can be read alone: a row group of a Parquet file, or a CSV file. Batches have columns of
`engagement.schema` and are refused by name as the whole table is, row numbers and all. What nobody looks at, and what
a Parquet file's footer knows to be empty, is not read and may be absent; few distinct texts come as a dictionary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement.errors import BadInput
from engagement.folder import FolderLog, csv_options, reading
from engagement.log import Database, Log
from engagement.schema import ATTRIBUTES, EVENTS, REQUIRED, attributes_table, events_table

EVENT_TABLE, ATTRIBUTE_TABLE = "events", "attributes"
#: Rows in a batch, at most.
BATCH = 1 << 20
#: A text column below so many bytes a row is stored as a dictionary, and read as one.
_DICTIONARY_BYTES = 8
#: What nothing but a check needs: it is read only where the file's footer does not prove that it is complete.
_IDS = "event_id"
_CSV_BLOCK = 1 << 25
#: What an event takes in a CSV file, about: bytes.
_CSV_BYTES = 80


@dataclass(frozen=True)
class Piece:
    """Some rows of a table.

    Attributes:
        path: the file; source: what messages call the table.
        table: "events" or "attributes".
        first_row, rows: where its rows stand in the whole table, and how many; both 0 for CSV, where nobody knows.
        group: the row group; None for CSV.
        names: the table's columns, as its first file has them.
        constants: columns that the file's folders tell (`type=mql/part-0.parquet`).
        complete: whether the footer says that every event has its id, so that it need not be read.
        low, high: bounds of contact_id, where the footer tells them.
        footer: the Parquet file's, where it is at hand: to parse it for each row group costs more than to keep it.
    """

    path: str
    source: str
    table: str
    first_row: int = 0
    rows: int = 0
    group: int | None = None
    names: tuple[str, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    low: str | None = None
    high: str | None = None
    footer: Any = field(default=None, compare=False, repr=False)


def pieces(log: FolderLog, table: str) -> list[Piece]:
    """The pieces of one of the log's tables that have rows; none where there are no attributes.

    Raises:
        BadInput: no file of events, or a file that cannot be read.
    """
    path = log.path_of(table)
    if path is None and table == EVENT_TABLE:
        log.events()  # says what is missing
    if path is None:
        return []
    if path.suffix == ".csv":
        return [Piece(str(path), str(path), table)]
    found: list[Piece] = reading(path, lambda: list(_row_groups(path, table)))
    return found


def _row_groups(path: Path, table: str) -> Iterator[Piece]:
    dataset = ds.dataset(path, format="parquet", partitioning="hive")
    names, first_row = tuple(dataset.schema.names), 0
    for fragment in dataset.get_fragments():
        footer = fragment.metadata
        constants = ds.get_partition_keys(fragment.partition_expression)
        place = {footer.schema.column(i).path: i for i in range(footer.num_columns)}
        for group in range(footer.num_row_groups):
            about = footer.row_group(group)
            if about.num_rows == 0:
                continue
            ids, whose = (_statistics(about, place.get(name)) for name in (_IDS, "contact_id"))
            bounds = (whose.min, whose.max) if whose is not None and whose.has_min_max else (None, None)
            low, high = (bound if isinstance(bound, str) else None for bound in bounds)
            yield Piece(
                fragment.path,
                str(path),
                table,
                first_row,
                about.num_rows,
                group,
                names,
                constants,
                _nulls(ids) == 0,
                low,
                high,
                footer,
            )
            first_row += about.num_rows


def _statistics(about: Any, column: int | None) -> Any:
    return None if column is None else about.column(column).statistics


def batches(log: Log, table: str, without: Collection[str] = ()) -> Iterator[pa.Table]:
    """All rows of a log's "events" or "attributes", some at a time.

    Args:
        without: columns that nobody will look at; those that every log has are read all the same.

    Raises:
        BadInput: as `engagement.schema`, for the first batch that cannot be used.
    """
    if isinstance(log, FolderLog):
        for piece in pieces(log, table):
            yield from read(piece, without)
    elif isinstance(log, Database):
        yield from log.batches(table)
    else:
        yield log.events() if table == EVENT_TABLE else log.attributes()


def about_rows(log: Log, table: str) -> int:
    """How many rows a table of the log has: exactly where files tell, else by its size."""
    if isinstance(log, FolderLog):
        found = pieces(log, table)
        return sum(piece.rows or Path(piece.path).stat().st_size // _CSV_BYTES for piece in found)
    return log.about_rows(table) if isinstance(log, Database) else 0


def read(piece: Piece, without: Collection[str] = ()) -> Iterator[pa.Table]:
    """The rows of one piece, as `batches`."""
    first_row = piece.first_row
    for batch in _csv(piece) if piece.group is None else _parquet(piece, without):
        try:
            if piece.table == EVENT_TABLE:
                required = [name for name in REQUIRED if name != _IDS or not piece.complete]
                kept = {*required, "received_at", *batch.column_names}
                yield events_table(batch, piece.source, kept)
            else:
                yield attributes_table(batch, piece.source)
        except BadInput as error:
            raise _moved(error, piece.source, first_row) from None
        first_row += len(batch)


def _csv(piece: Piece) -> Iterator[pa.Table]:
    path = Path(piece.path)
    options = csv_options({"value": pa.float64() if piece.table == EVENT_TABLE else pa.string()})
    header = reading(path, lambda: pyarrow.csv.open_csv(path).schema.names)
    # Other columns are of no interest, and their types, guessed from the first rows, may not fit the later ones.
    options.include_columns = [name for name in header if name in _schema(piece).names]
    blocks = pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK)
    reader = reading(path, lambda: pyarrow.csv.open_csv(path, blocks, convert_options=options))
    while (batch := reading(path, lambda: next(reader, None))) is not None:
        yield pa.Table.from_batches([batch])


def _parquet(piece: Piece, without: Collection[str]) -> Iterator[pa.Table]:
    path = Path(piece.path)
    wanted = [name for name in _schema(piece).names if name in piece.names]
    wanted = [name for name in wanted if name not in without or name in _required(piece)]
    wanted = [name for name in wanted if name != _IDS or not piece.complete]
    found = reading(path, lambda: _batches(piece, wanted))
    while (batch := reading(path, lambda: next(found, None))) is not None:
        table = pa.Table.from_batches([batch])
        for name in set(wanted) & set(piece.constants):
            table = table.append_column(name, pa.repeat(piece.constants[name], len(table)))
        yield table


def _batches(piece: Piece, wanted: Collection[str]) -> Iterator[pa.RecordBatch]:
    footer = piece.footer or pq.read_metadata(piece.path)
    about = footer.row_group(piece.group)
    columns = {about.column(i).path_in_schema: about.column(i) for i in range(footer.num_columns)}
    here = [name for name in wanted if name in columns and name not in piece.constants]
    empty = [name for name in here if _nulls(columns[name].statistics) == about.num_rows]
    here = [name for name in here if name not in empty or name in _required(piece)]
    short = [name for name in here if columns[name].total_uncompressed_size < _DICTIONARY_BYTES * about.num_rows]
    texts = [name for name in short if columns[name].physical_type == "BYTE_ARRAY"]
    file = pq.ParquetFile(piece.path, metadata=footer, read_dictionary=texts, pre_buffer=False)
    # Whoever reads a log in pieces works on the last ones meanwhile: threads of Arrow's would be in the way.
    yield from file.iter_batches(BATCH, row_groups=[piece.group], columns=here, use_threads=False)


def _nulls(statistics: Any) -> int | None:
    """How many nulls the footer tells of."""
    return statistics.null_count if statistics is not None and statistics.has_null_count else None


def _required(piece: Piece) -> Collection[str]:
    """Columns that are read whatever they hold."""
    return REQUIRED if piece.table == EVENT_TABLE else ATTRIBUTES.names


def _schema(piece: Piece) -> pa.Schema:
    return EVENTS if piece.table == EVENT_TABLE else ATTRIBUTES


def _moved(error: BadInput, source: str, first_row: int) -> BadInput:
    """The same error with the row's number in the whole table."""
    head, found, tail = error.what.partition(f"{source}, row ")
    number, colon, rest = tail.partition(":")
    if head or not found or not number.isdigit():
        return error
    return BadInput(f"{found}{int(number) + first_row}{colon}{rest}", error.seen, error.cure)

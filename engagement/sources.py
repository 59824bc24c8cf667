"""Foreign files as tables: CSV, Parquet, JSON lines. A line that cannot be read is set aside, never fatal."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import BadInput
from engagement.map_types import ROW, TableMap

#: A CSV is read in blocks of so many bytes; no line may be longer.
BLOCK = 16 << 20

_SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Reject:
    """A row that was not imported: where it stood, why, and what it held."""

    source: str
    row: int
    reason: str
    content: str


@dataclass(frozen=True)
class Source:
    """A file that was read. `table` has its columns and, last, `ROW` (in a CSV counted without the header)."""

    path: Path
    table: pa.Table
    rejects: tuple[Reject, ...] = ()


def read_source(path: Path, reading: TableMap) -> Source:
    """The file's rows: text from a CSV, typed values from Parquet and JSON lines.

    Raises:
        BadInput: no such file, a kind that is not known, or a file that is broken as a whole.
    """
    if not path.is_file():
        raise BadInput("no such source", str(path), "Check the path.")
    kind = path.suffix.lower()
    rejects: list[Reject] = []
    try:
        if kind == ".parquet":
            table = _read_parquet(path)
        elif kind in (".jsonl", ".ndjson"):
            return _read_json_lines(path)
        elif kind in (".csv", ".tsv", ".txt"):
            table, rejects = _read_csv(path, reading)
        else:
            cure = "It reads .csv, .tsv, .txt, .parquet, .jsonl and .ndjson; export an SQL database to one of them."
            raise BadInput("a source of an unknown kind", path.name, cure)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadInput(f"{path} cannot be read", str(error), "Export it again, or mend it there.") from None
    skipped = {reject.row for reject in rejects}
    numbers = [n for n in range(1, len(table) + len(skipped) + 1) if n not in skipped] if skipped else None
    return _texts(_numbered(path, table, numbers, rejects))


def _numbered(path: Path, table: pa.Table, numbers: list[int] | None, rejects: Sequence[Reject]) -> Source:
    row = pa.array(numbers, pa.int64()) if numbers is not None else pa.array(range(1, len(table) + 1), pa.int64())
    return Source(path, table.append_column(ROW, row), tuple(rejects))


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)


def _read_json_lines(path: Path) -> Source:
    """Each line an object; values that are not text are kept as their JSON."""
    import json

    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                text = line.decode("utf-8", "replace").strip()
                rejects.append(Reject(path.name, number, "the line is not a JSON object", text))
                continue
            rows.append({k: v if isinstance(v, str) or v is None else json.dumps(v) for k, v in row.items()})
            numbers.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    return _numbered(path, pa.table(columns), numbers, rejects)


def _read_csv(path: Path, reading: TableMap) -> tuple[pa.Table, list[Reject]]:
    """All columns as text. Lines with too many or too few cells, or with bytes that are no text, are set aside."""
    import pyarrow.csv as csv

    content = _as_utf8(path.read_bytes(), reading.encoding, path)
    separator = {"tab": "\t"}.get(reading.separator or "", reading.separator)
    if separator == "whitespace":
        content = re.sub(rb"[ \t]+", b",", re.sub(rb"(?m)^[ \t]+|[ \t]+\r?$", b"", content))
        separator = ","
    separator = separator or _sniff(content)
    if len(separator) != 1:
        raise BadInput("a separator of several characters", separator, 'Give one, "tab" or "whitespace".')
    names = list(reading.columns) or _header(content, separator)
    rejects: list[Reject] = []

    def set_aside(line: csv.InvalidRow) -> str:
        # With a header, Arrow counts that as row 1.
        number = line.number - (0 if reading.columns else 1)
        reason = f"{line.actual_columns} cells instead of {line.expected_columns}"
        rejects.append(Reject(path.name, number, reason, line.text))
        return "skip"

    table = csv.read_csv(
        io.BytesIO(content),
        # One thread: only then are the numbers of bad lines known.
        read_options=csv.ReadOptions(
            column_names=names, skip_rows=0 if reading.columns else 1, use_threads=False, block_size=BLOCK
        ),
        parse_options=csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=set_aside, ignore_empty_lines=False
        ),
        convert_options=csv.ConvertOptions(column_types={name: pa.binary() for name in names}),
    )
    return table, rejects


def _as_utf8(content: bytes, encoding: str, path: Path) -> bytes:
    """The content as UTF-8 without a byte-order mark."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise BadInput("an unknown encoding", encoding, 'Give "utf-8", "latin-1", "cp1252", ….') from None
    for mark, marked in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            name = marked
            content = content[3:] if marked == "utf-8" else content
    if name == "utf-8":
        return content
    try:
        return content.decode(name).encode()
    except UnicodeError as error:
        raise BadInput(f"{path} is not {encoding}", str(error), "Name its encoding in the map.") from None


def _sniff(content: bytes) -> str:
    """The separator that stands most often outside quotes in the first line; a comma where none does."""
    line = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_SEPARATORS, key=lambda mark: (bare.count(mark), mark == ","))


def _header(content: bytes, separator: str) -> list[str]:
    """The names in the first line, made distinct; an empty name becomes `column_N`."""
    import csv as plain

    first = next(plain.reader(io.StringIO(content[:1_000_000].decode("utf-8", "replace")), delimiter=separator), [])
    if not first:
        raise BadInput("a CSV without a header", "", "Put the columns' names in the first line, or in the map.")
    names: list[str] = []
    for number, text in enumerate(first, 1):
        name = text.strip() or f"column_{number}"
        names.append(name if name not in names else f"{name}_{number}")
    return names


def _texts(source: Source) -> Source:
    """The source with binary cells as text; rows with bytes that are no UTF-8 are set aside."""
    table = source.table
    bad: set[int] = set()
    columns = []
    for column in table.columns:
        if pa.types.is_binary(column.type):
            try:
                column = column.cast(pa.string())
            except pa.ArrowInvalid:
                decoded = [_decode(cell) for cell in column.to_pylist()]
                bad |= {at for at, cell in enumerate(decoded) if cell is None}
                column = pa.chunked_array([pa.array(decoded, pa.string())])
        columns.append(column)
    table = pa.table(columns, names=table.column_names)
    if not bad:
        return Source(source.path, _without_blank_lines(table), source.rejects)
    numbers = table[ROW].to_pylist()
    reason = "bytes that are not UTF-8: name the encoding in the map"
    lost = [
        Reject(source.path.name, numbers[at], reason, str(source.table.slice(at, 1).to_pylist()[0]))
        for at in sorted(bad)
    ]
    keep = pc.invert(pc.is_in(pa.array(range(len(table))), pa.array(sorted(bad))))
    return Source(source.path, _without_blank_lines(table.filter(keep)), (*source.rejects, *lost))


def _decode(cell: bytes | None) -> str | None:
    try:
        return "" if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None


def _without_blank_lines(table: pa.Table) -> pa.Table:
    blank = None
    for name in table.column_names:
        if name != ROW:
            if not pa.types.is_string(table[name].type):
                return table
            empty = pc.equal(table[name], "")
            blank = empty if blank is None else pc.and_(blank, empty)
            if not pc.any(blank).as_py():
                return table
    return table if blank is None else table.filter(pc.invert(pc.fill_null(blank, False)))

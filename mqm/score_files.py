"""Files that batch scoring reads and writes: contacts in, scores out, one a row in the same order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from engagement.errors import BadInput
from features.table import whole_file

if TYPE_CHECKING:
    from engagement.funnel import Conversion
    from features.arrays import LogArrays
    from models.score import Score

_FEATURE = pa.struct([("name", pa.string()), ("value", pa.float64()), ("effect", pa.float64())])
_REASON = pa.struct(
    [("code", pa.string()), ("text", pa.string()), ("effect", pa.float64()), ("features", pa.list_(_FEATURE))]
)
_SCORES = pa.schema(
    [
        *((name, pa.string()) for name in ("contact_id", "conversion", "status", "status_text", "question", "as_of")),
        ("probability", pa.float64()),
        ("base_rate", pa.float64()),
        ("score", pa.int64()),
        ("grade", pa.string()),
        ("log_odds", pa.float64()),
        ("base_log_odds", pa.float64()),
        *((name, pa.string()) for name in ("reason_1", "reason_2", "reason_3", "reasons_text")),
        ("reasons", pa.list_(_REASON)),
        ("model_version", pa.string()),
        ("model_digest", pa.string()),
        ("scored_at", pa.string()),
    ]
)


def check_out(path: Path, kinds: tuple[str, ...] = (".parquet", ".csv", ".jsonl")) -> None:
    """Refuses, before any work, a file that could not be written.

    Raises:
        BadInput: an unknown kind, or a folder that isn't there.
    """
    if path.suffix not in kinds:
        raise BadInput("a file of an unknown kind", str(path), f"Name it {', '.join(kinds)}.")
    if not path.absolute().parent.is_dir():
        raise BadInput("no such folder", str(path.absolute().parent), "Make it first.")


def read_contacts(path: Path) -> tuple[list[str], list[int | None]]:
    """The contacts of a file, and as of when each is asked for (None where the file does not say).

    Raises:
        BadInput: no such file, no column `contact_id`, an empty id or a time that cannot be read.
    """
    from engagement.schema import cast_time

    if not path.is_file():
        raise BadInput("no such file", str(path), "Give a CSV or Parquet file with a column contact_id.")
    try:
        if path.suffix == ".csv":
            texts = pyarrow.csv.ConvertOptions(column_types={"contact_id": pa.string(), "as_of": pa.string()})
            table = pyarrow.csv.read_csv(path, convert_options=texts)
        else:
            table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path} cannot be read", str(error), "Write it as CSV or Parquet.") from None
    if "contact_id" not in table.column_names:
        cure = "Name the contacts' column contact_id."
        raise BadInput(f"{path} lacks the column contact_id", ", ".join(table.column_names), cure)
    contacts = table["contact_id"].cast(pa.string()).to_pylist()
    if any(not contact for contact in contacts):
        row = next(i for i, contact in enumerate(contacts) if not contact)
        raise BadInput(f"{path}, row {row + 1}: contact_id is empty", None, "Each row names a contact.")
    if "as_of" not in table.column_names:
        return contacts, [None] * len(contacts)
    times = cast_time(table["as_of"], "as_of", str(path)).cast(pa.int64()).to_pylist()
    return contacts, times


def everyone_in_stage(arrays: LogArrays, conversion: Conversion, as_of: int) -> list[str]:
    """The contacts in the conversion's start stage at that time, in the order of their ids."""
    import numpy as np

    from features.stage import IN_STAGE, LONG_AGO, standing

    contacts = arrays.contacts
    stands = standing(arrays, conversion, contacts, np.full(len(contacts), as_of))
    inside = np.flatnonzero((stands == IN_STAGE) | (stands == LONG_AGO))
    taken: list[str] = contacts.take(pa.array(inside)).to_pylist()
    return taken


def as_json(score: Score, scored_at: int) -> dict[str, Any]:
    """The score as the contract's JSON object (without the ids that only a service gives)."""
    import msgspec

    from serving.answers import answer_from

    body: dict[str, Any] = msgspec.to_builtins(answer_from(score, "", scored_at, ""))
    del body["score_id"], body["request_id"]
    return body


def write_scores(portions: Iterable[list[dict[str, Any]]], path: Path) -> dict[str, int]:
    """Writes the scores, portion by portion; a file appears only when it is whole. Returns counts by status."""
    counts: Counter[str] = Counter()
    with whole_file(path) as unfinished, _writer(unfinished, path.suffix) as write:
        for portion in portions:
            counts.update(score["status"] for score in portion)
            write(portion)
    return dict(counts)


def _writer(path: Path, kind: str) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def lines() -> Iterator[Any]:
        with path.open("w", encoding="utf-8") as file:
            yield lambda rows: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    @contextmanager
    def table() -> Iterator[Any]:
        schema = _SCORES if kind == ".parquet" else _flat(_SCORES)
        sink: Any = pq.ParquetWriter(path, schema) if kind == ".parquet" else pyarrow.csv.CSVWriter(path, schema)
        with sink:
            yield lambda rows: sink.write_table(pa.Table.from_pylist(_rows(rows, kind), schema=schema))

    return lines() if kind == ".jsonl" else table()


def _flat(schema: pa.Schema) -> pa.Schema:
    """CSV has no nested columns: reasons become JSON text."""
    at = schema.get_field_index("reasons")
    return schema.set(at, pa.field("reasons", pa.string()))


def _rows(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    if kind == ".parquet":
        return rows
    return [row | {"reasons": json.dumps(row["reasons"], ensure_ascii=False)} for row in rows]

"""The steps that Spark's workers take, each from record batches to record batches. Nothing here knows Spark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import MqmError
from engagement.pieces import EVENT_TABLE, Piece, read
from engagement.schema import ATTRIBUTES, EVENTS, REQUIRED
from features.arrays import Ints, LogArrays
from features.carried import (
    ROW,
    arrays_of,
    carried,
    carried_attributes,
    carried_events,
    rows_of,
    whole_entities,
)
from features.engine import Answer
from features.levels import Computed, Flags, Levels, accounts_of, label_events
from features.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Batches = Iterable[pa.RecordBatch]
ANSWERS = pa.schema([("row", pa.int64()), ("answer", pa.binary())])
#: Records that are computed together, about, and rows, at most.
_RECORDS, _BLOCK = 500_000, 5_000
#: How an error's name, value and cure come through a worker's traceback.
MARK = "mqm-named-error:"


def named(step: Callable[[Batches], Iterator[pa.RecordBatch]], batches: Batches) -> Iterator[pa.RecordBatch]:
    """The step, with named errors in a form that survives the way back."""
    try:
        yield from step(batches)
    except MqmError as error:
        seen = None if error.seen is None else str(error.seen)
        told = json.dumps([type(error).__name__, error.what, seen, error.cure])
        raise RuntimeError(f"{MARK}{told}") from None


def piece_text(piece: Piece) -> str:
    """A piece as text, to be sent."""
    return json.dumps(asdict(replace(piece, footer=None)))  # it is read again where the piece is


def _tables(batches: Batches, without: Collection[str] = ()) -> Iterator[tuple[str, pa.Table]]:
    """The name of its table, and each batch of rows, of the pieces named in the batches."""
    for batch in batches:
        for text in batch.column(0).to_pylist():
            piece = Piece(**json.loads(text))
            for table in read(piece, without):
                yield piece.table, table


def read_step(level: str, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Pieces to events and attributes, each for its contact (or its account)."""
    for name, table in _tables(batches):
        yield from (carried_events if name == EVENT_TABLE else carried_attributes)(table, level)


def last_step(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Pieces to when their last event happened."""
    optional = [name for name in EVENTS.names if name not in REQUIRED]
    for _, table in _tables(batches, optional):
        yield pa.record_batch([pa.array([pc.max(table["occurred_at"]).cast(pa.int64()).as_py()])], ["last"])


def contacts_step(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Pieces to the contacts that they name."""
    for _, table in _tables(batches, ("account_id", "value", "detail", "properties")):
        column = table["contact_id"]
        column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        yield pa.record_batch([column.unique().drop_null()], ["contact"])


def vocabulary_step(known_by: int, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Pieces to their vocabularies, as JSON."""
    for name, table in _tables(batches):
        two = (table, ATTRIBUTES.empty_table()) if name == EVENT_TABLE else (EVENTS.empty_table(), table)
        told = vocabulary_text(Vocabulary.of(LogArrays.from_tables(*two), known_by))
        yield pa.record_batch([pa.array([told])], ["vocabulary"])


def label_step(types: Collection[str], batches: Batches) -> Iterator[pa.RecordBatch]:
    """Events of whole contacts to those that label times depend on."""
    for records in whole_entities(batches, _RECORDS):
        yield from carried_events(label_events(arrays_of(records), types), "contact")


def contact_step(levels: Levels, answer: Answer, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Whole contacts and rows: rows get the columns of contacts, and go on to their account if there are more.

    Rows that are whole are answered and packed.
    """
    for records, rows in _with_rows(batches):
        arrays = arrays_of(records)
        for some in rows:
            ids, moments = some["contact"].combine_chunks(), some["occurred"].to_numpy()
            cells = _with_last(*levels.contact_side(arrays, ids, moments))
            if levels.of_accounts:
                yield _onward(some, accounts_of(arrays, ids, moments), cells)
            else:
                yield _packed(levels, answer, some, cells, None)


def account_step(levels: Levels, answer: Answer, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Whole accounts and rows: rows get the columns of accounts, are whole, and are answered and packed."""
    for records, rows in _with_rows(batches):
        arrays = arrays_of(records)
        for some in rows:
            ids, moments = some["contact"].combine_chunks(), some["occurred"].to_numpy()
            theirs = levels.account_side(arrays, ids, moments, some["account"].combine_chunks())
            yield _packed(levels, answer, some, _cells(some["cells"].combine_chunks()), theirs)


def _with_rows(batches: Batches) -> Iterator[tuple[pa.Table, Iterator[pa.Table]]]:
    """Whole entities among which there are rows, and these rows block by block."""
    for records in whole_entities(batches, _RECORDS):
        rows = rows_of(records)
        if len(rows):
            yield records, (rows.slice(begin, _BLOCK) for begin in range(0, len(rows), _BLOCK))


def _onward(rows: pa.Table, accounts: pa.Array, cells: Floats) -> pa.RecordBatch:
    """Rows on their way to their account; those without one are spread out."""
    anywhere = pc.binary_join_element_wise("\0", pc.bit_wise_and(rows["row"], 63).cast(pa.string()), "")
    return carried(
        ROW,
        pc.coalesce(accounts, anywhere.combine_chunks()),
        row=rows["row"],
        contact=rows["contact"],
        account=accounts,
        occurred=rows["occurred"],
        cells=pa.array([row.tobytes() for row in cells], pa.binary()),
    )


def _with_last(cells: Floats, flag: Flags) -> Floats:
    """The columns, and the flag as the last one."""
    return np.column_stack([cells, flag.astype(np.float64)])


def _cells(binary: pa.BinaryArray) -> Floats:
    """(rows, columns) from equally long rows of bytes."""
    _, offsets, data = binary.buffers()
    bounds = np.frombuffer(offsets, np.int32)[binary.offset : binary.offset + len(binary) + 1]
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]].view(np.float64).reshape(len(binary), -1)


def _packed(levels: Levels, answer: Answer, rows: pa.Table, own: Floats, theirs: Floats | None) -> pa.RecordBatch:
    """The answers to some rows, as one record: an Arrow stream of row numbers and answers."""
    matrix = np.empty((len(rows), levels.width))
    matrix[:, levels.sides[0]] = own[:, :-1]
    if theirs is not None:
        matrix[:, levels.sides[1]] = theirs
    ids, known = rows["contact"].combine_chunks(), own[:, -1] > 0
    answers = answer(Computed(ids, rows["occurred"].to_numpy(), matrix, known))
    batch = pa.record_batch([rows["row"].combine_chunks(), pa.array(answers, pa.binary())], ANSWERS)
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, ANSWERS) as stream:
            stream.write_batch(batch)
        return pa.record_batch([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["packed"])


def cells_of(rows: Computed) -> list[bytes]:
    """An answer that is the row itself: its columns, and whether the contact has facts."""
    return [row.tobytes() for row in _with_last(rows.matrix, rows.with_facts)]


def computed_from(answers: list[bytes], contact_ids: pa.Array, cutoffs: Ints) -> Computed:
    """The rows whose answers `cells_of` gave."""
    matrix = np.frombuffer(b"".join(answers), np.float64).reshape(len(answers), -1)
    return Computed(contact_ids, cutoffs, matrix[:, :-1], matrix[:, -1] > 0)


def vocabulary_text(vocabulary: Vocabulary) -> str:
    """A vocabulary as JSON."""
    details = [[kind, list(counts.items())] for kind, counts in vocabulary.details.items()]
    attributes = [[level, name, list(seen.items())] for (level, name), seen in vocabulary.attributes.items()]
    return json.dumps([details, sorted(vocabulary.valued), attributes, vocabulary.accounts])


def vocabulary_from(text: str) -> Vocabulary:
    """What `vocabulary_text` wrote."""
    details, valued, attributes, accounts = json.loads(text)
    return Vocabulary(
        {kind: Counter(dict(counts)) for kind, counts in details},
        frozenset(valued),
        {(level, name): Counter(dict(seen)) for level, name, seen in attributes},
        accounts,
    )

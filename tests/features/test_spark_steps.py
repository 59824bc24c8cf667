"""What Spark's workers do, without Spark: records cut into batches anywhere give what memory gives."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from histories import MIXED, History, a_history, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from test_streamed import HALVES, WAYS, in_memory, write

from engagement.errors import BadInput
from engagement.folder import FolderLog
from engagement.pieces import pieces
from features import spark_steps as steps
from features.carried import CARRIED, ROW, carried, whole_entities
from features.feature_set import FeatureSet
from features.levels import Levels, vocabulary_of
from features.stage import has_facts
from features.vocabulary import Vocabulary


def read(folder: Path, step: steps.Step, *names: str) -> list[pa.RecordBatch]:
    """What a step makes of the pieces of these tables."""
    found = [steps.piece_text(one) for name in names for one in pieces(FolderLog(folder), name)]
    return list(step([pa.record_batch([pa.array(found, pa.string())], ["piece"])]))


def shuffled(batches: list[pa.RecordBatch], partitions: int, size: int) -> Iterator[list[pa.RecordBatch]]:
    """As Spark does it: an entity's records in one partition, one after another, in batches of any size."""
    table = pa.Table.from_batches(batches, CARRIED)
    entity = table["entity"].to_pylist()
    of = np.array([sum(text.encode()) % partitions for text in entity])
    for part in range(partitions):
        some = table.filter(pa.array(of == part)).sort_by("entity").combine_chunks()
        yield some.to_batches(max_chunksize=size)


def answered(batches: list[pa.RecordBatch]) -> list[bytes]:
    """The answers in the order of the rows."""
    streams = [pa.ipc.open_stream(one).read_all() for b in batches for one in b.column(0).to_pylist()]
    found: list[bytes] = pa.concat_tables(streams).sort_by("row")["answer"].to_pylist()
    return found


def by_steps(folder: Path, sets: tuple[FeatureSet, ...], history: History, partitions: int, size: int) -> list[bytes]:
    levels = Levels(sets)
    ids, cutoffs = pa.array(history.contacts), pa.array(history.cutoffs)
    rows = carried(ROW, ids, row=pa.array(range(len(ids))), contact=ids, occurred=cutoffs)
    records = read(folder, partial(steps.read_step, "contact"), "events", "attributes")
    done = []
    for some in shuffled([*records, rows], partitions, size):
        done += list(steps.contact_step(levels, steps.cells_of, some))
    if levels.of_accounts:
        records, onward, done = read(folder, partial(steps.read_step, "account"), "events", "attributes"), done, []
        for some in shuffled([*records, *onward], partitions, size):
            done += list(steps.account_step(levels, steps.cells_of, some))
    return answered(done)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    a_history.filter(lambda history: bool(history.events)),
    st.sampled_from(WAYS),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([1, 2, 5, 100]),
    st.sampled_from([1, 4, 1000]),
)
def test_steps_are_in_memory(history: History, way: str, partitions: int, size: int, records: int) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        patch.object(steps, "_RECORDS", records),
        patch.object(steps, "_BLOCK", 2),
    ):
        log = write(Path(name), *tables(history.events, history.attributes), way)
        arrays, cutoffs = in_memory(log), np.array(history.cutoffs)
        for sets in (HALVES, (FeatureSet(tuple(f for f in MIXED.features if f.level == "contact")),)):
            expected = np.hstack([one.compute(arrays, history.contacts, cutoffs) for one in sets])
            answers = by_steps(Path(name), sets, history, partitions, size)
            found = steps.computed_from(answers, pa.array(history.contacts), cutoffs)
            assert same_bits(found.matrix, expected)
            known = has_facts(arrays, arrays.contact_codes(history.contacts), cutoffs)
            assert found.with_facts.tolist() == known.tolist()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(a_history.filter(lambda history: bool(history.events)), st.sampled_from(WAYS))
def test_what_is_known_of_a_log(history: History, way: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        arrays = in_memory(write(Path(name), *tables(history.events, history.attributes), way))
        texts = read(Path(name), partial(steps.vocabulary_step, history.cutoffs[0]), "events", "attributes")
        found = [steps.vocabulary_from(one) for b in texts for one in b.column(0).to_pylist()]
        assert vocabulary_of(found) == Vocabulary.of(arrays, history.cutoffs[0])
        contacts = read(Path(name), steps.contacts_step, "events", "attributes")
        assert sorted({one for b in contacts for one in b.column(0).to_pylist()}) == arrays.contacts.to_pylist()
        last = [one for b in read(Path(name), steps.last_step, "events") for one in b.column(0).to_pylist()]
        assert max(last) == arrays.events.occurred.max()


@given(st.lists(st.sampled_from("abc"), max_size=12).map(sorted), st.lists(st.integers(0, 3)), st.integers(1, 5))
def test_no_entity_is_cut_in_two(entities: list[str], sizes: list[int], records: int) -> None:
    column, batches = pa.array(entities, pa.string()), []
    for size in [*sizes, len(entities)]:
        batches.append(pa.record_batch([column.slice(0, size)], ["entity"]))
        column = column.slice(size)
    found = [table["entity"].to_pylist() for table in whole_entities(batches, records)]
    assert [one for some in found for one in some] == entities
    assert not any(set(some) & set(others) for some, others in pairwise(found))
    assert all(len(some) >= 1 for some in found)


def test_a_table_is_handed_on_as_soon_as_it_is_large_enough() -> None:
    batches = [pa.record_batch([pa.array(list(text))], ["entity"]) for text in ("aab", "bbc", "cd", "d")]
    assert ["".join(table["entity"].to_pylist()) for table in whole_entities(batches, 2)] == ["aa", "bbb", "cc", "dd"]


def test_a_named_error_survives_the_way_back() -> None:
    def step(batches: steps.Batches) -> Iterator[pa.RecordBatch]:
        yield from batches
        raise BadInput("not a time", "soon\n", "Write it.")

    with pytest.raises(RuntimeError) as raised:
        list(steps.named(step, []))
    marked = str(raised.value).partition(steps.MARK)[2]
    assert json.loads(marked) == ["BadInput", "not a time", "soon\n", "Write it."]

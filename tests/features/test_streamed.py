"""A log computed part by part gives, to the last bit, what it gives as a whole in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from histories import CUTOFF, MIXED, History, a_history, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput, EmptyLog
from engagement.folder import FolderLog
from features.arrays import LogArrays
from features.dealt import DealtLog
from features.feature_set import FeatureSet
from features.levels import Computed
from features.stage import has_facts
from features.streamed import StreamedLog
from features.vocabulary import Vocabulary

#: How a log's files may lie: sorted by contact in small row groups, as the events came, in parts, or as CSV.
WAYS = ("grouped", "as they came", "parts", "csv")


def write(folder: Path, events: pa.Table, attributes: pa.Table, way: str) -> FolderLog:
    if way == "csv":
        pyarrow.csv.write_csv(events, folder / "events.csv")
        pyarrow.csv.write_csv(attributes, folder / "attributes.csv")
    elif way == "parts":
        for name, table in (("events", events), ("attributes", attributes)):
            (folder / name).mkdir()
            for part, begin in enumerate(range(0, max(len(table), 1), 3)):
                pq.write_table(table.slice(begin, 3), folder / name / f"part-{part}.parquet")
    else:
        events = events.sort_by("contact_id") if way == "grouped" else events
        pq.write_table(events, folder / "events.parquet", row_group_size=2)
        pq.write_table(attributes, folder / "attributes.parquet", row_group_size=2)
    return FolderLog(folder)


@contextmanager
def written(history: History, way: str) -> Iterator[FolderLog]:
    with tempfile.TemporaryDirectory() as name:
        yield write(Path(name), *tables(history.events, history.attributes), way)


@contextmanager
def streamed(log: FolderLog, events_a_part: int, threads: int = 1, in_memory: int = 0) -> Iterator[StreamedLog]:
    with tempfile.TemporaryDirectory() as name:
        yield StreamedLog(DealtLog(log, Path(name), threads, events_a_part), threads, in_memory, portion=2)


def in_memory(log: FolderLog) -> LogArrays:
    return LogArrays.from_tables(log.events(), log.attributes())


def whole(portions: Iterator[Computed]) -> tuple[list[str], list[int], npt.NDArray[np.float64], list[bool]]:
    found = list(portions)
    ids = [one for some in found for one in some.contact_ids.to_pylist()]
    moments = [one for some in found for one in some.cutoffs.tolist()]
    facts = [one for some in found for one in some.with_facts.tolist()]
    return ids, moments, np.concatenate([some.matrix for some in found]), facts


HALVES = tuple(FeatureSet(MIXED.features[half::2]) for half in (0, 1))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    a_history.filter(lambda history: bool(history.events)),
    st.sampled_from(WAYS),
    st.sampled_from([1, 2, 5, 100]),
    st.sampled_from([1, 2]),
    st.sampled_from([0, 1 << 20]),
)
def test_streamed_is_in_memory(history: History, way: str, events_a_part: int, threads: int, memory: int) -> None:
    """Late events, ties, contacts that change accounts, contacts with attributes only, unknown ones, empty parts."""
    with written(history, way) as log, streamed(log, events_a_part, threads, memory) as engine:
        arrays, cutoffs = in_memory(log), np.array(history.cutoffs)
        expected = np.hstack([one.compute(arrays, history.contacts, cutoffs) for one in HALVES])
        ids, moments, matrix, facts = whole(engine.computed(HALVES, pa.array(history.contacts), cutoffs))
        assert (ids, moments) == (history.contacts, history.cutoffs)
        assert same_bits(matrix, expected)
        assert facts == has_facts(arrays, arrays.contact_codes(history.contacts), cutoffs).tolist()
        assert engine.contacts().to_pylist() == arrays.contacts.to_pylist()
        assert engine.last_occurred == arrays.events.occurred.max()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    a_history.filter(lambda history: bool(history.events)), st.sampled_from(WAYS), st.sampled_from([1, 3]),
    st.integers(CUTOFF - 10**12, CUTOFF + 10**12),
)  # fmt: skip
def test_the_vocabulary_of_parts_is_that_of_the_whole(
    history: History, way: str, events_a_part: int, known_by: int
) -> None:
    with written(history, way) as log, streamed(log, events_a_part) as engine:
        assert engine.vocabulary(known_by) == Vocabulary.of(in_memory(log), known_by)

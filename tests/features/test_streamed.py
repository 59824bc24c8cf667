"""A log computed part by part gives, to the last bit, what it gives as a whole in memory."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from histories import CUTOFF, MIXED, History, a_history, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.errors import BadInput, EmptyLog
from engagement.events import Event
from engagement.folder import FolderLog
from features.arrays import LogArrays
from features.dealt import DealtLog
from features.declare import Count, Sum
from features.feature_set import FeatureSet
from features.gathered import Gathered
from features.grouped import NotGrouped, rule_of, stretches, whole_contacts
from features.levels import Computed
from features.parts import ByHash, ByRange, Parts
from features.spread import spread
from features.stage import has_facts
from features.streamed import Asked, StreamedLog
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


def _log(folder: Path, contacts: list[str], row_group: int = 2) -> FolderLog:
    """A log of one event for each name, in this order, a second apart."""
    events = [Event(str(i), c, None, "page_view", i * 10**6, i * 10**6) for i, c in enumerate(contacts)]
    pq.write_table(tables(events, [])[0], folder / "events.parquet", row_group_size=row_group)
    return FolderLog(folder)


@pytest.mark.parametrize(
    ("contacts", "rows", "wanted"),
    [
        ("aa bb cc", 1, ["aa", "bb", "cc"]),
        ("aa bb cc", 3, ["aabb", "cc"]),
        ("ab bc cd", 1, ["a", "bb", "ccd"]),  # a contact at the border is carried over
        ("ab bb bb bc", 1, ["a", "bbbbbbc"]),  # and one that fills row groups
        ("ba cb dc", 1, ["a", "bb", "ccd"]),  # within a row group order does not matter
        ("cc aa bb", 1, ["aa", "bb", "cc"]),  # nor does that of the row groups
        ("éé zz aa", 1, ["aa", "zz", "éé"]),  # order is that of code points
    ],
)
def test_files_grouped_by_contact_are_read_as_they_are(
    tmp_path: Path, contacts: str, rows: int, wanted: list[str]
) -> None:
    log = _log(tmp_path, list(contacts.replace(" ", "")))
    found = stretches(log, rows)
    read = [events() for _, events in whole_contacts(found)]
    assert ["".join(sorted(events["contact_id"].to_pylist())) for events in read] == wanted
    rule = rule_of(found)
    for number, events in enumerate(read):
        assert set(rule.of(events["contact_id"]).tolist()) <= {number}
        assert [n for n, _ in whole_contacts(found, wanted=[number])] == [number]
        assert next(some for _, some in whole_contacts(found, wanted=[number]))().equals(events)
    for number, again in reversed(list(whole_contacts(found))):  # whoever comes first reads
        assert again().equals(read[number])


def test_an_error_is_told_to_whoever_reads_again(tmp_path: Path) -> None:
    log = _log(tmp_path, list("abbc"))
    first = next(events for _, events in whole_contacts(stretches(log, 1)))
    (tmp_path / "events.parquet").unlink()
    for _ in range(2):
        with pytest.raises(BadInput):
            first()


def test_row_groups_with_ever_other_details_are_dealt_out(tmp_path: Path) -> None:
    """Each has few enough for a dictionary, all together more than codes of 16 bits can tell apart; or not."""
    groups, each = 200, 400
    number = np.arange(groups * each)
    columns = [(number % 7).astype(str), number.astype(str), np.array(["page_view"] * len(number))]
    texts = dict(zip(["contact_id", "event_id", "type"], map(pa.array, columns), strict=True))
    details = pa.array([f"{n // each}-{n % each // 2}" for n in number])
    times = pa.array(number).cast(pa.timestamp("us", tz="UTC"))
    table = pa.table({**texts, "detail": details, "occurred_at": times})
    pq.write_table(table, tmp_path / "events.parquet", row_group_size=each)
    dealt = DealtLog(FolderLog(tmp_path), tmp_path / "parts", 2, 10_000)
    found = pa.concat_tables(
        [
            part.events().select(["detail"]).cast(pa.schema([("detail", pa.string())]))
            for part in dealt.whole_contacts()
        ]
    )
    assert sorted(found["detail"].to_pylist()) == sorted(details.to_pylist())
    parts = Parts(tmp_path / "more", 1, pa.schema([("detail", pa.string())]))
    pieces = [
        pa.table({"detail": details.slice(begin, each).dictionary_encode()}) for begin in range(0, 80_000, each)
    ]
    for some in (pieces, pieces[:1]):
        parts.add(pa.concat_tables(some), np.zeros(each * len(some), np.int64))
    assert parts.read(0)["detail"].cast(pa.string()).to_pylist() == [
        *details.to_pylist(),
        *details[:each].to_pylist(),
    ]


def test_files_that_are_not_grouped_say_from_which_row_on(tmp_path: Path) -> None:
    with pytest.raises(NotGrouped, match=r"rows from 3 on: not grouped by contact, .* 'b' on, .* up to 'c'"):
        stretches(_log(tmp_path, ["a", "c", "b", "d"]), 1)


def test_without_bounds_in_the_footer_nothing_is_proven(tmp_path: Path) -> None:
    log = _log(tmp_path, ["a", "b"])
    pq.write_table(log.events(), tmp_path / "events.parquet", write_statistics=False)
    with pytest.raises(NotGrouped, match="does not tell the bounds"):
        stretches(log, 1)
    assert DealtLog(log, tmp_path / "parts").why


BROKEN = [
    ("value", 1e10, "row 8: value is not allowed"),
    ("value", float("nan"), "row 8: value is not allowed"),
    ("contact_id", None, "row 8: contact_id is not allowed"),
    ("event_id", None, "row 8: event_id is not allowed"),
    ("occurred_at", -(2**62), "occurred_at outside the years 1900 to 2200"),
]


@pytest.mark.parametrize(
    ("way", "column", "value", "message"),
    [(way, *one) for way in WAYS for one in BROKEN if way != "csv" or one[0] != "occurred_at"],  # CSV can't say it
)
def test_what_cannot_be_used_is_refused_as_in_memory(
    tmp_path: Path, way: str, column: str, value: object, message: str
) -> None:
    events = tables([Event(f"e{i}", f"c{i}", None, "mql", i, i, 1.0) for i in range(9)], [])[0]
    loose = pa.schema([field.with_nullable(True) for field in events.schema])
    broken = [*events[column].cast(pa.int64() if column == "occurred_at" else loose.field(column).type).to_pylist()]
    broken[7] = value
    place = events.schema.get_field_index(column)
    kind = pa.int64() if column == "occurred_at" else loose.field(column).type
    table = events.cast(loose).set_column(place, column, pa.array(broken, kind).cast(loose.field(column).type))
    if way != "grouped":
        table = table.set_column(
            1, "contact_id", pa.array([c and f"c{8 - i}" for i, c in enumerate(table["contact_id"].to_pylist())])
        )
    elif column == "contact_id":
        message = "row 9: contact_id"  # sorting puts it last
    log = write(tmp_path, table, tables([], [])[1], way)
    for read in (log.events, lambda: streamed_once(log)):
        with pytest.raises(BadInput, match=message):
            read()


def streamed_once(log: FolderLog) -> None:
    with streamed(log, 2) as engine:
        list(engine.computed((FeatureSet((Sum(),)),), pa.array([f"c{i}" for i in range(9)]), np.full(9, CUTOFF)))


@pytest.mark.parametrize("way", WAYS)
def test_a_log_without_events_has_a_name(tmp_path: Path, way: str) -> None:
    log = write(tmp_path, *tables([], []), way)
    for read in (log.events, lambda: streamed_once(log), lambda: last_of(log)):
        with pytest.raises(EmptyLog):
            read()
    (next(tmp_path.glob("events*"))).rename(tmp_path / "elsewhere")
    for read in (log.events, lambda: streamed_once(log), lambda: last_of(log)):
        with pytest.raises(BadInput, match="no engagement log"):
            read()


def last_of(log: FolderLog) -> int:
    with streamed(log, 2) as engine:
        return engine.last_occurred


def test_folders_may_tell_a_column(tmp_path: Path) -> None:
    """As Spark and others write it: `events/type=mql/part-0.parquet`; and files may lack what nobody filled."""
    events = tables([Event(f"e{i}", f"c{i % 3}", "a", ("mql", "click")[i % 2], i, i, 1.0) for i in range(9)], [])[0]
    for kind in ("mql", "click"):
        folder = tmp_path / "events" / f"type={kind}"
        folder.mkdir(parents=True)
        some = events.filter(pc.equal(events["type"], kind)).drop_columns(["type", "detail"])
        pq.write_table(some if kind == "mql" else some.drop_columns("account_id"), folder / "part-0.parquet")
    log, features = FolderLog(tmp_path), FeatureSet((Count("mql"), Count("click"), Count(level="account")))
    ids, cutoffs = pa.array(["c0", "c1", "c2"]), np.full(3, 100)
    with streamed(log, 2) as engine:
        found = whole(engine.computed((features,), ids, cutoffs))[2]
    assert same_bits(found, features.compute(in_memory(log), ids, cutoffs))
    assert found[:, :2].tolist() == [[2, 1], [1, 2], [2, 1]]


@given(st.lists(st.text("aé\0z", max_size=3)), st.lists(st.text("aé\0z", max_size=2), unique=True), st.integers(0, 3))
def test_parts_of_texts(texts: list[str], cuts: list[str], begin: int) -> None:
    cuts.sort()
    column = pa.array([*"xyz", *texts]).slice(begin)
    wanted = [bisect_right(cuts, text) for text in column.to_pylist()]
    by_range, by_hash = ByRange(tuple(cuts)), ByHash(7)
    for some in (column, pa.chunked_array([column, column.slice(0, 0)]), column.dictionary_encode()):
        assert by_range.of(some).tolist() == wanted
        assert by_hash.of(some).tolist() == by_hash.of(column).tolist()
    assert all(0 <= part < 7 for part in by_hash.of(column).tolist())


def test_parts_share_out_evenly_and_a_null_has_one_too() -> None:
    number = np.bincount(ByHash(10).of(pa.array([f"c-{i:07d}" for i in range(10_000)])))
    assert number.min() > 850 and number.max() < 1150
    assert len(set(ByHash(10).of(pa.array([None, None, ""], pa.string())).tolist())) == 1


@given(st.permutations(range(7)), st.sampled_from([0, 1 << 20]), st.integers(1, 9))
@settings(deadline=None)
def test_blocks_come_back_in_the_order_of_the_rows(order: list[int], in_memory: int, portion: int) -> None:
    wanted = np.arange(21.0).reshape(7, 3)
    with tempfile.TemporaryDirectory() as name:
        sides = (np.array([0, 2]), np.array([1]))
        gathered, portions = Gathered(Path(name), 7, sides, portion, 7, in_memory), []
        for some in (np.array(order[:3]), np.array(order[3:])):
            for side, columns in enumerate(sides):
                gathered.put(side, some, wanted[some][:, columns])
                portions += gathered.whole()
        portions += gathered.rest()
    assert np.array_equal(np.concatenate(portions), wanted)
    assert {len(some) for some in portions[:-1]} <= {portion}


@pytest.mark.parametrize(
    ("rows", "in_place"),
    [([4, 5], True), ([4, 5, 6], True), ([3, 4], False), ([4, 6], False), ([6, 5, 4], False), ([], False)],
)
def test_rows_of_one_portion_that_follow_each_other_are_computed_in_place(rows: list[int], in_place: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        gathered = Gathered(Path(name), 8, (np.arange(2), np.arange(0)), 4, 2, 1 << 20)
        some = np.array(rows, np.int64)
        room = gathered.room(0, some)
        assert (room is not None) == in_place
        block = np.ones((len(some), 2)) if room is None else room
        block[:] = some[:, None]
        gathered.put(0, some, block)
        others = np.setdiff1d(np.arange(8), some)
        gathered.put(0, others, np.repeat(others[:, None], 2, axis=1).astype(np.float64))
        assert np.concatenate([*gathered.whole()])[:, 1].tolist() == list(range(8))


@pytest.mark.parametrize(
    ("letters", "unfinished"),
    [
        ("aabbccdd", 1),  # each portion of two rows comes from one part
        ("abbbcdde", 2),  # while part b is worked on, those with rows 0-1 and 2-3 are open
        ("abcdabcd", 2),
        ("ddccbbaa", 1),
        ("abababab", 4),
        ("", 0),
    ],
)
def test_portions_that_are_unfinished_at_a_time(letters: str, unfinished: int) -> None:
    rows = Asked(
        pa.array(list(letters), pa.string()), np.zeros(len(letters), np.int64), ByRange(("b", "c", "d", "e"))
    )
    assert rows.unfinished(2) == unfinished


def test_work_is_spread_in_order_and_fails_as_it_fails() -> None:
    assert list(spread(lambda i: i * i, range(20), 3)) == [i * i for i in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda i: 1 // i, [1, 0, 1], 2))

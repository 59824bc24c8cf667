"""The kernel equals plain SQL to the last bit, however the log is loaded, shared out, cut up or shuffled."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from histories import CUTOFF, MIXED, SETS, History, a_history, same_bits, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

from engagement.events import Attribute, Event
from engagement.example import write_example
from engagement.settings import FeatureSettings, settings_from
from engagement.times import DAY
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.declare import KINDS
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary

ORACLE = Oracle()

FUNNEL = settings_from({}).funnel


class Example:
    """The example log, its catalogue, some rows, and the kernel's matrix of them."""

    def __init__(self, folder: Path) -> None:
        write_example(folder, contacts=400, seed=5)
        self.events: pa.Table = pq.read_table(folder / "events.parquet")
        self.attributes: pa.Table = pq.read_table(folder / "attributes.parquet")
        self.arrays = LogArrays.from_tables(self.events, self.attributes)
        times = self.events["occurred_at"].cast(pa.int64()).to_numpy()
        self.features = derive_features(
            Vocabulary.of(self.arrays, int(times.max())),
            FeatureSettings(max_columns=2_000),
            FUNNEL.conversion("mql_to_meeting"),
        )
        draw = random.Random(3)
        known = self.arrays.contacts.to_pylist()
        # Cutoffs right on events, one microsecond after, on the edge of a window, and anywhere.
        moments = [int(t) for t in times[:: max(1, len(times) // 2_000)]]
        self.ids = [draw.choice(known) for _ in range(2 * len(known))] + ["nobody"]
        steps = (0, 1, DAY, 7 * DAY, 30 * DAY, 90 * DAY + 1, 12_345_678)
        self.cutoffs = [draw.choice(moments) + draw.choice(steps) for _ in self.ids]
        contact, occurred = self.events["contact_id"].to_pylist(), times.tolist()
        for row in draw.sample(range(len(contact)), 600):  # a contact's own event at, before, and a window back
            self.ids.append(contact[row])
            self.cutoffs.append(occurred[row] + draw.choice(steps))
        self.matrix = self.features.compute(self.arrays, self.ids, self.cutoffs)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example(tmp_path_factory.mktemp("example"))


def test_example_equals_sql(example: Example) -> None:
    wanted = ORACLE.compute(
        example.events, example.attributes, example.features.features, example.ids, example.cutoffs
    )
    off = [
        name
        for i, name in enumerate(example.features.names)
        if not same_bits(example.matrix[:, i].copy(), wanted[:, i].copy())
    ]
    assert off == []
    ops = {feature.op for feature in example.features.features}
    assert ops == set(KINDS)
    assert {feature.level for feature in example.features.features} == {"contact", "account"}
    told_apart = [len(np.unique(column[~np.isnan(column)])) > 1 for column in example.matrix.T]
    assert np.mean(told_apart) > 0.8, "too few columns vary for the comparison to say much"


def test_example_from_tables_equals_from_events(example: Example) -> None:
    events = [Event(**_micros(row)) for row in example.events.to_pylist()]
    attributes = [Attribute(**_micros(row)) for row in example.attributes.to_pylist()]
    arrays = LogArrays.from_events(events, attributes)
    assert same_bits(example.features.compute(arrays, example.ids, example.cutoffs), example.matrix)


def _micros(row: dict[str, object]) -> dict[str, object]:
    stamps = {k: pa.scalar(row[k]).cast(pa.int64()).as_py() for k in ("occurred_at", "received_at")}
    return row | stamps


def test_example_two_threads(example: Example) -> None:
    ids, cutoffs = example.ids * 4, example.cutoffs * 4
    assert len(ids) >= 4_000, "fewer rows are not shared out"
    fresh = LogArrays.from_tables(example.events, example.attributes)
    assert same_bits(example.features.compute(fresh, ids, cutoffs, threads=2), np.tile(example.matrix, (4, 1)))


def test_example_any_order_of_rows_and_events(example: Example) -> None:
    draw = np.random.default_rng(8)
    events = example.events.take(pa.array(draw.permutation(len(example.events))))
    attributes = example.attributes.take(pa.array(draw.permutation(len(example.attributes))))
    shuffled = LogArrays.from_tables(pa.concat_tables([events.slice(900), events.slice(0, 900)]), attributes)
    rows = draw.permutation(len(example.ids))
    matrix = example.features.compute(shuffled, [example.ids[r] for r in rows], [example.cutoffs[r] for r in rows])
    assert same_bits(matrix, example.matrix[rows])


def test_example_one_by_one(example: Example) -> None:
    for row in range(0, len(example.ids), 40):
        one = example.features.compute(example.arrays, [example.ids[row]], [example.cutoffs[row]])
        assert same_bits(one[0], example.matrix[row])


def test_example_one_history_alone(example: Example) -> None:
    """Online only the events of one contact and its account are at hand."""
    contact, account = example.events["contact_id"].to_pylist(), example.events["account_id"].to_pylist()
    whole = example.events.to_pylist()
    for row in range(0, len(example.ids), 100):
        mine = example.ids[row]
        accounts = {a for c, a in zip(contact, account, strict=True) if c == mine and a}
        near = [Event(**_micros(e)) for e in whole if e["contact_id"] == mine or e["account_id"] in accounts]
        facts = [
            Attribute(**_micros(a))
            for a in example.attributes.to_pylist()
            if a["contact_id"] == mine or a["account_id"] in accounts
        ]
        one = example.features.compute(LogArrays.from_events(near, facts), [mine], [example.cutoffs[row]])
        assert same_bits(one[0], example.matrix[row])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(a_history, st.integers(0, len(SETS) - 1), st.randoms(use_true_random=False))
def test_tiny_histories_equal_sql(history: History, which: int, draw: random.Random) -> None:
    features = SETS[which]
    found = matrix(history, features)
    wanted = ORACLE.compute(
        *tables(history.events, history.attributes), features.features, history.contacts, history.cutoffs
    )
    off = [n for i, n in enumerate(features.names) if not same_bits(found[:, i].copy(), wanted[:, i].copy())]
    assert off == []
    events, attributes = list(history.events), list(history.attributes)
    draw.shuffle(events)
    draw.shuffle(attributes)
    arrays = LogArrays.from_events(events, attributes)
    assert same_bits(features.compute(arrays, history.contacts, history.cutoffs), found)
    arrow_ids = pa.array(history.contacts, pa.string())
    assert same_bits(features.compute(arrays, arrow_ids, np.array(history.cutoffs)), found)
    for row, (contact, cutoff) in enumerate(zip(history.contacts, history.cutoffs, strict=True)):
        assert same_bits(features.compute(arrays, [contact], [cutoff])[0], found[row])


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(a_history, min_size=3, max_size=4))
def test_every_kind_side_by_side(histories: list[History]) -> None:
    whole = History(
        [event for h in histories for event in h.events],
        [attribute for h in histories for attribute in h.attributes],
        [contact for h in histories for contact in h.contacts],
        [cutoff for h in histories for cutoff in h.cutoffs],
    )
    wanted = ORACLE.compute(*tables(whole.events, whole.attributes), MIXED.features, whole.contacts, whole.cutoffs)
    assert same_bits(matrix(whole, MIXED), wanted)


def matrix(history: History, features: FeatureSet) -> npt.NDArray[np.float64]:
    arrays = LogArrays.from_tables(*tables(history.events, history.attributes))
    return features.compute(arrays, history.contacts, history.cutoffs)


def test_no_events_at_all() -> None:
    for features in (MIXED, *SETS[-2:]):
        none = History([], [], ["c-1", "nobody"], [CUTOFF, CUTOFF])
        wanted = ORACLE.compute(*tables([], []), features.features, none.contacts, none.cutoffs)
        assert same_bits(matrix(none, features), wanted)
        assert same_bits(features.compute(LogArrays.from_events([]), none.contacts, none.cutoffs), wanted)

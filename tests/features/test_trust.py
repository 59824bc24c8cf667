"""Whose an event is: a person's unless its properties say plainly that a machine made it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from histories import tables
from hypothesis import given
from hypothesis import strategies as st

from engagement.events import Event
from features.arrays import LogArrays
from features.trust import by_machine, machines

MACHINES = (
    '{"machine": true}',
    '{"bot":true,"url":"x"}',
    '{"trust": 0}',
    '{"trust": 0.49}',
    '{"machine": "yes", "bot": true}',
    '{"machine": false, "trust": 0.1}',
    '{"machine": false, "machine": true}',  # of two, the last counts
)
PERSONS = (
    None,
    "",
    "{}",
    "null",
    '"machine"',
    '["bot"]',
    '{"machine": false}',
    '{"machine": 1}',
    '{"bot": "true"}',
    '{"bot": null}',
    '{"trust": 0.5}',
    '{"trust": 1}',
    '{"trust": -0.1}',
    '{"trust": "0.1"}',
    '{"trust": true}',
    '{"trust": false}',
    '{"trust": NaN}',
    '{"trust": 1e999}',
    '{"machine": true',
    '{"machine": true} {}',
    '{"said": {"machine": true}}',
    '{"machine": true, "x": "\\ud800"',
    '{"machine": ' + "[" * 100_000,
    '{"other": "bot"}',
)


@pytest.mark.parametrize("properties", MACHINES)
def test_a_machines(properties: str) -> None:
    assert by_machine(properties)


@pytest.mark.parametrize("properties", PERSONS, ids=lambda text: str(text)[:30])
def test_a_persons(properties: str | None) -> None:
    assert not by_machine(properties)


@given(st.lists(st.sampled_from(MACHINES + PERSONS) | st.none() | st.text(max_size=5), max_size=12))
def test_a_column_says_the_same_as_its_texts(texts: list[str | None]) -> None:
    plain = pa.array(texts, pa.string())
    for column in (plain, plain.dictionary_encode(), plain.slice(1), plain.dictionary_encode().slice(1)):
        found, wanted = machines(column), [by_machine(text) for text in column.to_pylist()]
        assert (found.tolist() if found is not None else [False] * len(wanted)) == wanted


def test_machines_events_have_pairs_of_their_own() -> None:
    rows = [("open", None, None), ("open", None, '{"bot":true}'), ("open", "a", '{"trust":0}'), ("open", None, "{}")]
    events = [Event(str(i), "c", None, kind, i, i, None, d, p) for i, (kind, d, p) in enumerate(rows)]
    for arrays in (LogArrays.from_events(events), LogArrays.from_tables(*tables(events, []))):
        assert arrays.pairs == [("open", None), ("open", None), ("open", "a")]
        assert arrays.machine.tolist() == [False, True, True]
        assert arrays.events.pair.tolist() == [0, 1, 2, 0]

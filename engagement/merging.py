"""What is in a table twice: an event is known by its id, an attribute by all but when we learned of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement.schema import ATTRIBUTES, EVENTS

_BODY = [name for name in EVENTS.names if name not in ("event_id", "received_at")]
_FACT = [name for name in ATTRIBUTES.names if name != "received_at"]


def sort_out(events: pa.Table) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Row positions of the first event of each id, of its duplicates, and of conflicts (same id, another body)."""
    ids = pc.dictionary_encode(events["event_id"].combine_chunks()).indices.to_numpy()
    place = np.arange(len(ids))
    first = np.empty(len(ids), np.int64)
    first[ids[::-1]] = place[::-1]  # of several, the last written stays: the first row
    first = first[ids]
    again = np.flatnonzero(first != place)
    same = np.ones(len(again), bool)
    for name in _BODY:
        left, right = events[name].take(pa.array(again)), events[name].take(pa.array(first[again]))
        equal = pc.or_(pc.fill_null(pc.equal(left, right), False), pc.and_(pc.is_null(left), pc.is_null(right)))
        same &= equal.to_numpy()
    return pa.array(np.flatnonzero(first == place)), pa.array(again[same]), pa.array(again[~same])


def distinct_attributes(attributes: pa.Table) -> pa.Table:
    """The first row of each fact, in the order they stand."""
    numbered = attributes.select(_FACT).append_column("at", pa.array(np.arange(len(attributes))))
    firsts = numbered.group_by(_FACT).aggregate([("at", "min")])["at_min"]
    return attributes.take(firsts.take(pc.sort_indices(firsts)))

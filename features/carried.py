"""What Spark carries between its machines: events, attributes and rows in one shape, and how a worker reads them.

A worker gets batches in which every entity's records stand together, whole, though not whole in a batch. Rows travel
with the events: first to their contact, which gives them the columns of contacts and an account, then to that
account. Nothing here knows Spark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from engagement.schema import ATTRIBUTES, EVENTS, TIME
from features.arrays import LogArrays
from features.slim import OF_MACHINES, slim

EVENT, ATTRIBUTE, ROW = range(3)
#: `kind` and `text` are an event's type and detail, or an attribute's name and value; a row's cutoff is `occurred`.
#: `cells` are the columns that a row has so far. Times are microseconds UTC.
CARRIED = pa.schema(
    [
        ("entity", pa.string()),
        ("tag", pa.int8()),
        ("row", pa.int64()),
        ("contact", pa.string()),
        ("account", pa.string()),
        ("kind", pa.string()),
        ("text", pa.string()),
        ("occurred", pa.int64()),
        ("received", pa.int64()),
        ("value", pa.float64()),
        ("machine", pa.bool_()),
        ("cells", pa.binary()),
    ]
)


def carried(tag: int, entity: pa.Array, **columns: pa.Array) -> pa.RecordBatch:
    """Records of one tag; the columns that are not given are null."""
    rows = len(entity)
    given = {"entity": entity, "tag": pa.repeat(pa.scalar(tag, pa.int8()), rows), **columns}
    arrays = [_plain(given[f.name]).cast(f.type) if f.name in given else pa.nulls(rows, f.type) for f in CARRIED]
    return pa.RecordBatch.from_arrays(arrays, schema=CARRIED)


def carried_events(events: pa.Table, level: str) -> Iterator[pa.RecordBatch]:
    """A log's events (columns of `engagement.schema`), each for its contact or for its account, if it has one."""
    if level == "account" and "account_id" not in events.column_names:
        return
    if level == "account":
        events = events.filter(pc.is_valid(events["account_id"]))
    events = slim(events)
    machine = pc.is_valid(events["properties"]) if "properties" in events.column_names else None
    names = {
        "contact": "contact_id",
        "account": "account_id",
        "kind": "type",
        "text": "detail",
        "occurred": "occurred_at",
        "received": "received_at",
        "value": "value",
    }
    given = {name: events[column] for name, column in names.items() if column in events.column_names}
    given |= {} if machine is None else {"machine": machine}
    yield carried(EVENT, events[f"{level}_id"], **given)


def carried_attributes(attributes: pa.Table, level: str) -> Iterator[pa.RecordBatch]:
    """A log's attributes of contacts, or those of accounts."""
    named = pc.is_valid(attributes["contact_id"])
    attributes = attributes.filter(named if level == "contact" else pc.invert(named))
    yield carried(
        ATTRIBUTE,
        attributes[f"{level}_id"],
        contact=attributes["contact_id"],
        account=attributes["account_id"],
        kind=attributes["name"],
        text=attributes["value"],
        occurred=attributes["occurred_at"],
        received=attributes["received_at"],
    )


def whole_entities(batches: Iterable[pa.RecordBatch], records: int) -> Iterator[pa.Table]:
    """The same records in tables of about so many, no entity cut in two; those of an entity come together."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        if len(batch) == 0:
            continue
        waiting.append(batch)
        entity = batch.column("entity")
        first = pc.index(entity, entity[-1]).as_py()  # of the last entity, which may go on in the next batch
        if first > 0 and sum(map(len, waiting)) >= records:
            yield pa.Table.from_batches([*waiting[:-1], batch.slice(0, first)])
            waiting = [batch.slice(first)]
    if waiting:
        yield pa.Table.from_batches(waiting)


def arrays_of(records: pa.Table) -> LogArrays:
    """The events and attributes among the records, as arrays."""
    events = _tagged(records, EVENT)
    attributes = _tagged(records, ATTRIBUTE)
    rows = len(events)
    properties = pc.if_else(events["machine"], pa.scalar(OF_MACHINES), pa.scalar(None, pa.string()))
    return LogArrays.from_tables(
        pa.table(
            [
                pa.repeat("", rows),
                events["contact"],
                events["account"],
                events["kind"],
                _time(events["occurred"]),
                _time(events["received"]),
                events["value"],
                events["text"],
                properties,
            ],
            names=EVENTS.names,
        ),
        pa.table(
            [
                attributes["contact"],
                attributes["account"],
                attributes["kind"],
                attributes["text"],
                _time(attributes["occurred"]),
                _time(attributes["received"]),
            ],
            names=ATTRIBUTES.names,
        ),
    )


def rows_of(records: pa.Table) -> pa.Table:
    """The rows among the records."""
    return _tagged(records, ROW)


def _tagged(records: pa.Table, tag: int) -> pa.Table:
    return records.filter(pc.equal(records["tag"], tag))


def _time(micros: pa.ChunkedArray) -> pa.ChunkedArray:
    return micros.cast(TIME)


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, without a dictionary."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column

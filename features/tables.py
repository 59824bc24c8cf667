"""The log's two tables as arrays: what `LogArrays.from_tables` does, column by column in a few threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from features import memory
from features.encode import PART, Encoding, Flags
from features.grouping import group, hands, starts
from features.kinds import Kinds, Pair
from features.millionths import fill_fixed_point
from features.timeline import MISSING, Codes, Facts, Ints, Timeline

#: The fields of `LogArrays`, in order.
Fields = tuple[Any, Any, list[Pair], Flags, list[str], list[str], Timeline, Facts, Facts]

#: The columns of events that features come from.
EVENT_COLUMNS = ("contact_id", "account_id", "type", "occurred_at", "received_at", "value", "detail", "properties")

#: Below so many rows a second thread costs more than it gives.
_SHORT = 100_000


def fields_of_tables(events: pa.Table, attributes: pa.Table, threads: int | None) -> Fields:
    """The fields of `LogArrays` of a log's tables, whose rows may be in any order and whose texts dictionaries.

    Columns of events that nobody filled (account, value, detail, properties) may be absent.
    """
    threads = threads or (2 if len(events) + len(attributes) >= _SHORT else 1)
    contact = Encoding([events["contact_id"], attributes["contact_id"]], threads)
    account = Encoding([_accounts(events), attributes["account_id"]], threads)
    name, value = (Encoding([attributes[column]], threads) for column in ("name", "value"))
    kinds = Kinds(events, threads)
    every = contact, kinds, account, name, value
    with hands(threads) as each:
        list(each(lambda thread: [one.read(thread) for one in every], range(threads)))
        contacts, (pairs, machine), accounts, names, values = each(lambda one: one.finish(), every)
    (whose, fact_contact), (whose_account, fact_account) = contact.codes, account.codes
    facts = _micros(attributes["occurred_at"]), _micros(attributes["received_at"]), name.codes[0], value.codes[0]
    return (
        contacts,
        accounts,
        pairs,
        machine,
        names.to_pylist(),
        values.to_pylist(),
        _by_contact(whose, len(contacts), kinds.pair, whose_account, events, threads),
        _facts(fact_contact, len(contacts), *facts),
        _facts(np.where(fact_contact < 0, fact_account, -1), len(accounts), *facts),
    )


def by_account(at: Timeline, accounts: int) -> Timeline:
    """The events of contacts that carry an account, grouped by it."""
    threads = 2 if len(at.pair) >= _SHORT else 1
    pieces = [_Slice(at, low, min(low + PART, len(at.pair))) for low in range(0, len(at.pair), PART)]
    valued = bool(len(at.value) and at.value.max() != MISSING)
    of = group(at.account.copy(), accounts, at.pair.copy(), at.contact.copy(), pieces, valued, threads)
    return Timeline(of.start, of.occurred, of.received, of.pair, _values(of.value, of.owner), of.other, of.owner)


def _by_contact(
    contact: Codes, contacts: int, pair: Codes, account: Codes, events: pa.Table, threads: int
) -> Timeline:
    valued = "value" in events.column_names and events["value"].null_count < len(events)
    columns = events.select(["occurred_at", "received_at", *(["value"] if valued else [])])
    pieces = [_Batch(batch) for batch in columns.to_batches(max_chunksize=PART)]
    of = group(contact, contacts, pair, account, pieces, valued, threads)
    value = _values(of.value, of.owner)
    account = of.other if len(of.other) else memory.full(len(of.owner), -1, np.int32)
    return Timeline(of.start, of.occurred, of.received, of.pair, value, of.owner, account)


@dataclass(frozen=True)
class _Batch:
    """Rows of a table."""

    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def occurred(self) -> Ints:
        return _times(self.batch.column("occurred_at"))

    @property
    def received(self) -> Ints:
        return _times(self.batch.column("received_at"))

    def fill_value(self, out: Ints) -> None:
        fill_fixed_point(self.batch.column("value"), out)


@dataclass(frozen=True)
class _Slice:
    """Rows of arrays."""

    at: Timeline
    low: int
    high: int

    def __len__(self) -> int:
        return self.high - self.low

    @property
    def occurred(self) -> Ints:
        return self.at.occurred[self.low : self.high]

    @property
    def received(self) -> Ints:
        return self.at.received[self.low : self.high]

    def fill_value(self, out: Ints) -> None:
        out[:] = self.at.value[self.low : self.high]


def _values(value: Ints, owner: Codes) -> Ints:
    return value if len(value) else memory.full(len(owner), MISSING, np.int64)


def _accounts(events: pa.Table) -> pa.ChunkedArray:
    found = "account_id" in events.column_names and events["account_id"].null_count < len(events)
    return events["account_id"] if found else pa.chunked_array([], pa.string())


def _micros(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _times(column: pa.Array) -> Ints:
    """As `_micros`, straight from Arrow's buffer: there are many short pieces."""
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: len(column)]


def _facts(entity: Codes, entities: int, occurred: Ints, received: Ints, name: Codes, value: Codes) -> Facts:
    keep = np.flatnonzero(entity >= 0)
    order = keep[np.argsort(entity[keep], kind="stable")]
    return Facts(starts(entity[keep], entities), occurred[order], received[order], name[order], value[order])

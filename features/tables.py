"""The log's two tables as arrays: what `LogArrays.from_tables` does, column by column in a few threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from features.encode import PART, Flags, encode
from features.grouping import SHORT, group, starts
from features.kinds import Pair, encode_kinds
from features.millionths import fixed_point
from features.timeline import MISSING, Codes, Facts, Ints, Timeline

#: The fields of `LogArrays`, in order.
Fields = tuple[Any, Any, list[Pair], Flags, list[str], list[str], Timeline, Facts, Facts]

#: The columns of events that features come from.
EVENT_COLUMNS = ("contact_id", "account_id", "type", "occurred_at", "received_at", "value", "detail", "properties")

_NO_CODES = np.zeros(0, np.int32)


def fields_of_tables(events: pa.Table, attributes: pa.Table, threads: int) -> Fields:
    """The fields of `LogArrays` of a log's tables, whose rows may be in any order and whose texts dictionaries.

    Columns of events that nobody filled (account, value, detail, properties) may be absent.
    """
    contact, kinds, account, name, text = _at_once(
        threads if len(events) + len(attributes) >= SHORT else 1,
        lambda: encode(events["contact_id"], attributes["contact_id"]),
        lambda: encode_kinds(events),
        lambda: encode(_accounts(events), attributes["account_id"]),
        lambda: encode(attributes["name"]),
        lambda: encode(attributes["value"]),
    )
    contacts, (whose, fact_contact) = contact
    accounts, (whose_account, fact_account) = account
    facts = _micros(attributes["occurred_at"]), _micros(attributes["received_at"]), name[1][0], text[1][0]
    return (
        contacts,
        accounts,
        kinds.pairs,
        kinds.machine,
        name[0].to_pylist(),
        text[0].to_pylist(),
        _by_contact(whose, len(contacts), kinds.pair, whose_account, events, threads),
        _facts(fact_contact, len(contacts), *facts),
        _facts(np.where(fact_contact < 0, fact_account, -1), len(accounts), *facts),
    )


def by_account(at: Timeline, accounts: int, threads: int) -> Timeline:
    """The events of contacts that carry an account, grouped by it."""
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
    account = of.other if len(of.other) else np.full(len(of.owner), -1, np.int32)
    return Timeline(of.start, of.occurred, of.received, of.pair, value, of.owner, account)


@dataclass(frozen=True)
class _Batch:
    """Rows of a table."""

    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def occurred(self) -> Ints:
        return _micros(self.batch.column("occurred_at"))

    @property
    def received(self) -> Ints:
        return _micros(self.batch.column("received_at"))

    @property
    def value(self) -> Ints:
        return fixed_point(self.batch.column("value").cast(pa.float64()).to_numpy(zero_copy_only=False))


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

    @property
    def value(self) -> Ints:
        return self.at.value[self.low : self.high]


def _values(value: Ints, owner: Codes) -> Ints:
    return value if len(value) else np.full(len(owner), MISSING, np.int64)


def _accounts(events: pa.Table) -> pa.ChunkedArray:
    found = "account_id" in events.column_names and events["account_id"].null_count < len(events)
    return events["account_id"] if found else pa.chunked_array([], pa.string())


def _micros(column: pa.ChunkedArray | pa.Array) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _facts(entity: Codes, entities: int, occurred: Ints, received: Ints, name: Codes, value: Codes) -> Facts:
    keep = np.flatnonzero(entity >= 0)
    order = keep[np.argsort(entity[keep], kind="stable")]
    return Facts(starts(entity[keep], entities), occurred[order], received[order], name[order], value[order])


def _at_once(threads: int, *tasks: Callable[[], Any]) -> list[Any]:
    """What each task returns; the long ones come first."""
    if threads == 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]

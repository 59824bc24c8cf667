"""The log as arrays: dictionary-encoded, sorted by entity and time, ready for the kernel.

The same class holds one contact's fifty inline events and a whole log. Codes follow the order of the texts,
so that "the larger code" means the same for a table, a single history and plain SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.schema import VALUE_LIMIT, VALUE_SCALE

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

#: Stands for "no value" in fixed-point columns, and for "no time".
MISSING = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Timeline:
    """Events grouped by an entity (contact or account), ascending in time within it.

    Attributes:
        start: (entities + 1,) where each entity's events begin.
        occurred, received: (events,) microseconds UTC.
        pair: (events,) code of the (type, detail) pair. value: (events,) in millionths, or MISSING.
        contact, account: (events,) codes; an account of -1 is none.
    """

    start: Ints
    occurred: Ints
    received: Ints
    pair: Codes
    value: Ints
    contact: Codes
    account: Codes


@dataclass(frozen=True)
class Facts:
    """Attributes grouped by an entity; `name` and `value` are codes, a value of -1 is an emptied attribute."""

    start: Ints
    occurred: Ints
    received: Ints
    name: Codes
    value: Codes


@dataclass(frozen=True)
class LogArrays:
    """A log (or one history) as arrays. Texts are sorted; a pair is a type and a detail (or None).

    `contacts`, `accounts` are lists for one history and Arrow arrays for a table; use `contact_codes`.
    """

    contacts: Any
    accounts: Any
    pairs: list[tuple[str, str | None]]
    names: list[str]
    values: list[str]
    events: Timeline
    contact_facts: Facts
    account_facts: Facts

    @staticmethod
    def from_tables(events: pa.Table, attributes: pa.Table) -> LogArrays:
        """From the log's two tables (columns of `engagement.schema`), in any order."""
        events, attributes = events.combine_chunks(), attributes.combine_chunks()
        contacts = _sorted_texts(events["contact_id"], attributes["contact_id"])
        accounts = _sorted_texts(events["account_id"], attributes["account_id"])
        pairs, pair = _pair_codes(events)
        contact = _codes(events["contact_id"], contacts)
        account = _codes(events["account_id"], accounts)
        timeline = _timeline(
            contact,
            len(contacts),
            occurred=_micros(events["occurred_at"]),
            received=_micros(events["received_at"]),
            pair=pair,
            value=fixed_point(events["value"]),
            contact=contact,
            account=account,
        )
        names = _sorted_texts(attributes["name"])
        values = _sorted_texts(attributes["value"])
        columns = (
            _micros(attributes["occurred_at"]),
            _micros(attributes["received_at"]),
            _codes(attributes["name"], names),
            _codes(attributes["value"], values),
        )
        whose = _codes(attributes["contact_id"], contacts), _codes(attributes["account_id"], accounts)
        return LogArrays(
            contacts,
            accounts,
            pairs,
            names.to_pylist(),
            values.to_pylist(),
            timeline,
            _facts(whose[0], len(contacts), *columns),
            _facts(np.where(whose[0] < 0, whose[1], -1), len(accounts), *columns),
        )

    @staticmethod
    def from_events(events: Sequence[Event], attributes: Sequence[Attribute] = ()) -> LogArrays:
        """From decoded events: the online path, without Arrow. Order does not matter."""
        from features.online import arrays_from_events

        return arrays_from_events(events, attributes)

    def contact_codes(self, contact_ids: Sequence[str] | pa.Array) -> Codes:
        """(rows,) the codes of these contacts; -1 for those that the log does not know."""
        if isinstance(self.contacts, list):
            known = {contact: code for code, contact in enumerate(self.contacts)}
            ids = contact_ids.to_pylist() if isinstance(contact_ids, pa.Array) else contact_ids
            return np.array([known.get(contact, -1) for contact in ids], np.int32)
        return _codes(pa.array(contact_ids, pa.string()), self.contacts)

    @cached_property
    def details(self) -> tuple[list[str], Codes]:
        """The distinct details, sorted, and (pairs,) the code of each pair's; -1 for none."""
        texts = sorted({detail for _, detail in self.pairs if detail is not None})
        code = {text: i for i, text in enumerate(texts)}
        return texts, np.array([-1 if d is None else code[d] for _, d in self.pairs], np.int32)

    @cached_property
    def by_account(self) -> Timeline:
        """The events that carry an account, grouped by it."""
        at = self.events
        keep = np.flatnonzero(at.account >= 0)
        account = at.account[keep]
        return _timeline(
            account,
            len(self.accounts),
            occurred=at.occurred[keep],
            received=at.received[keep],
            pair=at.pair[keep],
            value=at.value[keep],
            contact=at.contact[keep],
            account=account,
        )


def fixed_point(values: pa.ChunkedArray | npt.NDArray[np.float64]) -> Ints:
    """Numbers as integers of a millionth, rounded half to even; null and NaN become MISSING.

    Raises:
        BadInput: a value outside ±VALUE_LIMIT: it would not fit.
    """
    numbers = values if isinstance(values, np.ndarray) else values.to_numpy().astype(np.float64)
    missing = np.isnan(numbers)
    if missing.all():
        return np.full(len(numbers), MISSING, np.int64)
    off = np.flatnonzero(~missing & ~(np.abs(numbers) <= VALUE_LIMIT))
    if len(off):
        raise BadInput("a value too large to add up exactly", float(numbers[off[0]]), f"At most {VALUE_LIMIT:g}.")
    scaled = np.rint(np.where(missing, 0.0, numbers) * VALUE_SCALE).astype(np.int64)
    return np.where(missing, MISSING, scaled)


def _sorted_texts(*columns: pa.ChunkedArray) -> pa.Array:
    chunks = []
    for column in columns:
        unique = column.unique()
        chunks.append(unique.combine_chunks() if isinstance(unique, pa.ChunkedArray) else unique)
    merged = pa.concat_arrays(chunks).unique().drop_null()
    return merged.take(pc.sort_indices(merged))


def _codes(column: pa.ChunkedArray | pa.Array, texts: pa.Array) -> Codes:
    found = pc.fill_null(pc.index_in(column, texts), -1)
    codes = found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
    return np.asarray(codes, np.int32)


def _micros(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _pair_codes(events: pa.Table) -> tuple[list[tuple[str, str | None]], Codes]:
    types, details = _sorted_texts(events["type"]), _sorted_texts(events["detail"])
    width = len(details) + 1  # a missing detail comes first
    joined = _codes(events["type"], types).astype(np.int64) * width + (_codes(events["detail"], details) + 1)
    distinct, pair = np.unique(joined, return_inverse=True)
    type_list, detail_list = types.to_pylist(), [None, *details.to_pylist()]
    pairs = [(type_list[code // width], detail_list[code % width]) for code in distinct.tolist()]
    return pairs, pair.astype(np.int32)


def _timeline(
    entity: Codes,
    entities: int,
    *,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    value: Ints,
    contact: Codes,
    account: Codes,
) -> Timeline:
    order = np.lexsort((occurred, entity))
    return Timeline(
        starts(entity, entities),
        occurred[order],
        received[order],
        pair[order],
        value[order],
        contact[order],
        account[order],
    )


def starts(entity: Codes, entities: int) -> Ints:
    """(entities + 1,) where each entity begins among rows sorted by it."""
    start = np.zeros(entities + 1, np.int64)
    np.cumsum(np.bincount(entity, minlength=entities), out=start[1:])
    return start


def _facts(entity: Codes, entities: int, occurred: Ints, received: Ints, name: Codes, value: Codes) -> Facts:
    keep = np.flatnonzero(entity >= 0)
    order = keep[np.argsort(entity[keep], kind="stable")]
    return Facts(starts(entity[keep], entities), occurred[order], received[order], name[order], value[order])

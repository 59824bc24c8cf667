"""The log as arrays: dictionary-encoded, sorted by entity and time, ready for the kernel.

The same class holds one contact's fifty inline events and a whole log. Codes follow the order of the texts,
so that "the larger code" means the same for a table, a single history and plain SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.schema import VALUE_LIMIT, VALUE_SCALE
from features import kernel_lookup, kernel_sort
from features.encode import codes_of, encode, encode_pairs
from features.trust import machines

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

#: Stands for "no value" in fixed-point columns, and for "no time".
MISSING = np.iinfo(np.int64).min

#: Below so many rows a second thread costs more than it gives.
_SHORT = 100_000


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
    `machine` (pairs,) tells the pairs whose events machines made (`features.trust`); a pair that persons and
    machines made stands twice in `pairs`, the person's first.
    """

    contacts: Any
    accounts: Any
    pairs: list[tuple[str, str | None]]
    machine: npt.NDArray[np.bool_]
    names: list[str]
    values: list[str]
    events: Timeline
    contact_facts: Facts
    account_facts: Facts

    @staticmethod
    def from_tables(events: pa.Table, attributes: pa.Table) -> LogArrays:
        """From the log's two tables (columns of `engagement.schema`), in any order."""
        contacts, (contact, whose) = encode(events["contact_id"], attributes["contact_id"])
        accounts, (account, whose_account) = encode(events["account_id"], attributes["account_id"])
        kinds, (kind,) = encode(events["type"])
        details, (detail,) = encode(events["detail"])
        pairs, machine, pair = encode_pairs((kinds, kind), (details, detail), machines(events["properties"]))
        timeline = group_events(
            contact,
            len(contacts),
            occurred=_micros(events["occurred_at"]),
            received=_micros(events["received_at"]),
            pair=pair,
            value=fixed_point(events["value"]),
            account=account if len(accounts) else None,
        )
        names, (name,) = encode(attributes["name"])
        values, (value,) = encode(attributes["value"])
        columns = _micros(attributes["occurred_at"]), _micros(attributes["received_at"]), name, value
        return LogArrays(
            contacts,
            accounts,
            pairs,
            machine,
            names.to_pylist(),
            values.to_pylist(),
            timeline,
            _facts(whose, len(contacts), *columns),
            _facts(np.where(whose < 0, whose_account, -1), len(accounts), *columns),
        )

    @staticmethod
    def from_events(events: Sequence[Event], attributes: Sequence[Attribute] = ()) -> LogArrays:
        """From decoded events: the online path, without Arrow. Order does not matter."""
        from features.online import arrays_from_events

        return arrays_from_events(events, attributes)

    def contact_codes(self, contact_ids: Sequence[str] | pa.Array) -> Codes:
        """(rows,) the codes of these contacts; -1 for those that the log does not know."""
        return _codes_among(self.contacts, contact_ids)

    def account_codes(self, account_ids: Sequence[str | None] | pa.Array) -> Codes:
        """(rows,) the codes of these accounts; -1 for none and for those that the log does not know."""
        return _codes_among(self.accounts, account_ids)

    def accounts_at(self, contact: Codes, cutoffs: Ints) -> Codes:
        """(rows,) the account code of each contact as known at its cutoff (microseconds UTC); -1 for none."""
        at, account = self.events, np.empty(len(contact), np.int32)
        kernel_lookup.accounts_at(at.start, at.occurred, at.received, at.account, contact, cutoffs, account)
        return account

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
        return group_events(
            account,
            len(self.accounts),
            occurred=at.occurred[keep],
            received=at.received[keep],
            pair=at.pair[keep],
            value=at.value[keep],
            contact=at.contact[keep],
        )


def _codes_among(known: Any, ids: Any) -> Codes:
    if isinstance(known, list):
        code_of = {text: code for code, text in enumerate(known)}
        return np.array(
            [code_of.get(one, -1) for one in (ids.to_pylist() if isinstance(ids, pa.Array) else ids)], np.int32
        )
    return codes_of(pa.array(ids, pa.string()), known)


def fixed_point(values: pa.ChunkedArray | npt.NDArray[np.float64]) -> Ints:
    """Numbers as integers of a millionth, rounded half to even; null and NaN become MISSING.

    Raises:
        BadInput: a value outside ±VALUE_LIMIT: it would not fit.
    """
    numbers = values if isinstance(values, np.ndarray) else values.to_numpy().astype(np.float64)
    out = np.empty(len(numbers), np.int64)
    off = kernel_sort.to_fixed_point(np.ascontiguousarray(numbers), float(VALUE_SCALE), VALUE_LIMIT, out)
    if off >= 0:
        raise BadInput("a value too large to add up exactly", float(numbers[off]), f"At most {VALUE_LIMIT:g}.")
    return out


def _micros(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def group_events(
    entity: Codes,
    entities: int,
    *,
    occurred: Ints,
    received: Ints,
    pair: Codes,
    value: Ints,
    contact: Codes | None = None,
    account: Codes | None = None,
) -> Timeline:
    """Rows grouped by entity and sorted by time, by two threads.

    Without `contact` the entity is the contact; without `account` it is the account, or there is none.
    """
    start = starts(entity, entities)
    other = contact if contact is not None else account
    empty = np.zeros(0, np.int32)
    other = empty if other is None else other
    value = value[:0] if len(value) and value.max() == MISSING else value
    columns = (occurred, received, pair, value, other)
    grouped: list[Any] = [np.empty_like(column) for column in columns]
    place = start[:-1].copy()
    # Ranges of entities with about as many rows each; a thread writes only its own.
    cuts = [0, int(np.searchsorted(start, len(entity) // 2)), entities]

    def work(low: int, high: int) -> None:
        kernel_sort.scatter(entity, place, low, high, *columns, *grouped)
        kernel_sort.sort_within(start, low, high, *grouped)

    if len(entity) < _SHORT:
        work(0, entities)
    else:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, cuts[:-1], cuts[1:]))
    owner = np.repeat(np.arange(entities, dtype=np.int32), np.diff(start))
    of_contacts = contact is None
    none = np.full(len(entity) if of_contacts and account is None else 0, -1, np.int32)
    return Timeline(
        start,
        grouped[0],
        grouped[1],
        grouped[2],
        grouped[3] if len(value) else np.full(len(entity), MISSING, np.int64),
        owner if of_contacts else grouped[4],
        (grouped[4] if account is not None else none) if of_contacts else owner,
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

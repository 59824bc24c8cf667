"""A set of declarations and the one way to compute it, for a batch, a stream, or a single contact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from features import kernel, memory
from features.arrays import Codes, Ints, LogArrays, Timeline
from features.attributes import AttributeColumns
from features.declare import AsOf, Feature, is_category
from features.declared import check, from_json, to_json
from features.program import Program

Floats = npt.NDArray[np.float64]

#: Rows are shared out to threads in portions of at least this many.
_ROWS_A_THREAD = 2_000


@dataclass(frozen=True)
class FeatureSet:
    """Declarations in column order.

    Raises:
        BadInput: two declarations with the same name, or one with values that it cannot have.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        for feature in self.features:
            check(feature)
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise BadInput("two features have the same name", name, "Exclude one of the types in mqm.toml.")
            seen.add(name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def category_columns(self) -> list[int]:
        """Which columns hold places in a list of categories."""
        return [i for i, feature in enumerate(self.features) if is_category(feature)]

    def to_json(self) -> list[dict[str, Any]]:
        """The declarations as they stand in `features.json`."""
        return [to_json(feature) for feature in self.features]

    @staticmethod
    def from_json(body: list[dict[str, Any]]) -> FeatureSet:
        """What `to_json` wrote."""
        return FeatureSet(tuple(from_json(one) for one in body))

    @property
    def digest(self) -> str:
        """SHA-256 of the declarations."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def compute(
        self,
        arrays: LogArrays,
        contact_ids: Sequence[str] | pa.Array,
        cutoffs: Sequence[int] | Ints,
        threads: int = 1,
        accounts: Sequence[str | None] | pa.Array | None = None,
        out: Floats | None = None,
    ) -> Floats:
        """(rows, features) each row computed from what was known of that contact at its cutoff, in row order.

        Args:
            contact_ids: (rows,) whose; an unknown contact has a row without any history.
            cutoffs: (rows,) microseconds UTC; events at the cutoff, or received after it, are not seen.
            accounts: (rows,) the contact's account at the cutoff, where the arrays hold an account's events but
                not all of its contacts'; otherwise that of the contact's last known event.
            out: (rows, features) to be filled and returned; a new one where there is none.

        Raises:
            BadInput: a sum too large for fixed-point arithmetic.
        """
        contact = arrays.contact_codes(contact_ids)
        moments = np.ascontiguousarray(cutoffs, np.int64)
        account = self._accounts(arrays, contact, moments, accounts)
        out = memory.empty((len(contact), len(self.features)), np.float64) if out is None else out
        if threads > 1 and len(contact) >= 2 * _ROWS_A_THREAD:
            cuts = np.linspace(0, len(contact), threads + 1).astype(int)
            with ThreadPoolExecutor(threads) as pool:
                parts = [slice(a, b) for a, b in pairwise(cuts)]
                list(pool.map(lambda p: self._rows(arrays, contact[p], account[p], moments[p], out[p]), parts))
        else:
            self._rows(arrays, contact, account, moments, out)
        return out

    def _accounts(self, arrays: LogArrays, contact: Codes, cutoffs: Ints, known: Any) -> Codes:
        """(rows,) account codes, -1 where there is none; the contacts' where no feature asks for them."""
        if not self._needs_account:
            return contact
        _ = arrays.by_account  # sorted once, not by each thread
        return arrays.accounts_at(contact, cutoffs) if known is None else arrays.account_codes(known)

    def _rows(self, arrays: LogArrays, contact: Codes, account: Codes, cutoffs: Ints, out: Floats) -> None:
        of_contact, of_account = self._programs
        if of_contact:
            _fill(of_contact, arrays, arrays.events, contact, contact, cutoffs, out)
        if of_account:
            _fill(of_account, arrays, arrays.by_account, account, contact, cutoffs, out)
        facts_of_contact, facts_of_account = self._attributes
        if facts_of_contact:
            facts_of_contact.fill(arrays.contact_facts, arrays.names, arrays.values, contact, cutoffs, out)
        if facts_of_account:
            facts_of_account.fill(arrays.account_facts, arrays.names, arrays.values, account, cutoffs, out)

    @cached_property
    def _programs(self) -> tuple[Program | None, Program | None]:
        of_level: list[Program | None] = []
        for level in ("contact", "account"):
            members = [(i, f) for i, f in enumerate(self.features) if f.level == level and not isinstance(f, AsOf)]
            of_level.append(Program.compile(members) if members else None)
        return of_level[0], of_level[1]

    @cached_property
    def _attributes(self) -> tuple[AttributeColumns | None, AttributeColumns | None]:
        of_level: list[AttributeColumns | None] = []
        for level in ("contact", "account"):
            members = [(i, f) for i, f in enumerate(self.features) if isinstance(f, AsOf) and f.level == level]
            of_level.append(AttributeColumns.of(members) if members else None)
        return of_level[0], of_level[1]

    @cached_property
    def _needs_account(self) -> bool:
        return any(feature.level == "account" for feature in self.features)


def _fill(
    program: Program,
    arrays: LogArrays,
    timeline: Timeline,
    entity: Codes,
    self_contact: Codes,
    cutoffs: Ints,
    out: Floats,
) -> None:
    details, detail_of_pair = arrays.details
    layout = program.layout
    overflow = kernel.fill(
        timeline.start,
        timeline.occurred,
        timeline.received,
        timeline.pair,
        timeline.value,
        timeline.contact,
        entity,
        self_contact,
        cutoffs,
        program.keys(arrays.pairs, arrays.machine),
        detail_of_pair,
        program.tasks_start,
        program.tasks,
        *layout.stamped(len(details), len(arrays.contacts)),
        layout.sums,
        layout.totals,
        layout.lows,
        program.windows,
        program.steps,
        program.places(details),
        out,
    )
    if overflow >= 0:
        raise BadInput("a sum of values too large to add up exactly", None, "Check the values' unit.")

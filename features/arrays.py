"""The log as arrays: dictionary-encoded, sorted by entity and time, ready for the kernel.

The same class holds one contact's fifty inline events and a whole log. Codes follow the order of the texts,
so that "the larger code" means the same for a table, a single history and plain SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.events import Attribute, Event
from features import kernel_lookup, kernel_parts
from features.encode import Texts
from features.online import fields_of_events
from features.parts import text_buffers
from features.tables import EVENT_COLUMNS, by_account, fields_of_tables
from features.timeline import MISSING, Codes, Facts, Ints, Timeline

__all__ = ["EVENT_COLUMNS", "MISSING", "Codes", "Facts", "Ints", "LogArrays", "Timeline"]


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
    def from_tables(events: pa.Table, attributes: pa.Table, threads: int | None = None) -> LogArrays:
        """From the log's two tables (columns of `engagement.schema`), in any order; texts may be dictionaries.

        Of events `EVENT_COLUMNS` are looked at. Rows that are grouped by contact and in order of time already stay
        where they are. Without `threads`, a long log is read by two.

        Raises:
            BadInput: a value too large to add up exactly.
        """
        return LogArrays(*fields_of_tables(events, attributes, threads))

    @staticmethod
    def from_events(events: Sequence[Event], attributes: Sequence[Attribute] = ()) -> LogArrays:
        """From decoded events, in any order: the online path, without Arrow.

        Raises:
            BadInput: a value too large to add up exactly.
        """
        return LogArrays(*fields_of_events(events, attributes))

    def contact_codes(self, contact_ids: Sequence[str] | pa.Array) -> Codes:
        """(rows,) the codes of these contacts; -1 for those that the log does not know."""
        return self._contact_code(contact_ids)

    def account_codes(self, account_ids: Sequence[str | None] | pa.Array) -> Codes:
        """(rows,) the codes of these accounts; -1 for none and for those that the log does not know."""
        return self._account_code(account_ids)

    def accounts_at(self, contact: Codes, cutoffs: Ints) -> Codes:
        """(rows,) the account code of each contact as known at its cutoff (microseconds UTC); -1 for none."""
        at, account = self.events, np.empty(len(contact), np.int32)
        kernel_lookup.accounts_at(at.start, at.occurred, at.received, at.account, contact, cutoffs, account)
        return account

    @cached_property
    def _contact_code(self) -> Callable[[Any], Codes]:
        return _index(self.contacts)

    @cached_property
    def _account_code(self) -> Callable[[Any], Codes]:
        return _index(self.accounts)

    @cached_property
    def details(self) -> tuple[list[str], Codes]:
        """The distinct details, sorted, and (pairs,) the code of each pair's; -1 for none."""
        texts = sorted({detail for _, detail in self.pairs if detail is not None})
        code = {text: i for i, text in enumerate(texts)}
        return texts, np.array([-1 if d is None else code[d] for _, d in self.pairs], np.int32)

    @cached_property
    def by_account(self) -> Timeline:
        """The events that carry an account, grouped by it."""
        return by_account(self.events, len(self.accounts))


def _index(texts: list[str] | pa.Array) -> Callable[[Any], Codes]:
    """A function of ids that tells (rows,) their codes among these texts; -1 for others."""
    if isinstance(texts, list):
        code_of = {text: code for code, text in enumerate(texts)}
        return lambda ids: np.array([code_of.get(one, -1) for one in _listed(ids)], np.int32)

    @cache
    def known() -> Texts:
        found = Texts()
        found.encode(texts, np.empty(len(texts), np.int32))  # they are distinct: each one's code is its place
        return found

    def places(ids: Any) -> Codes:
        ids, place = pa.array(ids, pa.string()), np.empty(len(ids), np.int32)
        ascending = not ids.null_count and kernel_parts.placed(*text_buffers(ids), *text_buffers(texts), place)
        return place if ascending else known().find(ids)

    return places


def _listed(ids: Any) -> list[str | None]:
    return ids.to_pylist() if isinstance(ids, pa.Array) else list(ids)

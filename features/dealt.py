"""A log dealt out once into parts on disk that hold whole contacts, and parts that hold whole accounts.

Parquet files that are grouped by contact serve as they are; only their accounts are dealt out, when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from engagement.errors import EmptyLog
from engagement.log import Log
from engagement.pieces import ATTRIBUTE_TABLE, EVENT_TABLE, about_rows, batches
from engagement.schema import ATTRIBUTES, EVENTS, REQUIRED
from features.grouped import NotGrouped, Stretch, rule_of, stretches, whole_contacts
from features.parts import ByHash, Parts, Rule, joined
from features.slim import slim
from features.spread import spread

#: Events in a part, about: some parts are in memory at a time. Of a log that makes many, parts may be twice as large:
#: to deal rows out to twice as many costs a tenth more for each.
EVENTS_A_PART, MANY = 1 << 20, 48
#: Files that serve as they are can be read in smaller parts: threads end at about the same time.
_STRETCH = 1 << 18
#: Rows that are dealt out together: about so many for each part, which is read piece by piece, within bounds.
_EACH, _THICK, _THICKEST = 1 << 14, 1 << 19, 1 << 21
#: What features and label times look at.
_NEEDED = pa.schema([field.with_nullable(True) for field in EVENTS if field.name != "event_id"])


class Part(NamedTuple):
    """A part's number, and what reads its events and its attributes: columns of `engagement.schema`.

    Whoever works on a part reads it, so that several are read at a time.
    """

    number: int
    events: Callable[[], pa.Table]
    attributes: Callable[[], pa.Table]


class DealtLog:
    """A log in parts. Nothing is read before it is asked for.

    Args:
        folder: a folder for the parts; whoever made it removes it.
        accounts: whether accounts will be asked for too, so that the events need to be read only once.

    Attributes:
        why: what keeps the log's own files from serving as parts; "" where nothing does.
        by_contact, by_account: which part a contact (an account) is in.
    """

    def __init__(
        self, log: Log, folder: Path, threads: int = 2, events_a_part: int = EVENTS_A_PART, accounts: bool = True
    ) -> None:
        self._log, self._folder, self._threads, self._accounts = log, folder, threads, accounts
        self._stretches: list[Stretch] = []
        self.why = ""
        try:
            self._stretches = stretches(log, min(events_a_part, _STRETCH))
        except NotGrouped as error:
            self.why = str(error)
        self._contact_parts: Parts | None = None
        self._account_parts: Parts | None = None
        self._last: int | None = None
        rows = about_rows(log, EVENT_TABLE)
        count = max(1, -(-rows // min(max(events_a_part, rows // MANY), 2 * events_a_part)))
        self.by_contact: Rule = rule_of(self._stretches) if self._stretches else ByHash(count)
        self.by_account = ByHash(count)

    def whole_contacts(self, without: Collection[str] = (), wanted: Collection[int] | None = None) -> Iterator[Part]:
        """The parts that hold whole contacts (those wanted, by number), with the contacts' attributes.

        Args:
            without: optional columns that nobody will look at; they may be null.

        Raises:
            BadInput, EmptyLog: as the log itself; here it is read and checked for the first time.
        """
        facts = self._facts[0]
        if self._stretches:
            found = whole_contacts(self._stretches, without, wanted)
        else:
            if self._contact_parts is None:
                self._deal(contacts=True, accounts=self._accounts and self._account_parts is None)
            found = _read(self._contact_parts, self.by_contact.count, wanted)
        for number, events in found:
            yield Part(number, events, partial(facts.read, number))

    def whole_accounts(self, wanted: Collection[int] | None = None) -> Iterator[Part]:
        """The parts that hold whole accounts (those wanted, by number), with the accounts' attributes."""
        if self._account_parts is None:
            self._deal(contacts=False, accounts=True)
        for number, events in _read(self._account_parts, self.by_account.count, wanted):
            yield Part(number, events, partial(self._facts[1].read, number))

    def account_attributes(self) -> Iterator[pa.Table]:
        """The attributes of accounts, part by part."""
        return (self._facts[1].read(number) for number in range(self.by_account.count))

    def scratch(self) -> TemporaryDirectory[str]:
        """A folder for what one computation needs; it goes when that ends."""
        return TemporaryDirectory(dir=self._folder)

    @property
    def last_occurred(self) -> int:
        """When the last event happened (microseconds UTC)."""
        if self._last is None:
            optional = [name for name in EVENTS.names if name not in REQUIRED]
            found = spread(_last, batches(self._log, EVENT_TABLE, optional), self._threads)
            self._last = max(found, default=None)
        if self._last is None:
            raise EmptyLog("the log holds no events", self._log.location, "Import some with mqm import.")
        return self._last

    def _deal(self, contacts: bool, accounts: bool) -> None:
        """Reads the events once and deals them out, by contact or account or both."""
        if contacts:
            self._contact_parts = Parts(self._folder / "contacts", self.by_contact.count, _NEEDED)
        if accounts:
            self._account_parts = Parts(self._folder / "accounts", self.by_account.count, _NEEDED)

        def work(batch: pa.Table) -> int:
            events = slim(batch)
            if contacts and self._contact_parts is not None:
                self._contact_parts.add(events, self.by_contact.of(events["contact_id"]))
            if accounts and self._account_parts is not None and "account_id" in events.column_names:
                theirs = events.filter(pc.is_valid(events["account_id"]))
                self._account_parts.add(theirs, self.by_account.of(theirs["account_id"]))
            return _last(batch)

        thick = _thick(batches(self._log, EVENT_TABLE), self.by_contact.count)
        last = max(spread(work, thick, self._threads), default=None)
        if last is None:
            raise EmptyLog("the log holds no events", self._log.location, "Import some with mqm import.")
        self._last = last

    @cached_property
    def _facts(self) -> tuple[Parts, Parts]:
        """The attributes of contacts, in the parts of the contacts, and of accounts, in those of the accounts."""
        of_contacts = Parts(self._folder / "contact-facts", self.by_contact.count, ATTRIBUTES)
        of_accounts = Parts(self._folder / "account-facts", self.by_account.count, ATTRIBUTES)
        for batch in _thick(batches(self._log, ATTRIBUTE_TABLE), self.by_contact.count):
            named = pc.is_valid(batch["contact_id"])
            own, theirs = batch.filter(named), batch.filter(pc.invert(named))
            of_contacts.add(own, self.by_contact.of(own["contact_id"]))
            of_accounts.add(theirs, self.by_account.of(theirs["account_id"]))
        return of_contacts, of_accounts


def _read(
    parts: Parts | None, count: int, wanted: Collection[int] | None
) -> Iterator[tuple[int, Callable[[], pa.Table]]]:
    for number in range(count) if wanted is None else sorted(wanted):
        yield number, _NEEDED.empty_table if parts is None else partial(parts.read, number)


def _thick(some: Iterator[pa.Table], parts: int) -> Iterator[pa.Table]:
    """The same rows in fewer, larger tables: each that is dealt out is a file that every part is read from."""
    waiting: list[pa.Table] = []
    rows = min(max(_EACH * parts, _THICK), _THICKEST)
    for table in some:
        if len(table):
            waiting.append(table)
        if sum(map(len, waiting)) >= rows:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def _last(batch: pa.Table) -> int:
    return int(pc.max(batch["occurred_at"]).cast(pa.int64()).as_py())

"""One history as arrays: what `LogArrays.from_events` does, without Arrow, in microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engagement.events import Attribute, Event
from features.grouping import starts
from features.millionths import fixed_point
from features.tables import Fields
from features.timeline import MISSING, Codes, Facts, Ints, Timeline
from features.trust import by_machine


def fields_of_events(events: Sequence[Event], attributes: Sequence[Attribute]) -> Fields:
    """The fields of `LogArrays` of some decoded events and attributes, in any order."""
    contacts = sorted({e.contact_id for e in events} | {a.contact_id for a in attributes if a.contact_id is not None})
    accounts = sorted(
        {e.account_id for e in events if e.account_id is not None}
        | {a.account_id for a in attributes if a.contact_id is None and a.account_id is not None}
    )
    kinds = sorted({(e.type, e.detail, by_machine(e.properties)) for e in events}, key=_null_first)
    names = sorted({a.name for a in attributes})
    values = sorted({a.value for a in attributes if a.value is not None})
    contact_code, account_code = _index(contacts), _index(accounts)
    kind_code = {kind: code for code, kind in enumerate(kinds)}
    rows = sorted(events, key=lambda e: (e.contact_id, e.occurred_at))
    contact = _codes(contact_code[e.contact_id] for e in rows)
    timeline = Timeline(
        starts(contact, len(contacts)),
        np.array([e.occurred_at for e in rows], np.int64),
        np.array([e.received_at for e in rows], np.int64),
        _codes(kind_code[e.type, e.detail, by_machine(e.properties)] for e in rows),
        _values(rows),
        contact,
        _codes(-1 if e.account_id is None else account_code[e.account_id] for e in rows),
    )
    name_code, value_code = _index(names), _index(values)
    of_contacts = [(contact_code[a.contact_id], a) for a in attributes if a.contact_id is not None]
    of_accounts = [
        (account_code[a.account_id], a) for a in attributes if a.contact_id is None and a.account_id is not None
    ]
    return (
        contacts,
        accounts,
        [(kind, detail) for kind, detail, _ in kinds],
        np.array([machine for _, _, machine in kinds], np.bool_),
        names,
        values,
        timeline,
        _facts(of_contacts, len(contacts), name_code, value_code),
        _facts(of_accounts, len(accounts), name_code, value_code),
    )


def _facts(owned: list[tuple[int, Attribute]], entities: int, names: dict[str, int], values: dict[str, int]) -> Facts:
    owned.sort(key=lambda pair: pair[0])
    return Facts(
        starts(_codes(code for code, _ in owned), entities),
        np.array([a.occurred_at for _, a in owned], np.int64),
        np.array([a.received_at for _, a in owned], np.int64),
        _codes(names[a.name] for _, a in owned),
        _codes(-1 if a.value is None else values[a.value] for _, a in owned),
    )


def _values(rows: list[Event]) -> Ints:
    if all(e.value is None for e in rows):
        return np.full(len(rows), MISSING, np.int64)
    return fixed_point(np.array([np.nan if e.value is None else e.value for e in rows], np.float64))


def _codes(codes: Iterable[int]) -> Codes:
    return np.fromiter(codes, np.int32)


def _index(texts: list[str]) -> dict[str, int]:
    return {text: code for code, text in enumerate(texts)}


def _null_first(kind: tuple[str, str | None, bool]) -> tuple[str, bool, str, bool]:
    return kind[0], kind[1] is not None, kind[1] or "", kind[2]

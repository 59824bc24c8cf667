"""Declarations compiled for the kernel: which slots an event belongs to, and how tables become columns.

A slot is what declarations of one level about the same events share: (type, detail), (type), or any event. The
program depends on the declarations alone, so it is made once for a model and serves every log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features import kernel
from features.arrays import Codes, Ints
from features.declare import Feature, LastDetail

Slot = tuple[str | None, str | None]

_OPS = {
    "count": (kernel.COUNT, 0),
    "sum": (kernel.SUM, kernel.NEEDS_SUM),
    "days": (kernel.DAYS, kernel.NEEDS_DAYS),
    "distinct": (kernel.DISTINCT, kernel.NEEDS_DISTINCT),
    "colleagues": (kernel.COLLEAGUES, kernel.NEEDS_PEOPLE),
    "recency": (kernel.RECENCY, 0),
    "first": (kernel.FIRST, 0),
    "last_value": (kernel.LAST_VALUE, kernel.NEEDS_VALUE),
    "last_detail": (kernel.LAST_DETAIL, kernel.NEEDS_DETAIL),
}


@dataclass(frozen=True)
class Program:
    """One level's declarations, compiled; see `kernel.fill` for the arrays."""

    key_of: dict[Slot, int]
    slots_start: Codes
    slots: Codes
    needs: Codes
    windows: Ints
    op: Codes
    op_slot: Codes
    op_window: Codes
    column: Codes
    places: list[tuple[int, dict[str, int]]]  # (step, place of each detail)

    @staticmethod
    def compile(features: Sequence[tuple[int, Feature]]) -> Program:
        """The program of these declarations, each with its column."""
        slots: dict[Slot, int] = {}
        for _, feature in features:
            slots.setdefault((feature.type, feature.detail), len(slots))
        windows = sorted({f.window for _, f in features if f.window is not None})
        window_place = {window: place for place, window in enumerate(windows)} | {None: len(windows)}
        needs = np.zeros(len(slots), np.int32)
        steps: list[tuple[int, int, int, int]] = []
        places: list[tuple[int, dict[str, int]]] = []
        for column, feature in features:
            slot = slots[feature.type, feature.detail]
            code, need = _OPS[feature.op]
            needs[slot] |= need
            if isinstance(feature, LastDetail):
                places.append((len(steps), {d: i for i, d in enumerate(feature.categories)}))
            steps.append((code, slot, window_place[feature.window], column))
        key_of, slots_start, members = _keys(slots)
        table = np.array(steps, np.int32).reshape(-1, 4)
        op, op_slot, op_window, columns = (np.ascontiguousarray(table[:, i]) for i in range(4))
        windows_array = np.array(windows, np.int64)
        return Program(key_of, slots_start, members, needs, windows_array, op, op_slot, op_window, columns, places)

    def keys(self, pairs: Sequence[Slot]) -> Codes:
        """For each (type, detail) pair of a log: its key, the closest way that it can match."""
        of = self.key_of
        closest = (((kind, detail), (None, detail), (kind, None)) for kind, detail in pairs)
        return np.array([next((of[way] for way in ways if way in of), of[None, None]) for ways in closest], np.int32)

    def categories(self, details: Sequence[str]) -> Codes:
        """(steps, details) the place of each detail in the categories of a `LastDetail` step."""
        if not self.places:
            return np.zeros((len(self.op), 1), np.int32)
        table = np.zeros((len(self.op), max(len(details), 1)), np.int32)
        for step, place in self.places:
            table[step, : len(details)] = [place.get(detail, len(place)) for detail in details]
        return table


def _keys(slots: dict[Slot, int]) -> tuple[dict[Slot, int], Codes, Codes]:
    """Every way an event can match: the pair, its type or detail alone, or neither; and the slots it counts in."""
    keys: dict[Slot, int] = {(None, None): 0}
    kinds = dict.fromkeys(kind for kind, _ in slots)
    for kind, detail in slots:
        keys.setdefault((kind, None), len(keys))
        if detail is not None:
            for its_kind in (kind,) if kind is not None else (None, *kinds):
                keys.setdefault((its_kind, detail), len(keys))
    start, members = [0], list[int]()
    for kind, detail in keys:
        candidates: list[Slot] = [(None, None)]
        if kind is not None:
            candidates.append((kind, None))
        if detail is not None:
            candidates.append((None, detail))
        if kind is not None and detail is not None:
            candidates.append((kind, detail))
        members += [slots[c] for c in candidates if c in slots]
        start.append(len(members))
    return keys, np.array(start, np.int32), np.array(members, np.int32)

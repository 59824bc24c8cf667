"""Declarations compiled for the kernel: which slots an event belongs to, and how cells become columns.

A slot is what declarations of one level about the same events share: their type, their detail, and whether
machines' events count. The program depends on the declarations alone, so it is made once and serves every log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from features.arrays import Codes, Ints
from features.declare import Feature, HourShare, LastDetail, Ratio, StageAge, Trend, WeekdayShare
from features.layout import Layout

Slot = tuple[str | None, str | None, bool]  # type, detail, machines

#: A log may have details without end: so many of its pairs are remembered.
_REMEMBERED = 100_000


@dataclass(frozen=True)
class Program:
    """One level's declarations, compiled; see `kernel.fill` for the arrays."""

    key_of: dict[Slot, int]
    slots_start: Codes
    slots: Codes
    layout: Layout
    windows: Ints
    steps: Codes
    categories: list[dict[str, int]]  # the place of each detail, for each `LastDetail`
    _known: dict[Slot, int] = field(default_factory=dict)

    @staticmethod
    def compile(features: Sequence[tuple[int, Feature]]) -> Program:
        """The program of these declarations, each with its column."""
        slots: dict[Slot, int] = {}
        for _, feature in features:
            slots.setdefault((feature.type, feature.detail, feature.machines), len(slots))
            if isinstance(feature, Ratio):
                slots.setdefault((feature.per, None, feature.machines), len(slots))
        windows = sorted({w for _, f in features for w in (f.window, getattr(f, "against", None)) if w is not None})
        needed = [(slots[f.type, f.detail, f.machines], f.op) for _, f in features]
        layout = Layout.of(len(slots), len(windows) + 1, needed)
        steps: list[tuple[int, ...]] = []
        categories: list[dict[str, int]] = []
        for column, feature in features:
            steps.append((*_step(feature, slots, windows, layout, len(categories)), column))
            if isinstance(feature, LastDetail):
                categories.append({detail: i for i, detail in enumerate(feature.categories)})
        # Steps of one operation stand together: the processor guesses the kernel's branches right.
        table = np.array(sorted(steps), np.int32).reshape(-1, 6)
        return Program(*_keys(slots), layout, np.array(windows, np.int64), table, categories)

    def keys(self, pairs: Sequence[tuple[str, str | None]], machine: npt.NDArray[np.bool_]) -> Codes:
        """(pairs,) for each (type, detail) of a log and whether machines made it: the closest way it can match."""
        return np.array([self._key((*pair, of)) for pair, of in zip(pairs, machine.tolist(), strict=True)], np.int32)

    def _key(self, pair: Slot) -> int:
        key = self._known.get(pair)
        if key is None:
            kind, detail, machine = pair
            ways = ((kind, detail), (None, detail), (kind, None), (None, None))
            key = next(self.key_of[*way, machine] for way in ways if (*way, machine) in self.key_of)
            if len(self._known) < _REMEMBERED:
                self._known[pair] = key
        return key

    def places(self, details: Sequence[str]) -> Codes:
        """(last details, details) the place of each detail in the categories of each `LastDetail`."""
        table = np.zeros((max(len(self.categories), 1), max(len(details), 1)), np.int32)
        for row, place in enumerate(self.categories):
            table[row, : len(details)] = [place.get(detail, len(place)) for detail in details]
        return table


def _step(
    feature: Feature, slots: dict[Slot, int], windows: list[int], layout: Layout, category: int
) -> tuple[int, int, int, int, int]:
    """The kernel's CODE, FIRST, OTHER, EXTRA and WINDOW."""
    slot = slots[feature.type, feature.detail, feature.machines]
    window = len(windows) if feature.window is None else windows.index(feature.window)
    code, table, part = layout.operation(feature.op)
    if isinstance(feature, StageAge) and feature.each:
        code, table, part = layout.operation("recency")
    first, other, extra = layout.cell(slot, table, part, window), -1, category
    if isinstance(feature, Trend):
        other = layout.count(slot, windows.index(feature.against))
    elif isinstance(feature, Ratio):
        other = layout.count(slots[feature.per, None, feature.machines], window)
    elif feature.op in ("gap_mean", "gap_spread"):
        other = layout.count(slot, window)
    elif feature.op == "last_value":
        other = first - 1
    elif isinstance(feature, HourShare):
        extra = sum(1 << hour for hour in range(*feature.hours))
    elif isinstance(feature, WeekdayShare):
        extra = sum(1 << (24 + weekday) for weekday in feature.weekdays)
    return code, first, other, extra, window


def _keys(slots: dict[Slot, int]) -> tuple[dict[Slot, int], Codes, Codes]:
    """Every way an event can match: the pair, its type or detail alone, or neither; and the slots it counts in."""
    ways: dict[tuple[str | None, str | None], None] = {(None, None): None}
    kinds = dict.fromkeys(kind for kind, _, _ in slots)
    for kind, detail, _ in slots:
        ways.setdefault((kind, None))
        if detail is not None:
            for its_kind in (kind,) if kind is not None else (None, *kinds):
                ways.setdefault((its_kind, detail))
    keys: dict[Slot, int] = {}
    start, members = [0], list[int]()
    for machine in (False, True):
        for kind, detail in ways:
            keys[kind, detail, machine] = len(keys)
            wider = dict.fromkeys(((None, None), (kind, None), (None, detail), (kind, detail)))
            everyones = [(*way, True) for way in wider]
            peoples = [] if machine else [(*way, False) for way in wider]
            members += [slots[way] for way in (*everyones, *peoples) if way in slots]
            start.append(len(members))
    return keys, np.array(start, np.int32), np.array(members, np.int32)

"""Declarations compiled for the kernel: which slots an event belongs to, and how cells become columns.

A slot is what declarations of one level about the same events share: their type, their detail, and whether
machines' events count. The program depends on the declarations alone, so it is made once and serves every log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import Codes, Ints
from features.attributes import Places
from features.declare import Feature, HourShare, LastDetail, Ratio, StageAge, Trend, WeekdayShare
from features.layout import Layout

Pair = tuple[str | None, str | None]  # type, detail; None is any
Slot = tuple[str | None, str | None, bool]  # with whether machines' events count

_NO_PLACES = np.zeros((1, 1), np.int32)
#: A log may have details without end: so many of its pairs are remembered.
_REMEMBERED = 100_000


@dataclass(frozen=True)
class Program:
    """One level's declarations, compiled; see `kernel.fill` for the arrays."""

    key_of_person: Keys
    key_of_machine: Keys
    tasks_start: Codes
    tasks: Codes
    layout: Layout
    windows: Ints
    steps: Codes
    categories: list[Places]  # the place of each detail, for each `LastDetail`

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
        categories: list[Places] = []
        for column, feature in features:
            steps.append((*_step(feature, slots, windows, layout, len(categories)), column))
            if isinstance(feature, LastDetail):
                categories.append(Places(feature.categories))
        # Steps of one operation stand together: the processor guesses the kernel's branches right.
        table = np.array(sorted(steps), np.int32).reshape(-1, 6)
        return Program(*_keys(slots, layout), layout, np.array(windows, np.int64), table, categories)

    def keys(self, pairs: Sequence[tuple[str, str | None]], machine: npt.NDArray[np.bool_]) -> Codes:
        """(pairs,) for each (type, detail) of a log and whether machines made it: the closest way it can match."""
        if 1 not in machine.tobytes():  # of a few, many times quicker than NumPy's any
            return np.fromiter(map(self.key_of_person.__getitem__, pairs), np.int32, len(pairs))
        return np.array(
            [
                (self.key_of_machine if by else self.key_of_person)[pair]
                for pair, by in zip(pairs, machine, strict=True)
            ],
            np.int32,
        )

    def places(self, details: Sequence[str]) -> Codes:
        """(last details, details) the place of each detail in the categories of each `LastDetail`."""
        if not self.categories or not details:
            return _NO_PLACES
        return np.array([[place[detail] for detail in details] for place in self.categories], np.int32)


class Keys(dict[Pair, int]):
    """The key of each pair: of the closest way it can match, found when it is first asked for."""

    def __missing__(self, pair: Pair) -> int:
        kind, detail = pair
        key = next(self[way] for way in ((None, detail), (kind, None), (None, None)) if way in self)
        if len(self) < _REMEMBERED:
            self[pair] = key
        return key


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


def _keys(slots: dict[Slot, int], layout: Layout) -> tuple[Keys, Keys, Codes, Codes]:
    """Every way an event can match: the pair, its type or detail alone, or neither; and what it is noted in."""
    ways: dict[Pair, None] = {(None, None): None}
    kinds = dict.fromkeys(kind for kind, _, _ in slots)
    for kind, detail, _ in slots:
        ways.setdefault((kind, None))
        if detail is not None:
            for its_kind in (kind,) if kind is not None else (None, *kinds):
                ways.setdefault((its_kind, detail))
    person, machine = Keys(), Keys()
    start, tasks = [0], list[int]()
    for keys in (person, machine):
        for kind, detail in ways:
            keys[kind, detail] = len(start) // 2
            wider = dict.fromkeys(((None, None), (kind, None), (None, detail), (kind, detail)))
            everyones = [(*way, True) for way in wider]
            peoples = [(*way, False) for way in wider] if keys is person else []
            for some in layout.tasks(slots[way] for way in (*everyones, *peoples) if way in slots):
                tasks += some
                start.append(len(tasks))
    return person, machine, np.array(start, np.int32), np.array(tasks, np.int32)

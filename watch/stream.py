"""Looks at what arrives: how much of each type, twice, late, ahead of its time, at which hours, by machines, new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engagement.times import HOUR, MINUTE
from features.arrays import MISSING, LogArrays
from watch.looked import SURE, Looked, against
from watch.windows import Windows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: A type is looked at with so many events a window.
LEAST = 30
#: What matters: a volume so many times another; values so many times larger or smaller; so much of a share.
_TIMES, _VALUE_TIMES, _SHARE = 1.8, 2.5, 0.15
#: Gone is what comes to less than this part of what is usual; unseen are details with at least this share.
_GONE, _UNSEEN = 0.1, 0.05


@dataclass(frozen=True)
class Arrived:
    """The events of one type that were received in the windows: (events,) each."""

    name: str
    window: Ints
    occurred: Ints
    received: Ints
    value: Ints
    detail: Ints
    machine: Bools
    repeated: Bools
    windows: Windows

    @cached_property
    def number(self) -> Floats:
        """(windows,) events, the latest first."""
        return np.bincount(self.window, minlength=self.windows.before + 1).astype(float)

    def shares(self, of: Bools) -> Floats:
        """(windows,) the share of the events of which that is so."""
        return np.bincount(self.window, of, self.windows.before + 1) / np.maximum(self.number, 1)


def looks(arrays: LogArrays, windows: Windows) -> Iterator[Looked]:
    """Every type in turn."""
    for one in arrived(arrays, windows):
        yield from _volume(one)
        if one.number[0] < LEAST or np.median(one.number[1:]) < LEAST:
            continue
        week = windows.text
        yield _share(one, "repeated", one.repeated, f"repeat another event exactly within the {week}")
        yield _share(one, "late", one.received - one.occurred > HOUR, "were received more than an hour late")
        yield _share(one, "ahead", one.occurred - one.received > 5 * MINUTE, "claim a time after they were received")
        yield _share(one, "machines", one.machine, "were made by machines")
        yield _hours(one)
        yield from _values(one)
        yield from _unseen(arrays, one)


def arrived(arrays: LogArrays, windows: Windows) -> Iterator[Arrived]:
    """Each event type with its events."""
    at = arrays.events
    known = np.flatnonzero((at.received <= windows.as_of) & (at.received >= windows.first))
    window = windows.place(at.received[known])
    known, window = known[window >= 0], window[window >= 0]
    contact, pair, occurred = at.contact[known], at.pair[known], at.occurred[known]
    order = np.lexsort((occurred, pair, contact))
    same = np.zeros(len(known), np.bool_)
    here, before = order[1:], order[:-1]
    same[here] = (
        (contact[here] == contact[before]) & (pair[here] == pair[before]) & (occurred[here] == occurred[before])
    )
    kinds = sorted({kind for kind, _ in arrays.pairs})
    code = {kind: place for place, kind in enumerate(kinds)}
    of_pair = np.array([code[kind] for kind, _ in arrays.pairs], np.int64)
    detail = arrays.details[1]
    for place, kind in enumerate(kinds):
        rows = np.flatnonzero(of_pair[pair] == place)
        yield Arrived(
            kind,
            window[rows],
            occurred[rows],
            at.received[known[rows]],
            at.value[known[rows]],
            detail[pair[rows]].astype(np.int64),
            arrays.machine[pair[rows]],
            same[rows],
            windows,
        )


def _volume(one: Arrived) -> Iterator[Looked]:
    before, now = one.number[:0:-1], float(one.number[0])
    usual = float(np.median(before))
    if usual < LEAST and now < LEAST:
        return
    root_usual, sure = against(np.sqrt(before), np.sqrt(now), 0.5)
    if usual >= LEAST and now < _GONE * usual:
        text = f"{one.name}: {now:,.0f} arrived, usually {usual:,.0f}: it has stopped."
        yield Looked("stopped", one.name, now, usual, sure, abs(sure) > SURE, text, tuple(before))
        return
    times = (now + 1) / (root_usual**2 + 1)
    alarm = abs(sure) > SURE and not 1 / _TIMES < times < _TIMES
    text = f"{one.name}: {now:,.0f} arrived, usually {usual:,.0f} ({times:.1f} times as many)."
    yield Looked("volume", one.name, now, usual, sure, alarm, text, tuple(before))


def _share(one: Arrived, kind: str, of: Bools, said: str) -> Looked:
    shares = one.shares(of)
    before, now = shares[:0:-1], float(shares[0])
    chance = np.sqrt(max(before.mean() * (1 - before.mean()), 0.01) / one.number[0])
    usual, sure = against(before, now, float(chance))
    alarm = abs(sure) > SURE and abs(now - usual) > _SHARE
    text = f"{one.name}: {now:.0%} {said}, usually {usual:.0%}."
    return Looked(kind, one.name, now, usual, sure, alarm, text, tuple(before))


def _hours(one: Arrived) -> Looked:
    """The hours of the day, as the share of events that happen at other hours than usual (total variation)."""
    hour = (one.occurred // HOUR) % 24
    table = np.zeros((one.windows.before + 1, 24))
    np.add.at(table, (one.window, hour), 1)
    apart = np.array(
        [_apart(table[k], np.delete(table[1:], k - 1, axis=0) if k else table[1:]) for k in range(len(table))]
    )
    before, now = apart[:0:-1], float(apart[0])
    usual, sure = against(before, now, 0.02)
    alarm = sure > SURE and now - usual > _SHARE
    text = f"{one.name}: {now:.0%} happened at other hours of the day than usual (usually {usual:.0%} do)."
    return Looked("hours", one.name, now, usual, sure, alarm, text, tuple(before))


def _apart(one: Floats, others: Floats) -> float:
    whole = others.sum(axis=0)
    return float(np.abs(one / max(one.sum(), 1) - whole / max(whole.sum(), 1)).sum() / 2)


def _values(one: Arrived) -> Iterator[Looked]:
    """The mean size of values, in powers of ten."""
    there = (one.value != MISSING) & (one.value != 0)
    number = np.bincount(one.window[there], minlength=one.windows.before + 1)
    if number.min() < LEAST / 3:
        return
    size = np.log10(np.abs(one.value[there]) / 1e6)
    means = np.bincount(one.window[there], size, one.windows.before + 1) / number
    before, now = means[:0:-1], float(means[0])
    usual, sure = against(before, now, float(size.std() / np.sqrt(number[0])))
    alarm = abs(sure) > SURE and abs(now - usual) > np.log10(_VALUE_TIMES)
    text = f"{one.name}: values are about {10**now:,.3g}, usually {10**usual:,.3g}."
    yield Looked("values", one.name, 10**now, 10**usual, sure, alarm, text, tuple(10**before))


def _unseen(arrays: LogArrays, one: Arrived) -> Iterator[Looked]:
    """Details that none of the windows before had."""
    known = np.unique(one.detail[one.window > 0])
    new = (one.window == 0) & (one.detail >= 0) & ~np.isin(one.detail, known)
    if (one.detail < 0).all():
        return
    share = float(new.sum() / one.number[0])
    alarm = share > _UNSEEN and new.sum() >= LEAST / 3
    texts, number = arrays.details[0], np.bincount(one.detail[new], minlength=1)
    most = f", above all {texts[int(number.argmax())]!r}" if new.any() else ""
    text = f"{one.name}: {share:.0%} have a detail that was never seen in the windows before{most}."
    yield Looked("unseen", one.name, share, 0.0, share / max(np.sqrt(0.0025 / one.number[0]), 1e-9), alarm, text)

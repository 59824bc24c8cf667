"""A hold-out with its bootstrap: whole accounts drawn again, the same draws for both models (a paired bootstrap)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.spread import spread
from training.draws import Sorted, drawn
from training.hold_out import HoldOut
from training.judge import calibration_line, row_losses

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Of sums, which cost little; and of metrics, which sort and search.
_DRAWS, _METRIC_DRAWS = 1_000, 300


@dataclass(frozen=True)
class Paired:
    """The hold-out with its bootstrap draws."""

    held: HoldOut
    seed: int = 0

    @cached_property
    def losses(self) -> Floats:
        """(rows,) the challenger's."""
        return row_losses(self.held.converted, self.held.probability)

    @cached_property
    def champion_losses(self) -> Floats | None:
        """(rows,) the champion's."""
        theirs = self.held.champion_probability
        return None if theirs is None else row_losses(self.held.converted, theirs)

    @cached_property
    def _groups(self) -> tuple[Ints, Ints]:
        """(groups, draws) how often each draw takes each account, and (rows,) the account of each row."""
        found, place = np.unique(self.held.groups, return_inverse=True)
        each = np.random.default_rng(self.seed)
        taken = [np.bincount(each.integers(0, len(found), len(found)), minlength=len(found)) for _ in range(_DRAWS)]
        return np.stack(taken, axis=1), place

    def sums(self, values: Floats, rows: Bools | None = None) -> Floats:
        """(draws,) the sum of values (rows,), each draw's accounts as often as it took them; of some rows only."""
        times, place = self._groups
        kept = values if rows is None else np.where(rows, values, 0.0)
        return np.asarray(np.bincount(place, kept, len(times)) @ times)

    def over_promised(self, rows: Bools) -> float:
        """How many standard errors more was promised over some rows than came true, accounts being independent.

        The error is what the accounts show, and at least what chance does where promises are true: of few conversions
        the misses alone tell too little.
        """
        times, place = self._groups
        promised = self.held.probability
        sums = np.bincount(place, np.where(rows, promised - self.held.converted, 0.0), len(times))
        chance = np.sum((promised * (1 - promised))[rows])
        return float(sums.sum() / max(np.sqrt(max(np.sum(sums**2), chance)), 1e-12))

    def surely_less(self, losses: Floats) -> float:
        """The share of draws in which the challenger loses less than these (rows,) losses."""
        return float(np.mean(self.sums(losses - self.losses) > 0))

    @cached_property
    def metrics(self) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
        """Each draw's metrics, of the challenger and of the champion."""
        theirs = self.held.champion_probability
        return self._metrics(self.held.probability), [] if theirs is None else self._metrics(theirs)

    def _metrics(self, probability: Floats) -> list[dict[str, float]]:
        converted = self.held.converted
        line = calibration_line(converted, probability)
        table = Sorted.of(converted, probability, row_losses(converted, probability), line)
        return list(spread(table.metrics, drawn(self.held.groups, self.seed, _METRIC_DRAWS), threads=2))

    def chance_error(self, bins: int = 10) -> float:
        """The calibration error that promises which are true would show in 99 of 100 such hold-outs, at most."""
        promised = self.held.probability
        size, (times, place) = len(promised), self._groups
        bin_of = np.empty(size, np.int64)
        for number, part in enumerate(np.array_split(np.argsort(promised, kind="stable"), min(bins, size))):
            bin_of[part] = number
        misses = np.zeros((bins, len(times)))
        np.add.at(misses, (bin_of, place), self.held.converted - promised)
        signs = np.random.default_rng(self.seed).choice((-1.0, 1.0), (len(times), _DRAWS))
        return float(np.quantile(np.abs(misses @ signs).sum(axis=0) / size, 0.99))

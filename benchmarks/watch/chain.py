"""Monthly retrains without anyone looking on: twenty in a world that never changes, and through a change at month 7.

For each month: who is champion afterwards, and the log loss that its promises of the following month can expect,
by the true probabilities (no luck in it), beside what the truth itself could expect. A training that is refused is
held against its champion in the same way: refused wrongly is who is not worse by more than two standard errors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.watch.world import HORIZON, MONTH, NAME, OTHER, SEED, START, Mind, World, build
from models.calibration import inverse_logit
from models.registry import Registry
from training.gate import Asked
from training.hold_out import compute
from training.label_times import LabelTimes, label_times
from training.retrain import TRAINING, Retrained, Step, retrain
from training.split import group_of

Floats = npt.NDArray[np.float64]
WEEKLY, FIRST, CHANGE = 150, 6, 7


@dataclass(frozen=True)
class Refusal:
    """A training that was refused: how much more it loses a row than its champion, by the truth, and the error."""

    version: str
    more: float
    error: float

    @property
    def wrongly(self) -> bool:
        """It is not worse by more than noise."""
        return self.more <= 2 * self.error


@dataclass(frozen=True)
class Month:
    """One retrain, and what the champion after it loses in the following month: in expectation, and the truth."""

    number: int
    done: Retrained
    loss: float
    truth: float
    refused: tuple[Refusal, ...]


def run() -> None:
    """Prints a line a month."""
    print("an unchanged world, twenty retrains")
    show(chain(build(FIRST + 20.5, WEEKLY, seed=11 + SEED), FIRST, FIRST + 19))
    print(f"a world of another mind from month {CHANGE} on")
    world = build(12, WEEKLY, seed=12 + SEED, mind=changing)
    recovered(show(chain(world, FIRST, 11)))


def changing(months: Floats) -> list[Mind]:
    """Everyone after the change is of another mind."""
    return [OTHER if month >= CHANGE else Mind() for month in months.tolist()]


def chain(world: World, first: int, last: int, home: Path | None = None) -> Iterator[Month]:
    """Retrains at the end of each month, from the first to the last."""
    with tempfile.TemporaryDirectory() as name:
        place = home or Path(name)
        registry = Registry(place / "mlruns", place)
        arrays, settings = world.arrays(), world.settings
        conversion = settings.funnel.conversion(NAME)
        for number in range(first, last + 1):
            as_of = START + number * MONTH
            asked = Asked(arrays, conversion, settings.features, as_of)
            done = retrain(registry, asked, clock(as_of))
            after = label_times(arrays, conversion, as_of + MONTH + HORIZON, as_of)
            truth = world.truth(arrays, after)

            def promised(version: str, after: LabelTimes = after) -> Floats:
                if not version:
                    return np.full(len(after), 0.5)
                model = registry.load(registry.find(NAME, version))
                return inverse_logit(model.log_odds(compute(arrays, model.features, after)))

            refused = (one for one in done.steps if one.what == TRAINING and one.verdict and not one.promoted)
            told = tuple(refusal(one, after, truth, promised) for one in refused)
            loss = float(expected_losses(truth, promised(done.after)).mean())
            yield Month(number, done, loss, float(expected_losses(truth, truth).mean()), told)


def refusal(step: Step, rows: LabelTimes, truth: Floats, promised: Callable[[str], Floats]) -> Refusal:
    """What a refused training loses more than the champion that it was held against; whole accounts are drawn."""
    assert step.verdict is not None
    mine, theirs = (expected_losses(truth, promised(one)) for one in (step.version, step.verdict.champion))
    more, accounts = mine - theirs, np.unique(group_of(rows), return_inverse=True)[1]
    error = np.sqrt(np.sum(np.bincount(accounts, more - more.mean()) ** 2)) / len(more)
    return Refusal(step.version, float(more.mean()), float(error))


def clock(moment: int) -> Callable[[], int]:
    """A clock that stands."""
    return lambda: moment


def expected_losses(truth: Floats, promised: Floats) -> Floats:
    """(rows,) log loss of promises in nats, over all outcomes that the truth allows."""
    return np.asarray(-(truth * np.log(promised) + (1 - truth) * np.log1p(-promised)))


def show(months: Iterator[Month]) -> list[Month]:
    """Prints them as they come."""
    found = []
    for one in months:
        found.append(one)
        print(
            f"  month {one.number:2}: champion {one.done.before or '–':>2} → {one.done.after or '–':>2}, loses "
            f"{one.loss:.4f} next month, the truth {one.truth:.4f}, apart {one.loss - one.truth:.4f}",
            flush=True,
        )
        for step in one.done.steps:
            print(
                f"    {step.what} {step.version} {'promoted' if step.promoted else 'kept'}: {step.text[:300]}",
                flush=True,
            )
        for refused in one.refused:
            said = "refused wrongly" if refused.wrongly else "rightly refused"
            print(
                f"    by the truth {refused.version} loses {refused.more:+.5f} (± {refused.error:.5f}) more than its "
                f"champion: {said}",
                flush=True,
            )
    every = [refused for one in found for refused in one.refused]
    wrongly = sum(one.wrongly for one in every)
    slope, error = trend(np.array([one.loss - one.truth for one in found]))
    print(
        f"  {len(found)} retrains, {len(every)} trainings refused, {wrongly} of them wrongly; apart from the truth "
        f"moves {slope:+.5f} (± {error:.5f}) a month"
    )
    return found


def trend(values: Floats) -> tuple[float, float]:
    """The slope of a line through values one apart, and its standard error."""
    (slope, _), spread = np.polyfit(np.arange(len(values)), values, 1, cov=True)
    return float(slope), float(np.sqrt(spread[0, 0]))


def recovered(found: list[Month]) -> float:
    """Prints and returns the share of the lost log loss that is back two retrains after the change."""
    apart = {one.number: one.loss - one.truth for one in found}
    before, lost, after = apart[CHANGE - 1], apart[CHANGE], apart[CHANGE + 2]
    share = (lost - after) / (lost - before)
    print(f"  lost {lost - before:.4f} by the change; {share:.0%} of it is back two retrains later")
    return share

"""Monthly retrains without anyone looking on: twenty in a world that never changes, and through a change at month 7.

For each month: who is champion afterwards, and the log loss that its promises of the following month can expect,
by the true probabilities (no luck in it), beside what the truth itself could expect.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.watch.world import HORIZON, MONTH, NAME, OTHER, START, Mind, World, build
from models.calibration import inverse_logit
from models.registry import Registry
from training.gate import Asked
from training.hold_out import compute
from training.label_times import label_times
from training.retrain import Retrained, retrain

Floats = npt.NDArray[np.float64]
WEEKLY, FIRST, CHANGE = 150, 6, 7


@dataclass(frozen=True)
class Month:
    """One retrain, and what the champion after it loses in the following month: in expectation, and the truth."""

    number: int
    done: Retrained
    loss: float
    truth: float


def run() -> None:
    """Prints a line a month."""
    print("an unchanged world, twenty retrains")
    show(chain(build(FIRST + 20.5, WEEKLY, seed=11), FIRST, FIRST + 19))
    print(f"a world of another mind from month {CHANGE} on")
    world = build(12, WEEKLY, seed=12, mind=changing)
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
            champion = registry.champion(NAME)
            after = label_times(arrays, conversion, as_of + MONTH + HORIZON, as_of)
            truth = world.truth(arrays, after)
            promised = np.full(len(after), 0.5)
            if champion is not None:
                model = registry.load(champion)
                promised = inverse_logit(model.log_odds(compute(arrays, model.features, after)))
            yield Month(number, done, expected_loss(truth, promised), expected_loss(truth, truth))


def clock(moment: int) -> Callable[[], int]:
    """A clock that stands."""
    return lambda: moment


def expected_loss(truth: Floats, promised: Floats) -> float:
    """Log loss of promises in nats a row, over all outcomes that the truth allows."""
    return float(-np.mean(truth * np.log(promised) + (1 - truth) * np.log1p(-promised)))


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
    refused = sum(not step.promoted for one in found for step in one.done.steps if step.what == "training")
    drift = np.polyfit([one.number for one in found], [one.loss - one.truth for one in found], 1)[0]
    print(f"  {len(found)} retrains, {refused} trainings refused; apart from the truth moves {drift:+.5f} a month")
    return found


def recovered(found: list[Month]) -> float:
    """Prints and returns the share of the lost log loss that is back two retrains after the change."""
    apart = {one.number: one.loss - one.truth for one in found}
    before, lost, after = apart[CHANGE - 1], apart[CHANGE], apart[CHANGE + 2]
    share = (lost - after) / (lost - before)
    print(f"  lost {lost - before:.4f} by the change; {share:.0%} of it is back two retrains later")
    return share

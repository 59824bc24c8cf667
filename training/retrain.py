"""Retraining on a schedule: recalibrate, train, gate, promote or keep; one run of a conversion at a time.

First the cheap answer: is the champion surely better at the recent level? Then a training on the whole history. Where
its promises begin to fit otherwise at some time, another on what came since; having seen less, it must be surely
better. Everything goes through the gate, and the champion is replaced in one step, so a run that is killed at any
moment leaves the old champion or the new one, and the next run begins anew.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engagement.errors import Busy, NotEnoughData
from engagement.times import format_time
from models.champions import FOLDER
from models.registry import Registry, Version
from training.changed import changed_at
from training.gate import Asked, Verdict, entrant, same_question
from training.hold_out import BASE_RATE, Entrant, hold_out
from training.judge import log_loss
from training.label_times import LabelTimes
from training.paired import Paired
from training.promotion import promote, try_out
from training.recalibrate import recalibrated, record_recalibrated
from training.record import record
from training.split import Split, split_by_time
from training.tested import SURELY_BETTER
from training.train import Progress, Trained, train
from training.tune import Budget

RECALIBRATION, TRAINING, SINCE = "recalibration", "training", "training since the change"


@dataclass(frozen=True)
class Step:
    """One attempt: what, which version came of it (empty: none), the gate's verdict, and a sentence."""

    what: str
    version: str
    promoted: bool
    text: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Retrained:
    """What a run did. `before` and `after` are champions, empty for none; `as_of` in microseconds UTC."""

    conversion: str
    as_of: int
    before: str
    after: str
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """As data."""
        steps = [{**vars(step), "verdict": step.verdict.to_json() if step.verdict else None} for step in self.steps]
        return {**vars(self), "as_of": format_time(self.as_of), "steps": steps}


@contextmanager
def alone(registry: Registry, conversion: str) -> Iterator[None]:
    """Holds the lock of a conversion's retraining; it dies with its process.

    Raises:
        Busy: another run holds it.
    """
    folder: Path = registry.store / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{conversion}.retrain.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("another retrain is under way", conversion, "Wait for it to end.") from None
        yield


def retrain(
    registry: Registry,
    asked: Asked,
    now: Callable[[], int],
    seed: int = 0,
    budget: Budget | None = None,
    only_recalibrate: bool = False,
    progress: Progress | None = None,
) -> Retrained:
    """One run.

    Args:
        now: microseconds UTC, when asked: a training takes its time.

    Raises:
        Busy: another run is under way. NotEnoughData: there is nothing to learn from yet.
    """
    tell = progress or (lambda text, share: None)
    name = asked.conversion.name
    with alone(registry, name):
        registry.mirror(name)
        before = registry.champion(name)
        steps = []
        if before is not None:
            tell("recalibrating", 0.05)
            steps.append(_recalibrate(registry, before, asked, now))
        if not only_recalibrate:
            steps += _train(registry, asked, now, seed, budget, tell)
        after = registry.champion(name)
        numbers = (before.version if before else "", after.version if after else "")
        return Retrained(name, asked.as_of, *numbers, tuple(steps))


def _recalibrate(registry: Registry, champion: Version, asked: Asked, now: Callable[[], int]) -> Step:
    """Registered and put to the gate only where it is surely better: else every night would leave a version."""
    theirs = entrant(registry, champion)
    if not same_question(theirs.model.conversion, asked.conversion):
        return Step(RECALIBRATION, "", False, "The champion answers another question now.")
    try:
        mine = recalibrated(theirs, asked)
    except NotEnoughData as error:
        return Step(RECALIBRATION, "", False, str(error))
    surely, metrics = _surely_better(asked, mine, theirs)
    told = f"Following the recent base rate would be better in {surely:.0%} of the draws"
    if surely < SURELY_BETTER:
        return Step(RECALIBRATION, "", False, f"{told}: the level is left as it is.")
    version = record_recalibrated(registry, champion, mine, asked, metrics, now())
    verdict = promote(registry, version, asked, now()).verdict
    return _step(RECALIBRATION, version, verdict, f"{told}; log-odds moved by {mine.learnt.shift:+.3f} in all")


def _surely_better(asked: Asked, mine: Entrant, theirs: Entrant) -> tuple[float, dict[str, float]]:
    """The share of draws in which mine loses less, and its log loss."""
    held = hold_out(asked.arrays, asked.conversion, asked.settings, asked.as_of, mine, theirs)
    if not len(held):
        return 0.0, {}
    pairs = Paired(held)
    assert pairs.champion_losses is not None
    return pairs.surely_less(pairs.champion_losses), {"log_loss": log_loss(held.converted, held.probability)}


def _train(
    registry: Registry, asked: Asked, now: Callable[[], int], seed: int, budget: Budget | None, tell: Progress
) -> Iterator[Step]:
    trained = _trained(asked, seed, budget, tell)
    version = record(trained, asked.arrays, registry, now(), tell)
    champion = registry.champion(version.conversion)
    if champion is not None and champion.digest == version.digest:
        yield Step(TRAINING, version.version, False, "It is the champion to the last bit: nothing new in the log.")
        return
    tell("at the gate", 0.99)
    yield _step(TRAINING, version, promote(registry, version, asked, now()).verdict, "")
    late = trained.rows.take(np.flatnonzero(trained.rows.cutoff >= trained.split.train_end))
    odds = trained.model.log_odds(trained.matrix[trained.rows.cutoff >= trained.split.train_end])
    moment = changed_at(odds, late)
    if moment is not None:
        yield _train_since(registry, asked, now, seed, budget, moment, tell)


def _train_since(
    registry: Registry,
    asked: Asked,
    now: Callable[[], int],
    seed: int,
    budget: Budget | None,
    moment: int,
    tell: Progress,
) -> Step:
    """What has seen less must be surely better than the champion."""
    since = f"Promises fit otherwise since {format_time(moment)[:10]}"
    try:
        trained = _trained(asked, seed, budget, tell, moment)
    except NotEnoughData as error:
        return Step(SINCE, "", False, f"{since}; {error}")
    version = record(trained, asked.arrays, registry, now(), tell)
    champion = registry.champion(version.conversion)
    if champion is not None:
        surely, _ = _surely_better(asked, entrant(registry, version), entrant(registry, champion))
        if surely < SURELY_BETTER:
            verdict = try_out(registry, version, asked).verdict
            told = f"{since}; what came since alone is better in only {surely:.0%} of the draws: kept."
            return Step(SINCE, version.version, False, told, verdict)
    return _step(SINCE, version, promote(registry, version, asked, now()).verdict, since)


def _trained(asked: Asked, seed: int, budget: Budget | None, tell: Progress, since: int | None = None) -> Trained:
    split = split_by_time if since is None else lambda rows: split_since(rows, since)
    return train(
        asked.arrays,
        asked.conversion,
        asked.settings,
        asked.as_of,
        seed,
        budget,
        tell,
        keep=asked.keep,
        splitting=split,
    )


def split_since(rows: LabelTimes, since: int) -> Split:
    """The best split of the rows from a cutoff on (microseconds UTC); what came before is not learnt from.

    Raises:
        NotEnoughData: fewer than 10 rows of a class since then.
    """
    first = int(np.searchsorted(rows.cutoff, since))
    if first == len(rows):
        raise NotEnoughData("no row since", format_time(since), "Wait for some to become mature.")
    late = split_by_time(rows.take(np.arange(first, len(rows))))
    return replace(late, train=late.train + first, calibrate=late.calibrate + first, test=late.test + first)


def _step(what: str, version: Version, verdict: Verdict, told: str) -> Step:
    told_by = {one.name: one.text for one in verdict.tests}
    loss = told_by.get("log loss", told_by.get(f"beats the {BASE_RATE}", ""))  # beside the champion, if there was one
    said = f"promoted. {loss}" if not verdict.refused else f"refused: {' '.join(verdict.refused)}"
    return Step(what, version.version, not verdict.refused, f"{told}; {said}" if told else said, verdict)

"""The gate: a challenger becomes champion only with proof.

Champion and challenger are held against the same mature rows that neither has learnt from (`hold_out`,
`gate_tests`); before that a challenger must be whole, answer the question, repeat its scores of the training from
the log, be no older than the champion, and read nothing that knows the outcome. Every test is told, with its figure
and bound, and what was found is kept beside the model.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engagement.errors import BadInput, BrokenBundle
from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from engagement.times import format_time
from features.arrays import LogArrays
from models.bundle import golden_rows
from models.propensity import PropensityModel
from models.registry import Registry, Version
from training.audit import audit
from training.gate_tests import LEAST_HELD_OUT, LEAST_LEARNT, all_tests
from training.hold_out import Entrant, HoldOut, hold_out, replayed
from training.learnt import Learnt
from training.tested import Tested

#: Processor seconds that one explained score may take, or so many times the champion's.
SLOWEST, TIMES_SLOWER = 0.010, 3.0
#: How far the mean log-odds of the test part may be from the training's: bits of a sum; or, where rows have come or
#: gone since (a contact was erased), a little.
_SAME, _NEARLY = 1e-6, 0.05
_REPEATS = 3


@dataclass(frozen=True)
class Asked:
    """What a gate is asked about.

    Attributes:
        keep: attributes and event types that may stay, whatever the audit finds. as_of: microseconds UTC.
    """

    arrays: LogArrays
    conversion: Conversion
    settings: FeatureSettings
    as_of: int
    keep: Collection[str] = ()


@dataclass(frozen=True)
class Verdict:
    """What the gate found. `champion` is the version that it was held against, empty for none."""

    conversion: str
    version: str
    digest: str
    champion: str
    champion_digest: str
    as_of: int
    rows: int
    converted: int
    tests: tuple[Tested, ...]

    @property
    def refused(self) -> list[str]:
        """Why it may not be champion, one sentence a failed test, which it begins with; empty: it may."""
        return [f"{one.name}: {one.text}" for one in self.tests if not one.passed]

    def to_json(self) -> dict[str, Any]:
        """The evidence."""
        return {**asdict(self), "as_of": format_time(self.as_of), "passed": not self.refused}


@dataclass(frozen=True)
class Trial:
    """A verdict and the hold-out it rests on; None where it did not come so far."""

    verdict: Verdict
    held: HoldOut | None


def put_to_the_gate(registry: Registry, version: Version, asked: Asked) -> Trial:
    """Tests a version against the champion there is; nothing is written.

    Raises:
        NotEnoughData: the log has no mature row.
    """
    against = registry.champion(version.conversion)
    found, held = _look(registry, version, against, asked)
    rows, converted = (len(held), int(held.converted.sum())) if held is not None else (0, 0)
    name, digest = (against.version, against.digest) if against else ("", "")
    told = Verdict(
        version.conversion, version.version, version.digest, name, digest, asked.as_of, rows, converted, tuple(found)
    )
    return Trial(told, held)


def _look(
    registry: Registry, version: Version, against: Version | None, asked: Asked
) -> tuple[list[Tested], HoldOut | None]:
    try:
        challenger = entrant(registry, version)
    except (BrokenBundle, BadInput) as error:
        return [Tested("bundle", False, None, None, str(error))], None
    whole = "Whole, as registered, and repeats its golden scores to the last bit."
    found = [Tested("bundle", True, None, None, whole)]
    champion, golden_of_champion = _champion(registry, against, asked, found)
    if not same_question(challenger.model.conversion, asked.conversion):
        text = f"It answers another question: {challenger.model.conversion.question} Train it again."
        return [*found, Tested("question", False, None, None, text)], None
    audited = audit(asked.arrays, asked.conversion, asked.settings, asked.as_of, asked.keep)
    found.append(of_replay(asked, challenger))
    found.append(of_leaks(challenger.model, {one.name: one.evidence[0].text for one in audited.suspects}))
    found += of_learning(challenger.learnt, champion.learnt if champion else None)
    golden = golden_rows(registry.bundle_folder(version.run_id))[0]
    slow = seconds(champion.model, golden_of_champion) if champion else None
    found.append(of_latency(seconds(challenger.model, golden), slow))
    trusted = audited.trusted(asked.settings)
    held = hold_out(asked.arrays, asked.conversion, trusted, asked.as_of, challenger, champion)
    enough = of_size(held)
    found += [enough, *(all_tests(held) if enough.passed else ())]
    return found, held if enough.passed else None


def _champion(
    registry: Registry, against: Version | None, asked: Asked, found: list[Tested]
) -> tuple[Entrant | None, Any]:
    """The champion to be held against, and its golden rows; without one that can be, a line in `found` says why."""
    if against is None:
        found.append(Tested("champion", True, None, None, "There is none yet: the baselines must be beaten."))
        return None, None
    try:
        champion = entrant(registry, against)
    except (BrokenBundle, BadInput) as error:
        found.append(Tested("champion", True, None, None, f"The champion cannot be held against: {error}"))
        return None, None
    if not same_question(champion.model.conversion, asked.conversion):
        told = f"The champion answers another question: {champion.model.conversion.question}"
        found.append(Tested("champion", True, None, None, told))
        return None, None
    return champion, golden_rows(registry.bundle_folder(against.run_id))[0]


def entrant(registry: Registry, version: Version) -> Entrant:
    """The model of a version, and what it has learnt from.

    Raises:
        BrokenBundle: it is not whole. BadInput: it does not tell what it has learnt from.
    """
    return Entrant(registry.load(version), Learnt.of(registry.manifest(version)))


def same_question(one: Conversion, other: Conversion) -> bool:
    """Whether two conversions ask the same of the same people."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("start_type", "goal_type", "horizon", "level", "each", "ends")
    )


def of_replay(asked: Asked, challenger: Entrant) -> Tested:
    """The bundle's scores of the test part, computed from the log again, are those of the training."""
    learnt = challenger.learnt
    rows, mean = replayed(asked.arrays, asked.conversion, challenger)
    off = abs(mean - learnt.replay_mean)
    bound = _SAME if rows == learnt.replay_rows else _NEARLY
    passed = off <= bound and abs(rows - learnt.replay_rows) <= _NEARLY * max(learnt.replay_rows, 1)
    said = "repeats" if passed else "does not repeat"
    text = (
        f"It {said} its scores of the test part from the log: mean log-odds {mean:.6f} of {rows:,} rows, in training "
        f"{learnt.replay_mean:.6f} of {learnt.replay_rows:,}."
    )
    return Tested("replay", passed, off, bound, text)


def of_leaks(model: PropensityModel, suspects: dict[str, str]) -> Tested:
    """It reads nothing that the audit suspects of knowing the outcome."""
    read = {str(getattr(one, "type", "")) for one in model.features.features}
    bad = sorted(read & set(suspects))
    text = f"It reads nothing of which the audit thinks that it knows the outcome ({len(suspects)} suspects)."
    if bad:
        text = f"It reads {', '.join(bad)}, which knows the outcome: {suspects[bad[0]]}"
    return Tested("leaks", not bad, float(len(bad)), 0.0, text)


def of_learning(learnt: Learnt, champion: Learnt | None) -> Iterator[Tested]:
    """It has learnt from enough, and knows no less of the log than the champion."""
    fewer = min(learnt.converted, learnt.rows - learnt.converted)
    text = f"Learnt from {learnt.rows:,} rows, {fewer:,} of the rarer class; {LEAST_LEARNT} are needed."
    yield Tested("learnt enough", fewer >= LEAST_LEARNT, float(fewer), float(LEAST_LEARNT), text)
    if champion is not None:
        fresh = learnt.as_of >= champion.as_of
        told = f"It knows the log up to {format_time(learnt.as_of)}, the champion up to {format_time(champion.as_of)}"
        also = "" if fresh else "; for a way back there is mqm rollback"
        days = (learnt.as_of - champion.as_of) / 86_400_000_000
        yield Tested("freshness", fresh, days, 0.0, f"{told}{also}.")


def of_latency(mine: float, champion: float | None) -> Tested:
    """Processor time of one explained score."""
    bound = max(SLOWEST, TIMES_SLOWER * (champion or 0.0))
    text = f"One explained score takes {1e3 * mine:.1f} ms of the processor; {1e3 * bound:.0f} ms are allowed."
    return Tested("latency", mine <= bound, mine, bound, text)


def seconds(model: PropensityModel, golden: Any) -> float:
    """Processor seconds of one explained score: the best of some rounds, so that a busy machine does not matter."""
    rows = golden[:10]
    best = float("inf")
    for _ in range(_REPEATS):
        begin = time.thread_time()
        for row in rows:
            model.explain(row[None, :], [""], np.zeros(1, np.int64))
        best = min(best, (time.thread_time() - begin) / len(rows))
    return best


def of_size(held: HoldOut) -> Tested:
    """Enough mature rows that neither has seen."""
    yes = int(held.converted.sum())
    fewer = min(yes, len(held) - yes)
    passed = fewer >= LEAST_HELD_OUT
    text = (
        f"{len(held):,} mature rows that {'neither' if held.champion is not None else 'it'} has "
        f"{'' if held.champion is not None else 'not '}learnt from, {fewer:,} of the rarer class; "
        f"{LEAST_HELD_OUT} are needed."
    )
    return Tested("hold-out", passed, float(fewer), float(LEAST_HELD_OUT), text if passed else f"Not judged: {text}")

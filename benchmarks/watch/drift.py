"""Ten planted drifts, each to be found within a week, and fifty quiet months of weekly looks.

A drift is planted into a log of the small world at a Monday; the watch looks at the end of that week. For slow decay
the week is the one after which the model's promises have lost a twentieth of their log loss, by the true
probabilities. Quiet: a look a week over ten months of each of five worlds, each with its champion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks.watch.world import HORIZON, MACHINE, MONTH, NAME, RICHER, SEED, START, WEEK, Facts, Mind, World, build
from engagement.times import HOUR
from models.calibration import inverse_logit
from training.hold_out import Entrant, compute
from training.label_times import label_times
from training.learnt import learnt_from
from training.train import Trained, train
from watch.monitor import Monitored, monitor

Floats = npt.NDArray[np.float64]
WEEKLY, LEARNT = 250, 8
#: When the drifts begin: a Monday some weeks after the champion was trained.
PLANTED = START + 60 * WEEK


def run() -> None:
    """Prints a line for each drift, and the quiet months."""
    champion, metrics = champion_of(build(LEARNT, WEEKLY, seed=21 + SEED))
    found = 0
    months = (PLANTED + 2 * WEEK - START) / MONTH
    for name, drift in DRIFTS.items():
        weekly = WEEKLY * (
            2 if drift.mind else 1
        )  # of those who come in a week only a fifth has converted by its end
        seen = look(plant(name, PLANTED, months, weekly, seed=23 + SEED), champion, metrics, PLANTED + WEEK)
        right = [one for one in seen.alarms if one.kind in drift.kinds]
        found += bool(right)
        other = sorted({one.kind for one in seen.alarms} - drift.kinds)
        told = f"found: {right[0].text}" if right else "NOT FOUND"
        print(f"  {name:22} {told} (also: {', '.join(other) or '–'})", flush=True)
    week, told = decay(champion, metrics)
    print(f"  {'slow decay':22} {told}", flush=True)
    print(f"  {found + (week is not None)} of {len(DRIFTS) + 1} drifts found in time")
    quiet()


def champion_of(world: World) -> tuple[Entrant, dict[str, float]]:
    """A champion trained at the end of a world, and its figures."""
    arrays, settings = world.arrays(), world.settings
    trained = train(arrays, settings.funnel.conversion(NAME), settings.features, START + LEARNT * MONTH)
    return Entrant(trained.model, learnt_from(trained)), figures(trained)


def figures(trained: Trained) -> dict[str, float]:
    """What the watch reads of a training's figures."""
    return {"lift_at_10pct": trained.judged[0].metrics["lift_at_10pct"].value} if trained.judged else {}


def look(world: World, champion: Entrant, metrics: dict[str, float], as_of: int) -> Monitored:
    """One look, with windows of a week."""
    return monitor(world.arrays(), champion, as_of, WEEK, metrics)


def quiet(worlds: int = 5, months: int = 10, learnt: int = 4) -> int:
    """Looks every week at worlds that never change; prints and returns the number of looks with an alarm."""
    alarms = looks = 0
    for seed in range(worlds):
        world = build(learnt + months, WEEKLY, seed=30 + seed + SEED)
        arrays, settings = world.arrays(), world.settings
        begin, end = START + learnt * MONTH, START + (learnt + months) * MONTH
        trained = train(arrays, settings.funnel.conversion(NAME), settings.features, begin)
        champion = Entrant(trained.model, learnt_from(trained))
        for as_of in range(begin + WEEK, end + 1, WEEK):
            found = monitor(arrays, champion, as_of, WEEK, figures(trained))
            looks += 1
            alarms += bool(found.alarms)
            for one in found.alarms:
                print(f"    world {seed}, month {(as_of - START) / MONTH:.1f}: {one.kind}: {one.text}", flush=True)
        print(f"  {months * (seed + 1)} quiet months, {looks} looks: {alarms} with an alarm", flush=True)
    return alarms


def decay(champion: Entrant, metrics: dict[str, float]) -> tuple[int | None, str]:
    """The week in which a slow decay is found, if that is in time."""
    months = (PLANTED - START) / MONTH

    def fades(when: Floats) -> list[Mind]:
        gone = np.clip((when - months) / 6, 0, 1)
        return [Mind(strength=1 - one, base=-1.9 + 0.25 * one) for one in gone.tolist()]

    world = build(months + 7, WEEKLY, seed=24 + SEED, mind=fades)
    arrays = world.arrays()
    lost_at = None
    for week in range(1, 30):
        as_of = PLANTED + week * WEEK
        rows = label_times(arrays, champion.model.conversion, as_of + HORIZON, as_of - 2 * WEEK)
        truth = world.truth(arrays, rows)
        promised = inverse_logit(champion.model.log_odds(compute(arrays, champion.model.features, rows)))
        lost = _loss(truth, promised) / _loss(truth, truth) - 1
        if lost_at is None and lost > 0.05:
            lost_at = week
        if monitor(arrays, champion, as_of, WEEK, metrics).alarms:
            seen = monitor(arrays, champion, as_of, WEEK, metrics).alarms[0]
            late = lost_at is not None and week > lost_at + 1
            said = f"loss {lost:+.1%} of the truth's by then, a twentieth in week {lost_at or 'later'}"
            return (None if late else week), f"found in week {week} ({said}): {seen.text}"
    return None, "NOT FOUND"


def _loss(truth: Floats, promised: Floats) -> float:
    return float(-np.mean(truth * np.log(promised) + (1 - truth) * np.log1p(-promised)))


def plant(name: str, begin: int, months: float, weekly: int, seed: int) -> World:
    """A world of so many months into which a drift is planted at a time (microseconds UTC)."""
    drift = DRIFTS[name]
    since = (begin - START) / MONTH

    def mind(when: Floats) -> list[Mind]:
        return [(drift.mind or Mind()) if month >= since else Mind() for month in when.tolist()]

    world = build(months, weekly, seed, mind)
    if drift.change is None:
        return world
    return replace(world, facts=drift.change(world.facts, world.facts.occurred >= begin))


def _feature_shift(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    """Everyone reads the blog three times as much."""
    return _repeated(facts, np.flatnonzero(late & (facts.detail == "blog")), 2, spread=5 * HOUR)


def _unit(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    return replace(facts, value=np.where(late, facts.value * 100, facts.value))


def _stops(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    return facts.take(~(late & (facts.type == "webinar_attended")))


def _new_source(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    draw = np.random.default_rng(0).random(len(facts)) < 0.3
    return replace(facts, detail=np.where(late & draw & (facts.type == "page_view"), "comparison", facts.detail))


def _machines(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    """Three times as many opens by machines."""
    return _repeated(facts, np.flatnonzero(late & (facts.properties == MACHINE)), 2, spread=3 * HOUR)


def _late(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    """What is seen on pages is sent once a day."""
    pages = late & (facts.type == "page_view")
    return replace(facts, received=np.where(pages, facts.occurred + 20 * HOUR, facts.received))


def _twice(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    return _repeated(facts, np.flatnonzero(late & (facts.type == "email_click")), 1, spread=1)


def _zone(facts: Facts, late: npt.NDArray[np.bool_]) -> Facts:
    """A source in Central Europe sends its local time as if it were UTC."""
    pages = late & (facts.type == "page_view")
    return replace(facts, occurred=np.where(pages, facts.occurred + 2 * HOUR, facts.occurred))


def _repeated(facts: Facts, rows: npt.NDArray[np.int64], times: int, spread: int) -> Facts:
    """These events again, a little later each time; with a spread of one microsecond the very same."""
    again = facts.take(np.tile(rows, times))
    shift = np.random.default_rng(1).integers(0, spread, len(again))
    again = replace(again, occurred=again.occurred + shift, received=again.received + shift)
    return Facts(*(np.concatenate([getattr(facts, k), getattr(again, k)]) for k in Facts.__dataclass_fields__))


@dataclass(frozen=True)
class Drift:
    """How events change or how the world decides from then on, and the kinds of alarm of which one must find it."""

    kinds: frozenset[str]
    change: Callable[[Facts, npt.NDArray[np.bool_]], Facts] | None = None
    mind: Mind | None = None


DRIFTS = {
    "feature shift": Drift(frozenset({"volume", "column"}), _feature_shift),
    "unit of a value": Drift(frozenset({"values"}), _unit),
    "a type stops": Drift(frozenset({"stopped"}), _stops),
    "a new source": Drift(frozenset({"unseen"}), _new_source),
    "base rate doubled": Drift(frozenset({"base rate"}), mind=RICHER),
    "machine opens tripled": Drift(frozenset({"machines", "volume"}), _machines),
    "late arrival": Drift(frozenset({"late"}), _late),
    "duplicates": Drift(frozenset({"repeated"}), _twice),
    "time zone": Drift(frozenset({"ahead", "hours"}), _zone),
}

"""Recalibration alone: the champion's model with its intercept moved to the recent base rate.

The cheap first answer to a base rate that has moved: the ranking and every reason stay, the level follows. The shift
is the one of `training.recent`, over the latest mature rows that the champion has not learnt from; it is judged by
what it would have been on each day.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engagement.errors import NotEnoughData
from engagement.times import format_time
from features.arrays import LogArrays
from models.bundle import golden_rows, save_bundle
from models.registry import Registry, Version
from training.gate import Asked
from training.hold_out import Entrant, compute
from training.label_times import LabelTimes, label_times
from training.recent import shift

#: So many of the latest mature rows tell the level; with fewer than the least there is none to tell.
WINDOW, _LEAST = 1_000, 200


def recalibrated(champion: Entrant, asked: Asked) -> Entrant:
    """The champion at the recent level; nothing is written.

    Raises:
        NotEnoughData: too few mature rows that it has not learnt from.
    """
    rows = _unseen(asked.arrays, asked, champion)
    learnt, model = champion.learnt, champion.model
    if len(rows) < _LEAST:
        cure = "Recalibrate later."
        raise NotEnoughData("too few mature rows that the champion has not learnt from", len(rows), cure)
    odds = model.log_odds(compute(asked.arrays, model.features, rows))
    now = shift((odds - learnt.shift)[-WINDOW:], rows.converted[-WINDOW:])
    move = now - learnt.shift
    reference = replace(
        model.reference,
        log_odds=tuple(float(one) for one in np.array(model.reference.log_odds) + move),
        base_rate=float(rows.converted[-WINDOW:].mean()),
    )
    calibration = replace(model.calibration, intercept=model.calibration.intercept + move)
    told = replace(
        learnt,
        as_of=asked.as_of,
        window=WINDOW,
        shift=now,
        replay_rows=len(rows),
        replay_mean=float((odds + move).mean()),
    )
    return Entrant(replace(model, calibration=calibration, reference=reference, digest="", version=""), told)


def record_recalibrated(
    registry: Registry, champion: Version, found: Entrant, asked: Asked, metrics: dict[str, float], now: int
) -> Version:
    """Writes the run and its bundle, registers it as challenger and returns the version.

    Args:
        metrics: of the hold-out. now: microseconds UTC, for MLflow's own clock only.
    """
    name, learnt = asked.conversion.name, found.learnt
    before = registry.manifest(champion)
    facts: dict[str, Any] = {key: value for key, value in before.items() if key not in ("format", "kind", "files")}
    facts |= {"as_of": format_time(asked.as_of), "learnt": learnt.to_json(), "recalibrated_from": champion.digest}
    tags = {"recalibrated_from": champion.version}
    run_id = registry.start_run(name, {"recalibrated_from": champion.version, "shift": learnt.shift}, tags)
    try:
        golden = golden_rows(registry.bundle_folder(champion.run_id))[0]
        text = _card(champion, found, asked.as_of)
        digest = save_bundle(found.model, registry.bundle_folder(run_id), golden, facts, text)
        (registry.artifacts(run_id) / "report.md").write_text(text, encoding="utf-8")
        registry.finish_run(run_id, metrics, now)
    except BaseException:
        registry.fail_run(run_id)
        raise
    return registry.find(name, registry.register(name, run_id, digest))


def _unseen(arrays: LogArrays, asked: Asked, champion: Entrant) -> LabelTimes:
    every = label_times(arrays, asked.conversion, asked.as_of, asked.conversion.since)
    return every.take(np.flatnonzero(every.cutoff >= champion.learnt.test_start))


def _card(champion: Version, found: Entrant, as_of: int) -> str:
    return (
        f"# {champion.conversion}\n\n{found.model.conversion.question}\n\n"
        f"Version {champion.version} recalibrated: its log-odds follow the latest {WINDOW:,} mature rows, moved by "
        f"{found.learnt.shift:+.3f} as of {format_time(as_of)}. Columns, ranking and reasons are those of version "
        f"{champion.version}; its card says what it learnt from.\n"
    )

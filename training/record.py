"""Recording a trained model: the bundle, the run in MLflow, the report and its pictures, the challenger."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from engagement.times import format_time
from features.arrays import LogArrays
from models.bundle import save_bundle
from models.registry import Registry, Version
from training import provenance
from training.card import card
from training.learnt import learnt_from
from training.report_page import report_page
from training.slicing import slices_of
from training.train import Progress, Trained

_GOLDEN_ROWS = 20


def record(
    trained: Trained, arrays: LogArrays, registry: Registry, now: int, progress: Progress | None = None
) -> Version:
    """Writes the run and its bundle, registers it as challenger and returns the version.

    Args:
        now: microseconds UTC, for MLflow's own clock only; the bundle knows nothing of it.
    """
    tell = progress or (lambda text, share: None)
    name = trained.rows.conversion.name
    facts = manifest_facts(trained, arrays)
    commit = provenance.git_commit() or "unknown"
    run_id = registry.start_run(name, _parameters(trained, facts), {"git_commit": commit})
    try:
        tell("writing the bundle", 0.92)
        text = card(trained)
        digest = save_bundle(trained.model, registry.bundle_folder(run_id), _golden(trained), facts, text)
        artifacts = registry.artifacts(run_id)
        (artifacts / "report.md").write_text(text, encoding="utf-8")
        report = json.dumps(report_json(trained), indent=1)
        (artifacts / "report.json").write_text(report, encoding="utf-8")
        tell("writing the report", 0.93)
        page = report_page(trained, {**facts, "commit": commit})
        (artifacts / "report.html").write_text(page, encoding="utf-8")
        tell("drawing pictures", 0.95)
        from training.pictures import draw

        draw(trained, artifacts / "pictures")
        tell("registering", 0.98)
        registry.finish_run(run_id, _metrics(trained), now)
    except BaseException:
        registry.fail_run(run_id)
        raise
    return registry.find(name, registry.register(name, run_id, digest))


def manifest_facts(trained: Trained, arrays: LogArrays) -> dict[str, Any]:
    """What the manifest says beyond its files: enough to repeat the training to the same digest."""
    rows, split = trained.rows, trained.split
    return {
        "conversion": rows.conversion.name,
        "as_of": format_time(rows.as_of),
        "seed": trained.seed,
        "versions": provenance.versions(),
        "lock": provenance.lock_digest(),
        "data": provenance.data_digest(arrays, rows.as_of),
        "window": [format_time(int(rows.cutoff[0])), format_time(int(rows.cutoff[-1]))],
        "train_end": format_time(split.train_end),
        "learnt": learnt_from(trained).to_json(),
        "rows": {part: len(getattr(split, part)) for part in ("train", "calibrate", "test")},
        "converted": {
            part: int(rows.converted[getattr(split, part)].sum()) for part in ("train", "calibrate", "test")
        },
    }


def report_json(trained: Trained) -> dict[str, Any]:
    """The report as data: counts, split, metrics with intervals beside the baselines."""
    return {
        "conversion": trained.rows.conversion.name,
        "question": trained.rows.conversion.question,
        "split": trained.split.plan,
        "rows": {part: len(getattr(trained.split, part)) for part in ("train", "calibrate", "test")},
        "immature": trained.rows.immature,
        "judged": {
            one.name: {name: asdict(figure) for name, figure in one.metrics.items()} for one in trained.judged
        },
        "unseen_accounts": {name: asdict(figure) for name, figure in trained.unseen.items()},
        "seen_accounts": {name: asdict(figure) for name, figure in trained.known.items()},
        "slices": [asdict(one) for one in slices_of(trained)],
        "rung": trained.fitted.rung.kind,
        "ladder": [asdict(step) for step in trained.fitted.ladder],
        "settings": trained.fitted.settings,
        "trees": trained.fitted.trees,
        "tried": trained.fitted.tried,
        "left_out_as_drifting": list(trained.left_out),
    }


def _golden(trained: Trained) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Rows spread evenly over the matrix."""
    places = np.linspace(0, len(trained.matrix) - 1, min(_GOLDEN_ROWS, len(trained.matrix))).astype(int)
    return np.asarray(trained.matrix[np.unique(places)])


def _parameters(trained: Trained, facts: dict[str, Any]) -> dict[str, Any]:
    flat = {k: v for k, v in facts.items() if k not in ("versions", "rows", "converted", "window", "learnt")}
    counts = {f"rows_{part}": number for part, number in facts["rows"].items()}
    chosen = {f"{trained.fitted.rung.kind}_{k}": v for k, v in trained.fitted.settings.items()}
    return {
        **flat,
        **counts,
        **chosen,
        "trees": trained.fitted.trees,
        "features": len(trained.model.features.features),
        "window_from": facts["window"][0],
        "window_to": facts["window"][1],
        "split": trained.split.plan,
    }


def _metrics(trained: Trained) -> dict[str, float]:
    metrics = {"cv_log_loss": trained.fitted.cv_log_loss}
    for one in trained.judged:
        prefix = "" if one.name == "model" else one.name.lower().replace(" ", "_") + "_"
        for name, figure in one.metrics.items():
            metrics[f"{prefix}{name}"] = figure.value
            metrics[f"{prefix}{name}_low"], metrics[f"{prefix}{name}_high"] = figure.low, figure.high
    return metrics

"""The model card: what a person should know before trusting a score, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engagement.times import format_time
from models.score import GRADES, grade_of
from training.judge import Interval
from training.train import Trained

_SHOWN = {
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "average_precision": "PR AUC",
    "lift_at_10pct": "lift@10 %",
    "calibration_error": "calibration error",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
}


def card(trained: Trained) -> str:
    """The card of a trained model; it holds no wall clock, so that it doesn't change the bundle's digest."""
    rows, split = trained.rows, trained.split
    lines = [f"# {rows.conversion.name}", "", rows.conversion.question, ""]
    lines += [
        "| part | rows | converted | from | to |",
        "|---|---|---|---|---|",
        _part("train", trained, split.train),
        _part("calibrate", trained, split.calibrate),
        _part("test", trained, split.test),
        "",
        f"Split by time: {split.plan}. Rows still immature and left out: {rows.immature:,}.",
        f"Model: {_rung(trained)}, {len(trained.model.features.features)} features; "
        f"log-odds = {trained.model.calibration.intercept:.4f} + {trained.model.calibration.slope:.4f} × margin.",
        f"Columns left out because their values drift with the calendar: {len(trained.left_out)}.",
        *_ladder(trained),
        *_recent(trained),
        "",
    ]
    if trained.judged:
        lines += ["## Judged out of time", "", "95 % bootstrap intervals, drawn by account.", ""]
        lines += _metrics(trained)
        lines += ["", *_unseen(trained), *_grades(trained)]
    else:
        lines += ["## Not judged", "", "The history is too short for a test part one horizon after training.", ""]
    lines += ["## Limits", "", *_limits(trained)]
    return "\n".join(lines) + "\n"


def _rung(trained: Trained) -> str:
    kind = trained.fitted.rung.kind
    return {"lightgbm": f"LightGBM, {trained.fitted.trees} trees", "logistic": "logistic regression"}.get(
        kind, "the base rate alone"
    )


def _ladder(trained: Trained) -> list[str]:
    """Which rung beat which, on what, and how surely."""
    told = [
        f"{step.rung} {'beat' if step.taken else 'did not surely beat'} {step.below} "
        f"({step.log_loss:.4f} against {step.log_loss_below:.4f}, better in {step.surely:.0%} of bootstrap draws)"
        for step in trained.fitted.ladder
    ]
    return [f"Ladder, on {trained.fitted.judged_on}: {'; '.join(told)}."] if told else []


def _recent(trained: Trained) -> list[str]:
    """What the recent-base-rate correction did, or why there is none."""
    recent = trained.recent
    if recent is None or not recent.log_losses:
        return ["Recent base rate: not looked at, the history is too short."]
    before, after = recent.log_losses[0], min(recent.log_losses.values())
    if not recent.window:
        return [f"Recent base rate: steady; following it would not have helped ({after:.4f} against {before:.4f})."]
    return [
        f"Recent base rate: followed. Log-odds are moved so that the latest {recent.window:,} mature rows come true "
        f"as promised: by {recent.now:+.3f} today. Before the test part that took log loss from {before:.4f} to "
        f"{after:.4f}; the metrics below show both, each day with the correction known on that day."
    ]


def _part(name: str, trained: Trained, part: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    if not len(part):
        return f"| {name} | 0 | | | |"
    yes, cutoffs = trained.rows.converted[part], trained.rows.cutoff[part]
    first, last = format_time(int(cutoffs[0]))[:10], format_time(int(cutoffs[-1]))[:10]
    return f"| {name} | {len(part):,} | {int(yes.sum()):,} ({yes.mean():.1%}) | {first} | {last} |"


def _metrics(trained: Trained) -> list[str]:
    names = [one.name for one in trained.judged]
    lines = ["| metric | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for key, shown in _SHOWN.items():
        lines.append(f"| {shown} | " + " | ".join(_figure(one.metrics[key]) for one in trained.judged) + " |")
    return lines


def _figure(interval: Interval) -> str:
    if interval.value != interval.value:
        return "–"
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def _unseen(trained: Trained) -> list[str]:
    def of(metrics: Mapping[str, Interval]) -> str:
        if not metrics:
            return "too few to judge"
        return f"ROC AUC {_figure(metrics['roc_auc'])}, calibration error {_figure(metrics['calibration_error'])}"

    return [
        f"- accounts never seen in training: {of(trained.unseen)}",
        f"- accounts seen in training: {of(trained.known)}",
        "",
    ]


def _grades(trained: Trained) -> list[str]:
    model, part = trained.model, trained.split.test
    log_odds = model.log_odds(trained.matrix[part])
    grades = np.array([grade_of(int(p)) for p in model.reference.percentile(log_odds)])
    converted, probability = trained.rows.converted[part], trained.test_probability
    lines = ["| grade | rows | promised | came true |", "|---|---|---|---|"]
    for _, grade in GRADES:
        some = grades == grade
        if some.any():
            lines.append(
                f"| {grade} | {int(some.sum()):,} | {probability[some].mean():.1%} | {converted[some].mean():.1%} |"
            )
    return [*lines, ""]


def _limits(trained: Trained) -> list[str]:
    conversion = trained.rows.conversion
    delays = ", ".join(f"{delay / 86_400_000_000:g}" for delay in conversion.landmarks)
    lines = [
        f"- A probability holds for {conversion.horizon_text} from the time it is asked for.",
        f"- Learnt at {delays} days after the stage was entered; a horizon after the last of them there is no score.",
        "- Reasons say what moved this model's number, not what would change the outcome.",
    ]
    if not len(trained.split.calibrate):
        lines.append("- Calibrated on out-of-fold margins of the training part, since history is short.")
    return lines

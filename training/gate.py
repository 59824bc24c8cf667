"""The gate: a challenger becomes champion only with proof."""

from __future__ import annotations

from models.registry import CHAMPION, Registry, Version

#: A champion's calibration error on its test part, at most.
WORST_CALIBRATION = 0.05


def promote(registry: Registry, version: Version) -> list[str]:
    """Promotes the version if it passes; returns why not, one sentence a failed test (empty: promoted).

    It must have been judged out of time, beat the base rate, the recency rule and the naive Bayes in log loss, be
    calibrated, and repeat its golden scores. The champion itself passes; its predecessor comes back by a rollback.
    """
    refused = refusals(version)
    if not refused:
        registry.promote(version)
    return refused


def refusals(version: Version) -> list[str]:
    """Why a version may not be champion."""
    if CHAMPION in version.aliases:
        return []
    figures = version.metrics
    loss = figures.get("log_loss")
    if loss is None:
        return ["It was not judged: its history was too short for a test one horizon after training."]
    refused = []
    for baseline in ("base_rate", "recency_rule", "naive_bayes"):
        bound = figures.get(f"{baseline}_log_loss")
        if bound is not None and not loss < bound:
            refused.append(f"Log loss {loss:.5f} is not below the {baseline.replace('_', ' ')}'s {bound:.5f}.")
    error = figures.get("calibration_error", float("nan"))
    if not error <= WORST_CALIBRATION:
        refused.append(f"Calibration error {error:.4f} is above {WORST_CALIBRATION}.")
    return refused

"""Pictures of a judged model: reliability, gain, precision and recall, and what moves it (SHAP beeswarm)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.train import Trained

Floats = npt.NDArray[np.float64]

_BEESWARM_ROWS = 800


def draw(trained: Trained, folder: Path) -> list[Path]:
    """Draws the pictures that the test part allows, as PNG files."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_beeswarm(trained, folder / "beeswarm.png")]
    if len(trained.split.test):
        converted = trained.rows.converted[trained.split.test]
        probability = trained.test_probability
        drawn.append(_reliability(converted, probability, folder / "reliability.png"))
        drawn.append(_gain(converted, probability, folder / "gain.png"))
        drawn.append(_precision_recall(converted, probability, folder / "precision_recall.png"))
    return drawn


def _figure(path: Path, xlabel: str, ylabel: str, title: str, paint: Any) -> Path:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4.5), dpi=110)
    paint(axes)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return path


def _reliability(converted: npt.NDArray[np.bool_], probability: Floats, path: Path) -> Path:
    parts = np.array_split(np.argsort(probability, kind="stable"), 10)
    promised = np.array([probability[part].mean() for part in parts if len(part)])
    true = np.array([converted[part].mean() for part in parts if len(part)])
    spread = np.array([1.96 * np.sqrt(max(p * (1 - p), 1e-9) / len(x)) for p, x in zip(true, parts, strict=False)])

    def paint(axes: Any) -> None:
        top = float(max(promised.max(), (true + spread).max())) * 1.05
        axes.plot([0, top], [0, top], color="0.7", linewidth=1)
        axes.errorbar(promised, true, yerr=spread, fmt="o", capsize=2)

    return _figure(path, "promised probability", "came true", "Reliability, tenths of the test part", paint)


def _gain(converted: npt.NDArray[np.bool_], probability: Floats, path: Path) -> Path:
    order = np.argsort(-probability, kind="stable")
    caught = np.concatenate([[0.0], np.cumsum(converted[order]) / max(1, converted.sum())])
    share = np.linspace(0, 1, len(caught))

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot(share, caught)

    return _figure(path, "share of rows, best first", "share of conversions caught", "Gain", paint)


def _precision_recall(converted: npt.NDArray[np.bool_], probability: Floats, path: Path) -> Path:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(converted, probability)

    def paint(axes: Any) -> None:
        axes.axhline(converted.mean(), color="0.7", linewidth=1)
        axes.plot(recall, precision)

    return _figure(path, "recall", "precision", "Precision and recall", paint)


def _beeswarm(trained: Trained, path: Path) -> Path:
    """What moves the model, on rows it was not fitted on where there are any."""
    import matplotlib.pyplot as plt
    import shap

    part = next(p for p in (trained.split.test, trained.split.calibrate, trained.split.train) if len(p))
    chosen = part[:: max(1, len(part) // _BEESWARM_ROWS)][:_BEESWARM_ROWS]
    matrix = trained.matrix[chosen]
    effects, base = trained.model.effects(matrix)
    names = list(trained.model.features.names)
    explanation = shap.Explanation(effects, np.full(len(matrix), base), matrix, feature_names=names)
    with warnings.catch_warnings():  # a column that is missing throughout is no news to a person at a terminal
        warnings.simplefilter("ignore")
        shap.plots.beeswarm(explanation, max_display=20, show=False)
    plt.gcf().savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close("all")
    return path

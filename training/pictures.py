"""Pictures of a judged model for MLflow: reliability, gain, precision and recall, SHAP beeswarm and dependence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.report_moves import CLOSELY, Moves
from training.train import Trained

Floats = npt.NDArray[np.float64]


def draw(trained: Trained, folder: Path) -> list[Path]:
    """Draws the pictures that the test part allows, as PNG files."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _shap(trained, folder)
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


def _shap(trained: Trained, folder: Path) -> list[Path]:
    """What moves the model, on rows it was not fitted on where there are any; nothing where there is no column."""
    import matplotlib.pyplot as plt
    import shap

    moves = Moves.of(trained)
    if not moves.features:
        return []
    names = [feature.name for feature in moves.features]
    explanation = shap.Explanation(
        moves.effects, np.full(len(moves.matrix), moves.base), moves.matrix, feature_names=names
    )
    paths = [folder / "beeswarm.png"]
    with warnings.catch_warnings():  # a column that is missing throughout is no news to a person at a terminal
        warnings.simplefilter("ignore")
        shap.plots.beeswarm(explanation, max_display=20, show=False)
        plt.gcf().savefig(paths[0], dpi=110, bbox_inches="tight", metadata={"Software": None})
        if closely := list(moves.order[:CLOSELY]):
            paths.append(folder / "dependence.png")
            figure, axes = plt.subplots(1, len(closely), figsize=(5 * len(closely), 4), squeeze=False)
            for column, place in zip(closely, axes[0], strict=True):
                shap.plots.scatter(explanation[:, column], ax=place, show=False)
            figure.tight_layout()
            figure.savefig(paths[1], dpi=110, metadata={"Software": None})
    plt.close("all")
    return paths

"""The LightGBM rung: margins and exact contributions of a booster kept as text."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Rung(Protocol):
    """What every rung of the ladder can do: a margin in log-odds, and its exact parts."""

    kind: str

    def margins(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows,) uncalibrated log-odds."""
        ...

    def contributions(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows, features + 1) parts of the margin; the last is the expectation."""
        ...

    def text(self) -> str:
        """The model as text, for the bundle."""
        ...


class Booster:
    """A LightGBM model. One thread a call: requests share the cores, and the sum's order never changes."""

    kind = "lightgbm"

    def __init__(self, text: str) -> None:
        import lightgbm

        self._text = text
        self._booster: Any = lightgbm.Booster(model_str=text)

    def margins(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows,) uncalibrated log-odds."""
        return np.asarray(self._booster.predict(matrix, raw_score=True, num_threads=1), np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows, features + 1): path-dependent SHAP values, the expectation last."""
        return np.asarray(self._booster.predict(matrix, pred_contrib=True, num_threads=1), np.float64)

    def text(self) -> str:
        """LightGBM's text format; it round-trips bit for bit."""
        return self._text

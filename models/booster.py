"""The LightGBM rung: margins and exact contributions of a booster kept as text.

The text is read in plain Python and scored by our own kernel; LightGBM itself trains, and is the check.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from engagement.errors import BadInput
from models.kernel_plan import make_plan
from models.trees import read_forest

if TYPE_CHECKING:
    from types import ModuleType

Floats = npt.NDArray[np.float64]

#: How far a contribution may be from LightGBM's, as a part of the largest.
TOLERANCE = 1e-9
#: Rows that the kernel is checked on.
CHECKED = 16

log = logging.getLogger("mqm.models")


class Rung(Protocol):
    """What every rung of the ladder can do: a margin in log-odds, and its exact parts."""

    @property
    def kind(self) -> str:
        """The rung's name in a bundle's manifest."""
        ...

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
    """A LightGBM model. One thread a call unless asked: requests share the cores. The sum's order never changes.

    Raises:
        BrokenBundle: the text is no whole LightGBM model. BadInput: a kind of model that isn't explained.
    """

    kind = "lightgbm"

    def __init__(self, text: str) -> None:
        forest = read_forest(text)
        self._text, self._features, self._plan = text, forest.features, make_plan(forest)
        self._fallback: Any = None

    def margins(self, matrix: Floats, threads: int = 1) -> Floats:
        """(rows, features) → (rows,) uncalibrated log-odds, LightGBM's to the last bit."""
        rows = self._rows(matrix)
        if self._fallback is not None:
            return np.asarray(self._fallback.predict(rows, raw_score=True, num_threads=1), np.float64)
        return np.asarray(_kernel().margins(self._plan, rows, threads))

    def contributions(self, matrix: Floats, threads: int = 1) -> Floats:
        """(rows, features) → (rows, features + 1): path-dependent SHAP values, the expectation last."""
        rows = self._rows(matrix)
        if self._fallback is not None:
            return np.asarray(self._fallback.predict(rows, pred_contrib=True, num_threads=1), np.float64)
        return np.asarray(_kernel().contributions(self._plan, rows, threads))

    def warm(self, rows: Floats) -> None:
        """Compiles the kernel, or loads it from its cache, and checks it against LightGBM on these rows (rows,
        features), in blocks and one by one. Should they differ, LightGBM takes over, and the log says so.
        """
        import lightgbm

        oracle = lightgbm.Booster(model_str=self._text)
        few = np.resize(rows, (CHECKED, self._features)) if len(rows) else np.zeros((CHECKED, self._features))
        margins = np.asarray(oracle.predict(few, raw_score=True, num_threads=1), np.float64)
        parts = np.asarray(oracle.predict(few, pred_contrib=True, num_threads=1), np.float64)
        gaps = [self.margins(some) - margins[: len(some)] for some in (few, few[:1])]
        gaps += [self.contributions(some) - parts[: len(some)] for some in (few, few[:1])]
        gap = max(float(np.abs(one).max()) for one in gaps)
        if not gap <= TOLERANCE * max(1.0, float(np.abs(parts).max())):
            log.warning("the kernel differs from LightGBM, which explains instead, slowly", extra={"gap": gap})
            self._fallback = oracle

    def text(self) -> str:
        """LightGBM's text format; it round-trips bit for bit."""
        return self._text

    def _rows(self, matrix: Floats) -> Floats:
        """The matrix as the kernel was compiled for: of doubles, row after row, and ours to write to."""
        if matrix.ndim != 2 or matrix.shape[1] != self._features:
            raise BadInput(
                f"the model reads rows of {self._features} features", matrix.shape, "Give it its features."
            )
        return np.require(matrix, np.float64, ["C", "A", "W"])


def _kernel() -> ModuleType:
    """The kernel, imported when it is needed: numba takes its time."""
    from models import kernel_shap

    return kernel_shap

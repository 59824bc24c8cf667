"""Margins and exact path-dependent SHAP values of a forest, at the speed of the score itself.

Let every feature be known with probability t, each by itself, and let a row go the way of the training rows where
the feature is not. A tree's expected value E(t) then runs from its mean, E(0), to its value for this row, E(1), and
the Shapley value of a feature is what its own probability contributes on the way: the integral over t in [0, 1] of
the part of dE/dt that comes from the splits on it (Owen 1972, Multilinear extensions of games). A split contributes

    reach(t) · (worth of left(t) − worth of right(t)) · d chance(t)/dt

where `reach` is the probability to come here, `worth` the expected value below, and `chance` that of going left:

    chance(t) = share + known(t) · push,    push = (1 if the row goes left, else 0) − share

with `share` the part of the training rows that went left. known(t) is t; below other splits on the feature it is t
given that the row passed those, and for a row that disagrees with one of them `push` is 0. That is differentiation
in reverse: a walk down for `reach`, a walk up for `worth`. Summed over a path the integrand is a polynomial of degree
below the number of its distinct features, so Gauss–Legendre quadrature is exact, and what belongs to the tree alone
is computed once (`kernel_plan`). A tree costs splits · points, and not one division.

See also Lundberg et al. 2020 (TreeSHAP), Yang 2021 (Fast TreeSHAP), Yu et al. 2022 (Linear TreeSHAP).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from models.kernel_block import score_blocks
from models.kernel_lanes import ROWS
from models.kernel_plan import Plan
from models.kernel_row import score_rows

Floats = npt.NDArray[np.float64]

#: So many rows are quicker one by one than as a block.
FEW = 2
#: Rows that a thread takes at a time.
TURN = 16 * ROWS


def margins(plan: Plan, matrix: Floats, threads: int = 1) -> Floats:
    """(rows, features) → (rows,): the sum of the leaves' values, tree after tree, as LightGBM adds them."""
    found = np.zeros(len(matrix))
    _share_out(lambda rows, score: score(plan, matrix[rows], found[rows], np.zeros((0, 0))), len(matrix), threads)
    return found


def contributions(plan: Plan, matrix: Floats, threads: int = 1) -> Floats:
    """(rows, features) → (rows, features + 1): SHAP values, the expectation last."""
    found = np.zeros((len(matrix), matrix.shape[1] + 1))
    found[:, -1] = plan.expectation
    _share_out(lambda rows, score: score(plan, matrix[rows], np.zeros(0), found[rows]), len(matrix), threads)
    return found


def _share_out(act: Callable[[slice, Callable[..., None]], None], rows: int, threads: int) -> None:
    """Rows in blocks, by so many threads, and a few that are left over by themselves.

    Which it is makes no difference to a row's numbers: lanes don't mix.
    """
    in_blocks = rows if rows % ROWS > FEW else rows - rows % ROWS
    if threads > 1 and in_blocks > TURN:
        turns = [slice(begin, min(begin + TURN, in_blocks)) for begin in range(0, in_blocks, TURN)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda turn: act(turn, score_blocks), turns))
    elif in_blocks:
        act(slice(0, in_blocks), score_blocks)
    if in_blocks < rows:
        act(slice(in_blocks, rows), score_rows)

"""What belongs to the trees alone, laid out once at load for the kernel: splits, and weights of quadrature points.

The kernel integrates a polynomial in t over [0, 1] whose degree is below the number of distinct features on a
path; Gauss–Legendre with half as many points, rounded up, is exact. See `kernel_shap` for what is integrated.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.trees import CATEGORY, Forest, Tree

Floats = npt.NDArray[np.float64]

#: No fewer than the lanes of `kernel_lanes` that hold points.
_OVER = 8
#: A split. `share` is the part of the training rows that went left; `same` the nearest split above on the same
#: feature (the tree's number of splits where there is none), `turn` 0 below its left and -1 below its right branch;
#: children are as in `trees.Tree`; `cell` is where its cells in the table begin.
SPLIT = np.dtype(
    [
        ("threshold", np.float64), ("share", np.float64),
        ("column", np.int32), ("left", np.int32), ("right", np.int32), ("same", np.int32), ("cell", np.int32),
        ("turn", np.int8), ("by_set", np.int8), ("default_left", np.int8),
    ],
    align=True,
)  # fmt: skip
#: A tree: how many splits and quadrature points it has, and where its splits, leaves, sets and weights begin.
TREE = np.dtype([(name, np.int32) for name in ("splits", "points", "split", "leaf", "set", "weight")], align=True)
#: A column that trees read: a feature, and what counts as missing in it.
COLUMN = np.dtype([("feature", np.int32), ("missing", np.int32)], align=True)


class Plan(NamedTuple):
    """Trees as arrays.

    Attributes:
        known, slope: (cells,) how likely a split's feature is known at a point, and how fast that grows there; a
            split's cells are as many as its tree has points, and shared where no split above is on its feature.
        weights: points' weights. values: leaves' values.
        bounds, words: a split by set has the categories that are bits of `words[bounds[k]:bounds[k + 1]]`.
        most_splits, most_points: of any tree. expectation: the mean margin over the training rows.
    """

    trees: npt.NDArray[np.void]
    splits: npt.NDArray[np.void]
    columns: npt.NDArray[np.void]
    known: Floats
    slope: Floats
    weights: Floats
    values: Floats
    bounds: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]
    most_splits: int
    most_points: int
    expectation: float


def make_plan(forest: Forest) -> Plan:
    """The plan of a forest."""
    pairs = {pair for tree in forest.trees for pair in zip(tree.feature.tolist(), tree.missing.tolist(), strict=True)}
    columns = np.array(sorted(pairs), COLUMN)
    places = {(int(column["feature"]), int(column["missing"])): place for place, column in enumerate(columns)}
    table = _Table()
    trees, splits, bounds = [], [], [np.zeros(1, np.int64)]
    split = leaf = sets = word = 0
    for tree in forest.trees:
        points, part = _plan_tree(tree, places, table)
        trees.append((len(tree.feature), points, split, leaf, sets, table.start(points)))
        splits.append(part)
        bounds.append(word + tree.bounds[1:])
        split += len(tree.feature)
        leaf += len(tree.value)
        sets += len(tree.bounds) - 1
        word += len(tree.words)
    known, slope, weights = table.arrays()
    return Plan(
        np.array(trees, TREE), np.concatenate(splits), columns, known, slope, weights,
        np.concatenate([tree.value for tree in forest.trees]),
        np.concatenate(bounds),
        np.concatenate([tree.words for tree in forest.trees]),
        max(tree[0] for tree in trees),
        max(tree[1] for tree in trees),
        float(sum(tree.expectation for tree in forest.trees)),
    )  # fmt: skip


class _Table:
    """Cells: those of splits that meet their feature for the first time are shared by all of as many points."""

    def __init__(self) -> None:
        self._rows: list[tuple[Floats, Floats, Floats]] = []
        self._size = 0
        self._starts: dict[int, int] = {}

    def start(self, number: int) -> int:
        """Where the cells of so many points begin: there `known` is the point itself, and its weight stands there."""
        if number not in self._starts:
            points, weights = _points(number)
            self._starts[number] = self._add(points, np.ones(number), weights)
        return self._starts[number]

    def below(self, number: int, passed: float) -> int:
        """Where the cells of a split begin below others on its feature, which a part of the training rows passed.

        A row that agrees with them may be here because its value is known or in spite of that it isn't: Bayes.
        """
        points, weights = _points(number)
        met = points + (1 - points) * passed
        return self._add(points / met, passed / met**2, weights)

    def _add(self, known: Floats, slope: Floats, weights: Floats) -> int:
        self._rows.append((known, slope, weights))
        self._size += len(known)
        return self._size - len(known)

    def arrays(self) -> tuple[Floats, Floats, Floats]:
        """known, slope, weights: (cells,) each, and some more that a row's lanes may read over the end."""
        known, slope, weights = (
            np.concatenate([*column, np.zeros(_OVER)]) for column in zip(*self._rows, strict=True)
        )
        return known, slope, weights


def _plan_tree(tree: Tree, places: dict[tuple[int, int], int], table: _Table) -> tuple[int, npt.NDArray[np.void]]:
    """How many points a tree needs, and its splits."""
    number = len(tree.feature)
    splits = np.zeros(number, SPLIT)
    splits["threshold"], splits["left"], splits["right"] = tree.threshold, tree.left, tree.right
    splits["by_set"], splits["default_left"] = tree.missing == CATEGORY, tree.default_left
    splits["column"] = [places[pair] for pair in zip(tree.feature.tolist(), tree.missing.tolist(), strict=True)]
    splits["share"] = [tree.rows_at(int(left)) / rows for left, rows in zip(tree.left, tree.count, strict=True)]
    splits["same"], splits["turn"], most = _lineage(tree)
    points = (most + 1) // 2
    passed = np.ones(number)
    for node, split in enumerate(splits):
        above, share = int(split["same"]), 0.0
        if above < number:
            share = float(splits["share"][above])
            passed[node] = passed[above] * (1 - share if split["turn"] else share)
        split["cell"] = table.below(points, passed[node]) if above < number else table.start(points)
    return points, splits


def _lineage(tree: Tree) -> tuple[list[int], list[int], int]:
    """Each split's `same` and `turn`, and the most distinct features on any path."""
    number = len(tree.feature)
    same, turn, most = [number] * number, [0] * number, 0
    above: list[dict[int, tuple[int, int]]] = [{} for _ in range(number)]
    for node, feature in enumerate(tree.feature.tolist()):
        same[node], turn[node] = above[node].get(feature, (number, 0))
        most = max(most, len(above[node]) + (same[node] == number))
        for child, side in ((int(tree.left[node]), 0), (int(tree.right[node]), -1)):
            if child >= 0:
                above[child] = {**above[node], feature: (node, side)}
    return same, turn, most


@cache
def _points(number: int) -> tuple[Floats, Floats]:
    """Gauss–Legendre points and weights on [0, 1]."""
    if number == 0:
        return np.zeros(0), np.zeros(0)
    points, weights = np.polynomial.legendre.leggauss(number)
    return (points + 1) / 2, weights / 2

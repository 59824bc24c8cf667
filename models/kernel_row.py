"""The kernel for a row by itself: its quadrature points stand side by side in lanes. See `kernel_shap`.

The operations and their order are those of `kernel_block`, so that a row's numbers are the same to the last bit.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from models.kernel_lanes import POINTS, at_most, fma, get, load, pick, store
from models.kernel_plan import Plan
from models.kernel_split import aligned, clean, is_in, part_of_kernel, place

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@part_of_kernel
def goes_left(tree: Any, split: Any, bounds: Any, words: Any, x: Floats) -> Any:
    """Which way the row goes at a split."""
    if split.by_set:
        chosen = tree.set + int(split.threshold)
        return is_in(get(x, split.column), words, bounds[chosen], bounds[chosen + 1])
    return at_most(get(x, split.column), split.threshold, split.default_left)


@part_of_kernel
def settle(tree: Any, splits: Any, values: Floats, bounds: Any, words: Any, x: Floats) -> Any:
    """The value of the leaf that the row comes to."""
    node = 0 if tree.splits else -1
    while node >= 0:
        split = splits[tree.split + node]
        node = split.left if goes_left(tree, split, bounds, words, x) else split.right
    return values[tree.leaf + ~node]


@part_of_kernel
def descend(
    tree: Any, splits: Any, bounds: Any, words: Any, weights: Floats, known: Floats, x: Floats, went: Flags,
    alive: Flags, push: Floats, reach: Floats,
) -> None:  # fmt: skip
    """Fills `went`, `alive`, `push` and `reach`."""
    number, points, first, weight = tree.splits, tree.points, tree.split, tree.weight
    width = (points + POINTS - 1) // POINTS * POINTS
    # Leaves are written to as if they had numbers for all points: nobody reads them.
    root = number * POINTS + width
    for k in range(0, points, POINTS):
        store(reach, root + k, load(weights, weight + k))
    went[number] = alive[number] = True
    for v in range(number):
        split = splits[first + v]
        share, cell, here = split.share, split.cell, root + v * width
        left, right = place(split.left, root, width, POINTS), place(split.right, root, width, POINTS)
        went[v] = goes_left(tree, split, bounds, words, x)
        alive[v] = alive[split.same] & (went[split.same] ^ (split.turn != 0))
        moves = pick(alive[v], pick(went[v], 1.0 - share, -share), 0.0)
        push[v] = moves
        for k in range(0, points, POINTS):
            come = load(reach, here + k)
            gone = come * fma(moves, load(known, cell + k), share)
            store(reach, left + k, gone)
            store(reach, right + k, come - gone)


@part_of_kernel
def ascend(
    tree: Any, splits: Any, values: Floats, known: Floats, slope: Floats, push: Floats, reach: Floats, worth: Floats,
    gaps: Floats, effect: Floats,
) -> None:  # fmt: skip
    """`worth` of every split at every point, and each split's part in its feature's effect."""
    number, points, first, leaf = tree.splits, tree.points, tree.split, tree.leaf
    width = (points + POINTS - 1) // POINTS * POINTS
    root = number * POINTS + width
    for i in range(number + 1):
        store(worth, i * POINTS, get(values, leaf + i))
    for v in range(number - 1, -1, -1):
        split = splits[first + v]
        share, cell, column, here = split.share, split.cell, split.column, root + v * width
        left, right = place(split.left, root, width, POINTS), place(split.right, root, width, POINTS)
        to_left, to_right = int(split.left >= 0), int(split.right >= 0)
        moves = push[v]
        for k in range(0, points, POINTS):
            other = load(worth, right + k * to_right)
            gap = load(worth, left + k * to_left) - other
            store(worth, here + k, fma(fma(moves, load(known, cell + k), share), gap, other))
            store(reach, here + k, load(reach, here + k) * load(slope, cell + k))
            store(gaps, k, gap)
        total = 0.0
        for k in range(points):
            total = fma(get(reach, here + k), get(gaps, k), total)
        effect[column] = fma(moves, total, effect[column])


@nb.njit(cache=True, nogil=True)
def score_rows(plan: Plan, matrix: Floats, margins: Floats, parts: Floats) -> None:
    """Writes margins (rows,) and adds effects to parts (rows, features + 1); of either, or (0, …) if not wanted."""
    trees, splits, values, bounds, words = plan.trees, plan.splits, plan.values, plan.bounds, plan.words
    weights, known, slope, columns = plan.weights, plan.known, plan.slope, plan.columns
    width = (plan.most_points + POINTS - 1) // POINTS * POINTS
    places = plan.most_splits * (width + POINTS) + width + POINTS
    x, effect, push, gaps = np.empty(len(columns)), np.empty(len(columns)), np.empty(plan.most_splits), aligned(width)
    reach, worth = aligned(places), aligned(places)
    went, alive = np.empty(plan.most_splits + 1, np.bool_), np.empty(plan.most_splits + 1, np.bool_)
    for row in range(len(matrix)):
        for c in range(len(columns)):
            x[c] = clean(matrix[row, columns[c].feature], columns[c].missing)
        if len(margins):
            margin = 0.0
            for number in range(len(trees)):
                margin += settle(trees[number], splits, values, bounds, words, x)
            margins[row] = margin
        if len(parts):
            effect[:] = 0.0
            for number in range(len(trees)):
                descend(trees[number], splits, bounds, words, weights, known, x, went, alive, push, reach)
                ascend(trees[number], splits, values, known, slope, push, reach, worth, gaps, effect)
            for c in range(len(columns)):
                parts[row, columns[c].feature] += effect[c]

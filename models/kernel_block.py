"""The kernel for many rows: 16 at a time, side by side in lanes, walk every tree together. See `kernel_shap`."""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from models.kernel_lanes import ROWS, at_most, fma, get, load, pick, store
from models.kernel_plan import Plan
from models.kernel_split import aligned, clean, is_in, part_of_kernel, place

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.uint16]


@part_of_kernel
def decide(tree: Any, splits: Any, bounds: Any, words: Any, x: Floats, went: Masks) -> None:
    """Who goes left at every split of a tree."""
    for v in range(tree.splits):
        split = splits[tree.split + v]
        if split.by_set:
            chosen, bits = tree.set + int(split.threshold), 0
            for lane in range(ROWS):
                bits |= int(is_in(x[split.column, lane], words, bounds[chosen], bounds[chosen + 1])) << lane
            went[v] = bits
        else:
            went[v] = at_most(load(x, split.column), split.threshold, split.default_left)


@part_of_kernel
def settle(tree: Any, splits: Any, values: Floats, went: Masks, worth: Floats) -> Any:
    """The value of the leaf that each row comes to; the root is the last to know."""
    number, first, leaf, root = tree.splits, tree.split, tree.leaf, tree.splits + 1
    for i in range(number + 1):
        store(worth, i, values[leaf + i])
    for v in range(number - 1, -1, -1):
        split = splits[first + v]
        left, right = load(worth, place(split.left, root, 1, 1)), load(worth, place(split.right, root, 1, 1))
        store(worth, root + v, pick(went[v], left, right))
    return load(worth, root if number else 0)


@part_of_kernel
def descend(
    tree: Any, splits: Any, weights: Floats, known: Floats, went: Masks, alive: Masks, push: Floats, reach: Floats
) -> None:
    """`reach` of every split at every point, times the point's weight; `push`, how a split moves the chance.

    A row is alive at a split if it agrees with those above on the same feature.
    """
    number, points, first, weight = tree.splits, tree.points, tree.split, tree.weight
    # Leaves are written to as if they had numbers for all points: nobody reads them.
    root = number + points
    for k in range(points):
        store(reach, root + k, weights[weight + k])
    # Above the first split on a feature stands nothing that a row could disagree with.
    went[number] = alive[number] = 0xFFFF
    for v in range(number):
        split = splits[first + v]
        share, cell = split.share, split.cell
        left, right = place(split.left, root, points, 1), place(split.right, root, points, 1)
        alive[v] = alive[split.same] & (went[split.same] ^ split.turn)
        moves = pick(alive[v], pick(went[v], 1.0 - share, -share), 0.0)
        store(push, v, moves)
        for k in range(points):
            here = load(reach, root + v * points + k)
            gone = here * fma(moves, get(known, cell + k), share)
            store(reach, left + k, gone)
            store(reach, right + k, here - gone)


@part_of_kernel
def ascend(
    tree: Any, splits: Any, values: Floats, known: Floats, slope: Floats, push: Floats, reach: Floats, worth: Floats,
    effect: Floats,
) -> None:  # fmt: skip
    """`worth` of every split at every point, and each split's part in its feature's effect."""
    number, points, first, leaf = tree.splits, tree.points, tree.split, tree.leaf
    root = number + points
    for i in range(number + 1):
        store(worth, i, values[leaf + i])
    for v in range(number - 1, -1, -1):
        split = splits[first + v]
        share, cell, column, here = split.share, split.cell, split.column, root + v * points
        left, right = place(split.left, root, points, 1), place(split.right, root, points, 1)
        # A leaf's worth is the same at all points: there its place stands still.
        to_left, to_right = int(split.left >= 0), int(split.right >= 0)
        moves = load(push, v)
        total = moves * 0.0
        for k in range(points):
            other = load(worth, right + k * to_right)
            gap = load(worth, left + k * to_left) - other
            total = fma(load(reach, here + k) * get(slope, cell + k), gap, total)
            store(worth, here + k, fma(fma(moves, get(known, cell + k), share), gap, other))
        store(effect, column, fma(moves, total, load(effect, column)))


@part_of_kernel
def take(plan: Plan, matrix: Floats, begin: int, x: Floats) -> None:
    """The columns of 16 rows from `begin` on, side by side; past the end the last row stands in."""
    for lane in range(ROWS):
        row = min(begin + lane, len(matrix) - 1)
        for c in range(len(plan.columns)):
            x[c, lane] = clean(matrix[row, plan.columns[c].feature], plan.columns[c].missing)


@part_of_kernel
def give(plan: Plan, begin: int, effect: Floats, parts: Floats) -> None:
    """Adds the effects to the rows from `begin` on."""
    for row in range(begin, min(begin + ROWS, len(parts))):
        for c in range(len(plan.columns)):
            parts[row, plan.columns[c].feature] += effect[c, row - begin]


@nb.njit(nogil=True)
def lanes(number: int) -> Floats:
    """Room for the numbers of 16 rows, so many times."""
    room: Floats = aligned(number * ROWS).reshape(number, ROWS)
    return room


@nb.njit(cache=True, nogil=True)
def score_blocks(plan: Plan, matrix: Floats, margins: Floats, parts: Floats) -> None:
    """Writes margins (rows,) and adds effects to parts (rows, features + 1); of either, or (0, …) if not wanted."""
    trees, splits, values, bounds, words = plan.trees, plan.splits, plan.values, plan.bounds, plan.words
    weights, known, slope = plan.weights, plan.known, plan.slope
    places = plan.most_splits * (plan.most_points + 1) + plan.most_points + 1
    x, effect, push = lanes(len(plan.columns)), lanes(len(plan.columns)), lanes(plan.most_splits)
    reach, worth, margin = lanes(places), lanes(places), lanes(1)
    went, alive = np.empty(plan.most_splits + 1, np.uint16), np.empty(plan.most_splits + 1, np.uint16)
    for begin in range(0, len(matrix), ROWS):
        take(plan, matrix, begin, x)
        margin[:] = 0.0
        effect[:] = 0.0
        for number in range(len(trees)):
            tree = trees[number]
            decide(tree, splits, bounds, words, x, went)
            if len(margins):
                store(margin, 0, load(margin, 0) + settle(tree, splits, values, went, worth))
            if len(parts):
                descend(tree, splits, weights, known, went, alive, push, reach)
                ascend(tree, splits, values, known, slope, push, reach, worth, effect)
        for row in range(begin, min(begin + ROWS, len(margins))):
            margins[row] = margin[0, row - begin]
        give(plan, begin, effect, parts)

"""LightGBM's text, read in plain Python into arrays: strictly, so that a damaged model is an error with a name.

LightGBM's own parser aborts the process on most truncated texts; this one checks the length of every block and
list, that the nodes form a tree, and that the training rows counted at a node are those counted at its children.
It reads what binary classifiers and regressions of version 4 write, and refuses by name what it doesn't know:
linear leaves, several classes, averaged forests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.errors import BadInput, BrokenBundle

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: What a split does with a missing value: as zero, zero is missing too, NaN is missing; or it is by category.
AS_ZERO, ZERO, NAN, CATEGORY = range(4)

_CURE = "Train again, or roll back to a whole bundle."
_NUMBERS = re.compile(r"(?:-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf)(?: |$))*")
_WHOLE_NUMBERS = re.compile(r"(?:-?\d{1,15}(?: |$))*")
_NODE_LISTS = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")


@dataclass(frozen=True)
class Tree:
    """One tree. A parent comes before its children; a child below zero is the leaf of its complement.

    Attributes:
        feature: (nodes,) the feature that a node splits on.
        threshold: (nodes,) up to which a row goes left; of a split by category, the number of its set.
        missing: (nodes,) `AS_ZERO`, `ZERO`, `NAN` or `CATEGORY`.
        default_left: (nodes,) whether a missing value goes left.
        left, right: (nodes,) the children.
        count: (nodes,) training rows that came by. leaf_count: (leaves,) that ended here.
        value: (leaves,) what a leaf adds to the margin.
        bounds, words: set k has the bits of `words[bounds[k]:bounds[k + 1]]`, 32 categories each; they go left.
    """

    feature: Ints
    threshold: Floats
    missing: Ints
    default_left: Ints
    left: Ints
    right: Ints
    count: Ints
    leaf_count: Ints
    value: Floats
    bounds: Ints
    words: Ints

    def rows_at(self, child: int) -> int:
        """How many training rows came to a node or leaf."""
        return int(self.count[child] if child >= 0 else self.leaf_count[~child])

    @property
    def expectation(self) -> float:
        """The mean value over the training rows."""
        if len(self.value) == 1:
            return float(self.value[0])
        return float(np.sum(self.leaf_count / self.count[0] * self.value))


@dataclass(frozen=True)
class Forest:
    """The trees whose values add up to a margin. `features` is how many columns a row has."""

    trees: tuple[Tree, ...]
    features: int


def read_forest(text: str) -> Forest:
    """The forest of a LightGBM text model.

    Raises:
        BrokenBundle: the text is cut short, altered, or no LightGBM model.
        BadInput: a kind of model that mqm doesn't explain.
    """
    head, begin, rest = text.partition("Tree=0\n")
    facts = _facts(head)
    if not head.startswith("tree\n") or not begin:
        raise BrokenBundle("not a LightGBM text model", head[:40], _CURE)
    if facts.get("version") != "v4":
        raise BadInput("a LightGBM text of another version", facts.get("version"), "Train with LightGBM 4.")
    if facts.get("num_class") != "1" or facts.get("num_tree_per_iteration") != "1":
        raise BadInput("a model of several classes", facts.get("num_class"), "Train with objective=binary.")
    if "average_output" in head.split("\n"):
        raise BadInput("a forest that averages its trees", "boosting=rf", "Train with boosting=gbdt.")
    features = int(_whole(facts, "max_feature_idx", 1)[0]) + 1
    rest = begin + rest
    trees = []
    sizes = _whole(facts, "tree_sizes", None).tolist()
    for number, size in enumerate(sizes):
        block, rest = rest[:size], rest[size:]
        if size <= 0 or len(block) != size or not block.startswith(f"Tree={number}\n") or block[-3:] != "\n\n\n":
            raise BrokenBundle(f"tree {number} of {len(sizes)} is not as long as the head says", size, _CURE)
        trees.append(_tree(_facts(block), features, number))
    if not rest.startswith("end of trees\n"):
        raise BrokenBundle("the trees do not end where the head says", rest[:40], _CURE)
    return Forest(tuple(trees), features)


def _facts(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.split("\n"))
    return {name: value for name, equals, value in pairs if equals}


def _numbers(facts: dict[str, str], name: str, length: int | None, pattern: re.Pattern[str] = _NUMBERS) -> Floats:
    """The numbers of a list, `length` of them."""
    text = facts.get(name)
    if text is None or not pattern.fullmatch(text):
        raise BrokenBundle(f"the model's {name} is not a list of numbers", text, _CURE)
    numbers = np.array(text.split(), np.float64)
    if length is not None and len(numbers) != length:
        raise BrokenBundle(f"the model's {name} should have {length} numbers", len(numbers), _CURE)
    return numbers


def _whole(facts: dict[str, str], name: str, length: int | None) -> Ints:
    return _numbers(facts, name, length, _WHOLE_NUMBERS).astype(np.int64)


def _tree(facts: dict[str, str], features: int, number: int) -> Tree:
    if facts.get("is_linear") != "0":
        cure = "Train without linear_tree: leaves that are no constants have no exact path-dependent effects."
        raise BadInput(f"tree {number} has linear leaves", f"is_linear={facts.get('is_linear')}", cure)
    leaves, sets = (int(_whole(facts, name, 1)[0]) for name in ("num_leaves", "num_cat"))
    if leaves < 1 or sets < 0:
        raise BrokenBundle(f"tree {number} has an impossible size", leaves, _CURE)
    feature, decision, left, right, count = (_whole(facts, name, leaves - 1) for name in _NODE_LISTS)
    tree = Tree(
        feature,
        _numbers(facts, "threshold", leaves - 1),
        np.where(decision & 1, CATEGORY, decision >> 2),
        decision >> 1 & 1,
        left,
        right,
        count,
        _whole(facts, "leaf_count", leaves) if leaves > 1 else np.ones(1, np.int64),
        _numbers(facts, "leaf_value", leaves),
        _whole(facts, "cat_boundaries", sets + 1) if sets else np.zeros(1, np.int64),
        _whole(facts, "cat_threshold", None) if sets else np.zeros(0, np.int64),
    )
    for wrong, holds in _laws(tree, decision, features).items():
        if not holds:
            raise BrokenBundle(f"tree {number}: {wrong}", None, _CURE)
    return tree


def _laws(tree: Tree, decision: Ints, features: int) -> dict[str, bool]:
    """What must hold of a tree; the kernel relies on every one."""
    nodes, sets = len(tree.feature), len(tree.bounds) - 1
    finite = bool(np.isfinite(tree.value).all())
    if nodes == 0:
        return {"a leaf is not finite": finite}
    children = np.concatenate([tree.left, tree.right])
    # Every node but the root, and every leaf, is the child of one node.
    if not np.array_equal(np.sort(children), [*range(-nodes - 1, 0), *range(1, nodes)]):
        return {"its nodes do not form a tree": False}
    above = np.arange(nodes)
    rows = [tree.rows_at(left) + tree.rows_at(right) for left, right in zip(tree.left, tree.right, strict=True)]
    by_set = tree.missing == CATEGORY
    number = tree.threshold[by_set]
    return {
        "a child comes before its parent": all(np.all((c < 0) | (c > above)) for c in (tree.left, tree.right)),
        "a feature is out of range": bool(np.all((tree.feature >= 0) & (tree.feature < features))),
        "a decision is of an unknown type": bool(np.all((decision >= 0) & (decision >> 2 <= NAN))),
        "a node's rows are not those of its children": rows == tree.count.tolist(),
        "a leaf has no rows": bool(np.all(tree.leaf_count > 0)),
        "a leaf is not finite": finite,
        "a set of categories is out of range": bool(np.isin(number, np.arange(sets)).all()),
        "the sets' bounds do not ascend": bool(tree.bounds[0] == 0 and np.all(np.diff(tree.bounds) > 0)),
        "the sets' words are not within their bounds": len(tree.words) == tree.bounds[-1],
        "a set's word has more than 32 bits": bool(np.all((tree.words >= 0) & (tree.words < 2**32))),
    }

"""What a split does with a value, and room to work in: the parts that both kernels share.

LightGBM's rules: what is no further than 1e-35 from zero is zero; NaN is zero where nothing is missing, and missing
where zero is; a category is cut to a whole number, and NaN, negative and huge ones are in no set.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from models.trees import AS_ZERO, ZERO

Floats = npt.NDArray[np.float64]

TINY = float(np.float32(1e-35))


#: Compiles what kernels are made of. It borrows the arrays that it is given: counting references to them, at every
#: call, would take as long as the arithmetic.
part_of_kernel = nb.njit(nogil=True, _nrt=False)


@part_of_kernel
def clean(value: float, missing: int) -> float:
    """A number as splits see it: NaN where it is missing."""
    if abs(value) <= TINY:
        return np.nan if missing == ZERO else 0.0
    if missing == AS_ZERO and np.isnan(value):
        return 0.0
    return value


@part_of_kernel
def is_in(value: float, words: Any, begin: int, end: int) -> bool:
    """Whether a category is in the set whose bits are `words[begin:end]`."""
    if not -1.0 < value < 2147483648.0:
        return False
    code = int(value)
    word = begin + code // 32
    return bool(word < end and (words[word] >> (code % 32)) & 1 == 1)


@part_of_kernel
def place(child: int, root: int, width: int, alone: int) -> int:
    """Where a child's numbers stand: a split's from `root` on, `width` apart; before it a leaf's, `alone` apart.

    Nobody can foresee which child is a leaf, so there is no branch on it.
    """
    leaf = child >> 31
    return (root + child * width) & ~leaf | (~child * alone) & leaf


@nb.njit(nogil=True)
def aligned(size: int) -> Floats:
    """(size,) numbers from a multiple of 64 bytes on: lanes that straddle a cache line are slow."""
    whole = np.empty(size + 8)
    skip = (64 - whole.ctypes.data % 64) % 64 // 8
    return whole[skip : skip + size]

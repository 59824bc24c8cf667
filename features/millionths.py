"""Values as integers of a millionth, so that sums never depend on the order of addition (law 7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engagement.errors import BadInput
from engagement.schema import VALUE_LIMIT, VALUE_SCALE
from features import kernel_sort

Ints = npt.NDArray[np.int64]


def fixed_point(numbers: npt.NDArray[np.float64]) -> Ints:
    """Numbers as integers of a millionth, rounded half to even; NaN becomes MISSING.

    Raises:
        BadInput: a value outside ±VALUE_LIMIT: it would not fit.
    """
    out = np.empty(len(numbers), np.int64)
    numbers = numbers.view()
    numbers.flags.writeable = False  # as Arrow's are: the kernel is compiled once
    off = kernel_sort.to_fixed_point(numbers, float(VALUE_SCALE), VALUE_LIMIT, out)
    if off >= 0:
        raise BadInput("a value too large to add up exactly", float(numbers[off]), f"At most {VALUE_LIMIT:g}.")
    return out

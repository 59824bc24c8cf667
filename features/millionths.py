"""Values as integers of a millionth, so that sums never depend on the order of addition (law 7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from engagement.schema import VALUE_LIMIT, VALUE_SCALE
from features import kernel_sort

Ints = npt.NDArray[np.int64]

_ALL_VALID = np.frombuffer(b"", np.uint8)


def fixed_point(numbers: npt.NDArray[np.float64]) -> Ints:
    """Numbers as integers of a millionth, rounded half to even; NaN becomes MISSING.

    Raises:
        BadInput: a value outside ±VALUE_LIMIT: it would not fit.
    """
    out = np.empty(len(numbers), np.int64)
    numbers = numbers.view()
    numbers.flags.writeable = False  # as Arrow's are: the kernel is compiled once
    _fill(numbers, _ALL_VALID, 0, out)
    return out


def fill_fixed_point(column: pa.Array, out: Ints) -> None:
    """Fills `out` (rows,) as `fixed_point`, straight from Arrow's buffers; a null becomes MISSING.

    Raises:
        BadInput: a value outside ±VALUE_LIMIT.
    """
    column = column if column.type == pa.float64() else column.cast(pa.float64())
    valid, data = column.buffers()
    numbers = np.frombuffer(data, np.float64)[column.offset : column.offset + len(column)]
    bits = _ALL_VALID if valid is None or not column.null_count else np.frombuffer(valid, np.uint8)
    _fill(numbers, bits, column.offset, out)


def _fill(numbers: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8], first: int, out: Ints) -> None:
    off = kernel_sort.to_fixed_point(numbers, valid, first, float(VALUE_SCALE), VALUE_LIMIT, out)
    if off >= 0:
        raise BadInput("a value too large to add up exactly", float(numbers[off]), f"At most {VALUE_LIMIT:g}.")

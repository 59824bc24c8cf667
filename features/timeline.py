"""Events and attributes grouped by an entity (a contact or an account), and events in order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

#: Stands for "no value" in fixed-point columns, and for "no time".
MISSING = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Timeline:
    """Events grouped by an entity (contact or account), ascending in time within it.

    Attributes:
        start: (entities + 1,) where each entity's events begin.
        occurred, received: (events,) microseconds UTC; the same array where nothing was received late.
        pair: (events,) code of the (type, detail) pair. value: (events,) in millionths, or MISSING.
        contact, account: (events,) codes; an account of -1 is none.
    """

    start: Ints
    occurred: Ints
    received: Ints
    pair: Codes
    value: Ints
    contact: Codes
    account: Codes


@dataclass(frozen=True)
class Facts:
    """Attributes grouped by an entity; `name` and `value` are codes, a value of -1 is an emptied attribute."""

    start: Ints
    occurred: Ints
    received: Ints
    name: Codes
    value: Codes

"""Memory that Arrow has let go stays with the process for a while, for the next columns.

Its allocator (mimalloc) gives pages back after a hundredth of a second, and takes them again, cleared by the system,
for the next columns. On a virtual machine that cost from a tenth of the work to as much as the work itself.
"""

from __future__ import annotations

import os

_VARIABLE, _MILLISECONDS = "MIMALLOC_PURGE_DELAY", "10000"


def keep_memory() -> None:
    """For doors to call before they import Arrow, which reads the environment once; what the user set stays."""
    os.environ.setdefault(_VARIABLE, _MILLISECONDS)

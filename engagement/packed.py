"""Bytes in short, for rows that are written a thousand times a second."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from engagement.errors import BadInput

_LIMIT = 64 << 20


def pack(content: bytes) -> bytes:
    """Compressed (LZ4: four times as quick as zstandard here, twice as long), with its length in front."""
    packed: bytes = _codec().compress(content, asbytes=True)
    return len(content).to_bytes(4, "little") + packed


@cache
def _codec() -> pa.Codec:
    return pa.Codec("lz4_raw")


def unpack(blob: bytes) -> bytes:
    """What `pack` was given.

    Raises:
        BadInput: longer than anything that was packed.
    """
    size = int.from_bytes(blob[:4], "little")
    if size > _LIMIT:
        raise BadInput("a damaged row of the ledger", f"{size} bytes", "Restore the file.")
    return bytes(pa.decompress(blob[4:], size, "lz4_raw", asbytes=True))

"""What kind of event a row is: a type, a detail, and whether a machine made it, as one code.

Codes follow the order of (type, detail, machine), a missing detail first; a pair that persons and machines made
stands twice, the person's first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from features import kernel_encode
from features.encode import PART, Codes, Flags, Texts, encode, readonly
from features.trust import machines

Pair = tuple[str, str | None]

#: So many possible kinds are looked up in a table; more are sorted.
_SMALL_DOMAIN = 1 << 24
_LARGEST_CODE = 2**31 - 1


@dataclass(frozen=True)
class Kinds:
    """The distinct pairs (type, detail), (pairs,) which of them machines made, and (rows,) the code of each row's."""

    pairs: list[Pair]
    machine: Flags
    pair: Codes


def encode_kinds(events: pa.Table) -> Kinds:
    """The kinds of all events; the columns detail and properties may be absent.

    Raises:
        BadInput: more types times details than codes.
    """
    types, (pair,) = encode(events["type"])
    details = Texts()
    others = events.select([name for name in ("detail", "properties") if name in events.column_names])
    begin = 0
    for batch in others.to_batches(max_chunksize=PART) if others.num_columns else []:
        # Into the same array, part by part: (2 * (detail + 1) + machine) * types + type.
        flags = _flags(batch, "properties")
        detail = _first_sight(batch, "detail", details)
        if 2 * (len(details) + 1) * len(types) > _LARGEST_CODE:
            cure = "Details name a page or a campaign; ids and whole addresses belong to the properties."
            raise BadInput("too many different details", len(details), cure)
        kernel_encode.join(pair[begin : begin + len(batch)], detail, flags, len(types))
        begin += len(batch)
    return _in_order(types, details, pair)


def _first_sight(batch: pa.RecordBatch, name: str, known: Texts) -> Codes:
    codes = np.full(len(batch), -1, np.int32)
    if name in batch.schema.names:
        known.encode(batch.column(name), codes)
    return codes


def _flags(batch: pa.RecordBatch, name: str) -> Flags:
    found = machines(batch.column(name)) if name in batch.schema.names else None
    return np.zeros(len(batch), np.bool_) if found is None else found


def _in_order(types: pa.Array, details: Texts, pair: Codes) -> Kinds:
    """The codes of first sight, joined, as codes in order; in place."""
    texts, place = details.in_order()
    distinct, code = _distinct(pair, 2 * (len(details) + 1) * len(types))
    rest, kind = np.divmod(distinct, max(len(types), 1))
    detail, machine = place[rest // 2 - 1], rest % 2
    order = np.lexsort((machine, detail, kind))
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    kernel_encode.recode(readonly(pair), rank[code] if len(code) else code, pair)
    kinds, known = types.to_pylist(), [*texts.to_pylist(), None]
    pairs = [(kinds[a], known[b]) for a, b in zip(kind[order].tolist(), detail[order].tolist(), strict=True)]
    return Kinds(pairs, machine[order].astype(np.bool_), pair)


def _distinct(pair: Codes, domain: int) -> tuple[npt.NDArray[np.int64], Codes]:
    """The joined codes that occur, and what leads from the codes in `pair` to their places among them."""
    if domain > _SMALL_DOMAIN:
        many, inverse = np.unique(pair, return_inverse=True)
        pair[:] = inverse
        return many.astype(np.int64), np.arange(len(many), dtype=np.int32)
    seen = np.zeros(domain, np.bool_)
    kernel_encode.note(pair, seen)
    few = np.flatnonzero(seen).astype(np.int64)
    code = np.zeros(domain, np.int32)
    code[few] = np.arange(len(few), dtype=np.int32)
    return few, code

"""What kind of event a row is: a type, a detail, and whether a machine made it, as one code.

Codes follow the order of (type, detail, machine), a missing detail first; a pair that persons and machines made
stands twice, the person's first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.errors import BadInput
from features import kernel_encode, memory
from features.encode import PART, Codes, Flags, Texts, encode_column, in_order, readonly, share_of
from features.trust import machines

Ints = npt.NDArray[np.int64]
Pair = tuple[str, str | None]

#: So many possible kinds are looked up in a table; more are sorted.
_SMALL_DOMAIN = 1 << 24
_LARGEST_CODE = 2**31 - 1


class Kinds:
    """Events' kinds on their way to codes, as `features.encode.Encoding`.

    Attributes:
        pair: (rows,) in the end the code of each row's pair.
    """

    def __init__(self, events: pa.Table, threads: int = 1) -> None:
        self.pair = memory.empty(len(events), np.int32)
        self._events = events
        self._types, self._details = ([Texts() for _ in range(threads)] for _ in range(2))

    def read(self, thread: int) -> None:
        """Encodes the thread's share of the rows: (2 * (detail + 1) + machine) * types + type, in its own codes.

        Raises:
            BadInput: more types times details than codes.
        """
        share = share_of(len(self.pair), thread, len(self._types))
        events, pair = self._events[share], self.pair[share]
        types, details = self._types[thread], self._details[thread]
        encode_column(events["type"], types, pair)
        others = events.select([name for name in ("detail", "properties") if name in events.column_names])
        begin = 0
        for batch in others.to_batches(max_chunksize=PART) if others.num_columns else []:
            # Part by part, and into the same array: details need no memory of their own.
            detail, flags = _details(batch, details), _machines(batch)
            if 2 * (len(details) + 1) * len(types) > _LARGEST_CODE:
                cure = "Details name a page or a campaign; ids and whole addresses belong to the properties."
                raise BadInput("too many different details", len(details), cure)
            kernel_encode.join(pair[begin : begin + len(batch)], detail, flags, len(types))
            begin += len(batch)

    def finish(self) -> tuple[list[Pair], Flags]:
        """Puts the codes in order; the pairs, and (pairs,) which of them machines made."""
        types, type_places = in_order(self._types)
        details, detail_places = in_order(self._details)
        found: list[tuple[Codes, Codes, Ints]] = []
        for thread, (kind, detail) in enumerate(zip(type_places, detail_places, strict=True)):
            pair = self.pair[share_of(len(self.pair), thread, len(type_places))]
            joined, code = _distinct(pair, 2 * len(detail) * (len(kind) - 1))
            rest, of = np.divmod(joined, max(len(kind) - 1, 1))
            place = kind[of].astype(np.int64) * (len(details) + 1) + detail[rest // 2 - 1] + 1
            found.append((pair, code, 2 * place + rest % 2))
        every = np.unique(np.concatenate([keys for _, _, keys in found]))
        for pair, code, keys in found:
            meaning = np.searchsorted(every, keys).astype(np.int32)
            kernel_encode.recode(readonly(pair), meaning[code] if len(code) else code, pair)
        kinds, texts = types.to_pylist(), [None, *details.to_pylist()]
        pairs = [divmod(key // 2, len(texts)) for key in every.tolist()]
        return [(kinds[kind], texts[detail]) for kind, detail in pairs], (every % 2).astype(np.bool_)


def _details(batch: pa.RecordBatch, known: Texts) -> Codes:
    codes = np.full(len(batch), -1, np.int32)
    if "detail" in batch.schema.names:
        known.encode(batch.column("detail"), codes)
    return codes


def _machines(batch: pa.RecordBatch) -> Flags:
    found = machines(batch.column("properties")) if "properties" in batch.schema.names else None
    return np.zeros(len(batch), np.bool_) if found is None else found


def _distinct(pair: Codes, domain: int) -> tuple[Ints, Codes]:
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

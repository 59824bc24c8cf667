"""Which events machines made: mail scanners open, bots click, and an event's properties may say so.

A machine's are those whose properties say {"machine": true}, {"bot": true} or a {"trust": …} of at least 0 and
below 0.5. Everything else is a person's: no properties, other shapes, text that is no JSON. It is never an error.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Texts without one of these keys aren't parsed.
_KEYS = '"(machine|bot|trust)"'


class _Said(msgspec.Struct, gc=False):
    """What properties say; every other key is passed over, and a value may be anything."""

    machine: Any = None
    bot: Any = None
    trust: Any = None


_decoder = msgspec.json.Decoder(_Said)


def by_machine(properties: str | None) -> bool:
    """Whether the event with these properties (JSON text) was made by a machine."""
    if not properties or not ('"machine"' in properties or '"bot"' in properties or '"trust"' in properties):
        return False
    try:
        said = _decoder.decode(properties)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    trust = said.trust
    distrusted = isinstance(trust, int | float) and not isinstance(trust, bool) and 0 <= trust < 0.5
    return said.machine is True or said.bot is True or distrusted


def machines(properties: pa.Array) -> npt.NDArray[np.bool_] | None:
    """(rows,) whether a machine made each event; None where nothing is said. Texts may be a dictionary.

    Only the distinct texts that hold one of the words are parsed.
    """
    if properties.null_count == len(properties):
        return None
    if pa.types.is_dictionary(properties.type):
        meaning = machines(properties.dictionary)
        indices = properties.indices.fill_null(len(properties.dictionary))
        return None if meaning is None else np.asarray(np.append(meaning, False)[indices.to_numpy()])
    rows = pc.indices_nonzero(pc.match_substring_regex(properties, _KEYS).fill_null(False))
    if len(rows) == 0:
        return None
    texts = properties.take(rows).dictionary_encode()
    meaning = np.array([by_machine(text) for text in texts.dictionary.to_pylist()], np.bool_)
    found = np.zeros(len(properties), np.bool_)
    found[rows.to_numpy()] = meaning[texts.indices.to_numpy()]
    return found

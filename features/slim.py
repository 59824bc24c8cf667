"""Events with what features see of them alone: of their properties, whether a machine made them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.trust import machines

#: What properties say of an event that a machine made, in the fewest words.
OF_MACHINES = '{"machine": true}'


def slim(events: pa.Table) -> pa.Table:
    """The same events; `properties` say that a machine made them, or are null, or absent."""
    if "properties" not in events.column_names:
        return events
    place = events.schema.get_field_index("properties")
    chunks = [(chunk, machines(chunk)) for chunk in events["properties"].chunks]
    if all(flags is None for _, flags in chunks):
        return events.remove_column(place)
    found = np.concatenate([np.zeros(len(chunk), np.bool_) if flags is None else flags for chunk, flags in chunks])
    codes = pa.array(np.zeros(len(found), np.int32), mask=~found)
    return events.set_column(place, "properties", pa.DictionaryArray.from_arrays(codes, [OF_MACHINES]))

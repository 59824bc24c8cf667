"""The training table: `contact_id, cutoff, converted`, then the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from engagement.schema import TIME
from features.arrays import LogArrays
from features.engine import Engine
from features.feature_set import FeatureSet
from training.label_times import LabelTimes


def training_table(engine: Engine, arrays: LogArrays, rows: LabelTimes, features: FeatureSet) -> Iterator[pa.Table]:
    """One row a label time, ordered by cutoff and contact, some rows at a time; missing values are NaN.

    Args:
        arrays: those that the rows were made from.
    """
    ids, begin = contact_ids(arrays, rows), 0
    ids = pa.array(ids, pa.string()) if isinstance(ids, list) else ids
    for some in engine.computed((features,), ids, rows.cutoff):
        end = begin + len(some)
        columns: dict[str, pa.Array] = {
            "contact_id": some.contact_ids,
            "cutoff": pa.array(some.cutoffs).cast(TIME),
            "converted": pa.array(rows.converted[begin:end]),
        }
        for place, name in enumerate(features.names):
            columns[name] = pa.array(np.ascontiguousarray(some.matrix[:, place]))
        yield pa.table(columns)
        begin = end


def contact_ids(arrays: LogArrays, rows: LabelTimes) -> pa.Array | list[str]:
    """(rows,) the rows' contact ids."""
    if isinstance(arrays.contacts, list):
        return [arrays.contacts[code] for code in rows.contact]
    return arrays.contacts.take(pa.array(rows.contact))

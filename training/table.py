"""The training table: `contact_id, cutoff, converted`, then the features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engagement.schema import TIME
from engagement.settings import FeatureSettings
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.vocabulary import Vocabulary
from training.label_times import LabelTimes


def training_table(arrays: LogArrays, rows: LabelTimes, settings: FeatureSettings, known_by: int) -> pa.Table:
    """One row a label time, ordered by cutoff and contact; missing values are NaN.

    Args:
        known_by: microseconds UTC; which columns there are is decided by what was known then.
    """
    features = derive_features(Vocabulary.of(arrays, known_by), settings, rows.conversion)
    ids = contact_ids(arrays, rows)
    matrix = features.compute(arrays, ids, rows.cutoff, threads=2)
    columns: dict[str, pa.Array] = {
        "contact_id": pa.array(ids, pa.string()),
        "cutoff": pa.array(rows.cutoff).cast(TIME),
        "converted": pa.array(rows.converted),
    }
    for place, name in enumerate(features.names):
        columns[name] = pa.array(np.ascontiguousarray(matrix[:, place]))
    return pa.table(columns)


def contact_ids(arrays: LogArrays, rows: LabelTimes) -> pa.Array | list[str]:
    """(rows,) the rows' contact ids."""
    if isinstance(arrays.contacts, list):
        return [arrays.contacts[code] for code in rows.contact]
    return arrays.contacts.take(pa.array(rows.contact))

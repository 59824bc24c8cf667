"""What the peers see: every column that the audit trusts, before mqm leaves out or transforms any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.quality.tables import Table
from features.catalogue import derive_features
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary
from training.table import contact_ids
from training.train import Trained


def learnt_rows(trained: Trained) -> int:
    """How many of the first rows a peer learns from: those of mqm's parts before the test, and what lies between."""
    split = trained.split
    return int(np.concatenate([split.train, split.calibrate]).max()) + 1


def honest_frame(table: Table, trained: Trained, threads: int = 2) -> pd.DataFrame:
    """(rows, columns) the table as a frame, categories as categories, without what never varies."""
    assert trained.audit is not None
    settings = trained.audit.trusted(table.settings)
    known = Vocabulary.of(table.arrays, trained.split.train_end)
    features = derive_features(known, settings, table.conversion)
    rows = trained.rows
    matrix = features.compute(table.arrays, contact_ids(table.arrays, rows), rows.cutoff, threads)
    return as_frame(matrix, features, learnt_rows(trained))


def as_frame(matrix: npt.NDArray[np.float64], features: FeatureSet, learnt: int) -> pd.DataFrame:
    """(rows, columns) of a matrix; columns with one value in the first `learnt` rows are left out."""
    columns: dict[str, pd.Series] = {}
    for place, name in enumerate(features.names):
        values = matrix[:, place]
        if len(np.unique(values[:learnt])) < 2:  # NaN equals NaN here
            continue
        is_category = place in features.category_columns
        columns[name] = pd.Series(_categories(values) if is_category else values)
    return pd.DataFrame(columns)


def _categories(values: npt.NDArray[np.float64]) -> pd.Categorical[str]:
    """Places in a list as texts; "none" where missing, a category like any other."""
    return pd.Categorical(["none" if np.isnan(place) else f"c{int(place)}" for place in values])

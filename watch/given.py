"""Scores that were given, as `mqm score` wrote them, held against what came true since."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from engagement.errors import BadInput
from engagement.schema import TIME
from features.arrays import LogArrays
from models.propensity import PropensityModel
from models.score import SCORED
from training.label_times import LabelTimes
from watch.outcomes import Promised, promised

_COLUMNS = ("contact_id", "as_of", "status", "probability", "conversion")


def read_scores(path: Path, arrays: LogArrays, model: PropensityModel, as_of: int) -> Promised:
    """The scores of a file, and what came of them as known at `as_of` (microseconds UTC).

    Scores that are no numbers, and contacts that the log does not know, are left out.

    Raises:
        BadInput: not such a file, or of another conversion.
    """
    table = _read(path)
    if missing := sorted(set(_COLUMNS) - set(table.column_names)):
        raise BadInput(f"{path}: no scores, a column is missing", missing[0], "Give a file that mqm score wrote.")
    names = set(table["conversion"].to_pylist())
    if names - {model.conversion.name}:
        odd = sorted(names - {model.conversion.name})[0]
        raise BadInput(f"{path}: scores of another conversion", odd, f"Give those of {model.conversion.name}.")
    try:
        moments = table["as_of"].cast(TIME).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path}: as_of is no time", str(error), "Give RFC 3339 times in UTC.") from None
    contact = arrays.contact_codes(table["contact_id"].combine_chunks().cast(pa.string()))
    keep = pc.equal(table["status"], SCORED).to_numpy(zero_copy_only=False) & (contact >= 0)
    keep &= moments.to_numpy() <= as_of
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise BadInput(f"{path}: no score of anyone in the log", len(table), "Give the scores of this log.")
    cutoff = moments.to_numpy()[rows].astype(np.int64)
    contact = contact[rows]
    order = np.lexsort((contact, cutoff))
    contact, cutoff = contact[order], cutoff[order]
    probability = table["probability"].to_numpy().astype(np.float64)[rows][order]
    account = arrays.accounts_at(contact, cutoff)
    times = LabelTimes(model.conversion, as_of, contact, account, cutoff, np.zeros(len(cutoff), np.bool_), 0)
    return promised(arrays, times, probability, model, as_of)


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, columns=list(_COLUMNS))
        if path.suffix == ".jsonl":
            return pyarrow.json.read_json(path).select(_COLUMNS)
        if path.suffix == ".csv":
            return pyarrow.csv.read_csv(path).select(_COLUMNS)
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise BadInput(f"{path} cannot be read", str(error), "Give a file that mqm score wrote.") from None
    raise BadInput("scores of an unknown kind", str(path), "Give .parquet, .csv or .jsonl.")

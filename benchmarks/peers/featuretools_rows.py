"""Run by featuretools' own Python: the columns that it can compute, for some rows.

    python featuretools_rows.py FOLDER

Reads `events.parquet`, `wanted.parquet` (row, contact_id, cutoff) and `columns.json` (name, op, type, window in
microseconds or null) in the folder, writes `found.parquet`, and prints the seconds that the calculation took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import featuretools as ft
import pandas as pd
from featuretools.primitives import Count, NumUnique, Sum, TimeSinceFirst, TimeSinceLast

DAY = 86_400_000_000


def main(folder: Path) -> None:
    """One calculation for each window; all columns of a window at once."""
    events, wanted = pd.read_parquet(folder / "events.parquet"), pd.read_parquet(folder / "wanted.parquet")
    columns = json.loads((folder / "columns.json").read_text())
    data = _entity_set(events)
    cutoffs = pd.DataFrame({"contact_id": wanted["contact_id"], "time": pd.to_datetime(wanted["cutoff"], unit="us")})
    begin, parts = time.perf_counter(), []
    for window in dict.fromkeys(column["window"] for column in columns):
        asked = [column for column in columns if column["window"] == window]
        parts.append(
            ft.calculate_feature_matrix(
                [_feature(data, column) for column in asked],
                data,
                cutoff_time=cutoffs,
                training_window=None if window is None else f"{window // DAY} days",
                include_cutoff_time=False,
                cutoff_time_in_index=True,
            )
        )
    print(time.perf_counter() - begin)
    pd.concat(parts, axis=1).reset_index().to_parquet(folder / "found.parquet")


def _entity_set(events: pd.DataFrame) -> Any:
    data = ft.EntitySet("log")
    data.add_dataframe(events, "events", index="event_id", time_index="occurred_at")
    contacts = pd.DataFrame({"contact_id": sorted(events["contact_id"].unique())})
    data.add_dataframe(contacts, "contacts", index="contact_id")
    data.add_relationship("contacts", "contact_id", "events", "contact_id")
    data.add_last_time_indexes()
    return data


def _feature(data: Any, column: dict[str, Any]) -> Any:
    of, primitive = {
        "count": ("event_id", Count),
        "sum": ("value", Sum),
        "distinct": ("detail", NumUnique),
        "recency": ("occurred_at", TimeSinceLast(unit="days")),
        "first": ("occurred_at", TimeSinceFirst(unit="days")),
    }[column["op"]]
    kind = None if column["type"] is None else ft.Feature(data["events"].ww["type"]) == column["type"]
    feature = ft.Feature(data["events"].ww[of], parent_dataframe_name="contacts", where=kind, primitive=primitive)
    return feature.rename(column["name"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Every kind of feature once more, in plain SQL over the raw tables: what the kernel must equal to the last bit.

It shares nothing with the kernel but the declarations. Arithmetic is on integers; each feature ends in at most one
floating-point operation. Times become microseconds when the tables are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.declare import (
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    GapLast,
    GapMean,
    GapSpread,
    HourShare,
    LastDetail,
    LastValue,
    Max,
    Min,
    Ratio,
    Recency,
    StageAge,
    Sum,
    Trend,
    WeekdayShare,
)

DAY = "86400000000"
NUMBER = r"\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\s*"

#: Millionths: the nearest whole number, of two equally near the even one. The multiplication is the only float step.
LOAD = """
CREATE OR REPLACE TABLE ev AS
WITH scaled AS (
    SELECT *, value * 1000000.0::DOUBLE AS s,
           CASE WHEN json_valid(properties) AND json_type(properties) = 'OBJECT' THEN properties::JSON END AS said
    FROM raw_events)
SELECT coalesce((said->'$.machine') = 'true', false) OR coalesce((said->'$.bot') = 'true', false)
       OR coalesce(json_type(said, '$.trust') IN ('DOUBLE', 'UBIGINT', 'BIGINT')
                   AND (said->>'$.trust')::DOUBLE BETWEEN 0 AND 0.4999999999999999, false) AS machine,
       contact_id AS contact, account_id AS account, type, detail,
       epoch_us(occurred_at) AS occurred, epoch_us(received_at) AS received,
       CASE WHEN s - floor(s) > 0.5 OR (s - floor(s) = 0.5 AND floor(s)::BIGINT % 2 <> 0)
            THEN floor(s)::BIGINT + 1 ELSE floor(s)::BIGINT END AS millionths
FROM scaled;

CREATE OR REPLACE TABLE facts AS
SELECT contact_id AS contact, account_id AS account, name, value,
       epoch_us(occurred_at) AS occurred, epoch_us(received_at) AS received
FROM raw_attributes;

CREATE OR REPLACE TABLE cut AS
SELECT w.*, (SELECT first(e.account ORDER BY e.occurred DESC, e.account DESC) FROM ev e
             WHERE e.contact = w.contact AND e.occurred < w.cutoff AND e.received <= w.cutoff
               AND e.account IS NOT NULL) AS account
FROM wanted w;

CREATE OR REPLACE TABLE seen_contact AS
SELECT c.row, c.contact AS self, c.cutoff - e.occurred AS age, e.contact, e.type, e.detail, e.millionths, e.machine,
       make_timestamp(e.occurred) AS clock
FROM cut c LEFT JOIN ev e ON e.contact = c.contact AND e.occurred < c.cutoff AND e.received <= c.cutoff;

CREATE OR REPLACE TABLE seen_account AS
SELECT c.row, c.contact AS self, c.cutoff - e.occurred AS age, e.contact, e.type, e.detail, e.millionths, e.machine,
       make_timestamp(e.occurred) AS clock
FROM cut c LEFT JOIN ev e ON e.account = c.account AND e.occurred < c.cutoff AND e.received <= c.cutoff;

CREATE OR REPLACE TABLE facts_contact AS
SELECT c.row, f.name, f.value, f.occurred
FROM cut c LEFT JOIN facts f ON f.contact = c.contact AND f.occurred < c.cutoff AND f.received <= c.cutoff;

CREATE OR REPLACE TABLE facts_account AS
SELECT c.row, f.name, f.value, f.occurred
FROM cut c LEFT JOIN facts f
  ON f.contact IS NULL AND f.account = c.account AND f.occurred < c.cutoff AND f.received <= c.cutoff;
"""


class Oracle:
    """One connection, used again and again."""

    def __init__(self) -> None:
        self._db = duckdb.connect(config={"threads": 1})

    def compute(
        self,
        events: pa.Table,
        attributes: pa.Table,
        features: Sequence[Feature],
        contact_ids: Sequence[str],
        cutoffs: Sequence[int],
    ) -> npt.NDArray[np.float64]:
        """(rows, features), in the order of the rows."""
        self._db.register("raw_events", events)
        self._db.register("raw_attributes", attributes)
        wanted = {
            "row": pa.array(range(len(contact_ids)), pa.int64()),
            "contact": pa.array(contact_ids, pa.string()),
            "cutoff": pa.array(cutoffs, pa.int64()),
        }
        self._db.register("wanted", pa.table(wanted))
        self._db.execute(LOAD)
        out = np.empty((len(contact_ids), len(features)))
        for level in ("contact", "account"):
            for source in ("seen", "facts"):
                mine = [
                    i
                    for i, f in enumerate(features)
                    if f.level == level and isinstance(f, AsOf) == (source == "facts")
                ]
                for some in (mine[i : i + 40] for i in range(0, len(mine), 40)):
                    columns = ", ".join(f"coalesce({formula(features[i])}, 'NaN'::DOUBLE) AS c{i}" for i in some)
                    query = f"SELECT row, {columns} FROM {source}_{level} GROUP BY row ORDER BY row"
                    found = self._db.execute(query).fetchnumpy()
                    for i in some:
                        out[:, i] = found[f"c{i}"]
        return out


def formula(feature: Feature) -> str:
    """The aggregate over a row's visible events (or attributes); NULL where missing."""
    if isinstance(feature, AsOf):
        value = f"first(value ORDER BY occurred DESC, value DESC NULLS LAST) FILTER (name = {quoted(feature.type)})"
        if feature.categories:
            return place(feature.categories, value)
        number = f"CASE WHEN regexp_full_match({value}, '{NUMBER}') THEN TRY_CAST(trim({value}) AS DOUBLE) END"
        return f"CASE WHEN abs({number}) <= 1e300 THEN {number} END"
    ever = "age IS NOT NULL" + ("" if feature.machines else " AND NOT machine")
    anything = ever
    if feature.type is not None:
        ever += f" AND type = {quoted(feature.type)}"
    if feature.detail is not None:
        ever += f" AND detail = {quoted(feature.detail)}"
    inside = ever if feature.window is None else f"{ever} AND age <= {feature.window}"
    match feature:
        case Count():
            return f"(count(*) FILTER ({inside}))::DOUBLE"
        case Sum():
            return f"coalesce(sum(millionths) FILTER ({inside}), 0)::BIGINT::DOUBLE / 1000000.0::DOUBLE"
        case Min() | Max():
            return f"({feature.op}(millionths) FILTER ({inside}))::DOUBLE / 1000000.0::DOUBLE"
        case StageAge():
            return f"({'min' if feature.each else 'max'}(age) FILTER ({ever}))::DOUBLE / {DAY}::DOUBLE"
        case GapSpread():
            return gap_spread(inside)
        case GapMean():
            gaps = f"(count(*) FILTER ({inside}) - 1)"
            all_of_them = f"(max(age) FILTER ({inside}) - min(age) FILTER ({inside}))"
            return f"CASE WHEN {gaps} > 0 THEN {all_of_them}::DOUBLE / ({DAY} * {gaps})::DOUBLE END"
        case GapLast():
            ages = f"list_sort(list(age) FILTER ({inside}))"
            return f"({ages}[2] - {ages}[1])::DOUBLE / {DAY}::DOUBLE"
        case Trend():
            longer = f"{ever} AND age <= {feature.against}"
            return f"(count(*) FILTER ({inside}))::DOUBLE / nullif(count(*) FILTER ({longer}), 0)::DOUBLE"
        case Ratio():
            of = anything + ("" if feature.per is None else f" AND type = {quoted(feature.per)}")
            of += "" if feature.window is None else f" AND age <= {feature.window}"
            return f"(count(*) FILTER ({inside}))::DOUBLE / nullif(count(*) FILTER ({of}), 0)::DOUBLE"
        case HourShare():
            low, high = feature.hours
            some = f"{inside} AND hour(clock) >= {low} AND hour(clock) < {high}"
            return f"(count(*) FILTER ({some}))::DOUBLE / nullif(count(*) FILTER ({inside}), 0)::DOUBLE"
        case WeekdayShare():
            some = f"{inside} AND isodow(clock) - 1 IN ({', '.join(map(str, feature.weekdays))})"
            return f"(count(*) FILTER ({some}))::DOUBLE / nullif(count(*) FILTER ({inside}), 0)::DOUBLE"
        case ActiveDays():
            return f"(count(DISTINCT (age - 1) // {DAY}) FILTER ({inside}))::DOUBLE"
        case Distinct():
            return f"(count(DISTINCT detail) FILTER ({inside}))::DOUBLE"
        case Colleagues():
            return f"(count(DISTINCT contact) FILTER ({inside} AND contact <> self))::DOUBLE"
        case Recency():
            return f"(min(age) FILTER ({inside}))::DOUBLE / {DAY}::DOUBLE"
        case FirstSeen():
            oldest = f"max(age) FILTER ({ever})"
            if feature.window is not None:
                oldest = f"CASE WHEN {oldest} > {feature.window} THEN {feature.window} ELSE {oldest} END"
            return f"({oldest})::DOUBLE / {DAY}::DOUBLE"
        case LastValue():
            last = f"first(millionths ORDER BY age, millionths DESC) FILTER ({inside} AND millionths IS NOT NULL)"
            return f"{last}::DOUBLE / 1000000.0::DOUBLE"
        case LastDetail():
            last = f"first(detail ORDER BY age, detail DESC) FILTER ({inside} AND detail IS NOT NULL)"
            return place(feature.categories, last)
    raise AssertionError(feature)


def gap_spread(inside: str) -> str:
    """The standard deviation of the gaps in whole seconds, as the mean square less the squared mean."""
    ages = f"list_sort(list(age) FILTER ({inside}))"
    gaps = f"(count(*) FILTER ({inside}) - 1)"
    square = f"(({ages}[i + 1] - {ages}[i]) // 1000000) * (({ages}[i + 1] - {ages}[i]) // 1000000)"
    squares = f"list_sum(list_transform(range(1, {gaps} + 1), lambda i: {square}))::DOUBLE"
    mean = f"(((max(age) FILTER ({inside}) - min(age) FILTER ({inside})) // 1000000)::DOUBLE / {gaps}::DOUBLE)"
    variance = f"greatest({squares} / {gaps}::DOUBLE - {mean} * {mean}, 0.0::DOUBLE)"
    return f"CASE WHEN {gaps} > 1 THEN sqrt({variance}) / 86400.0::DOUBLE END"


def place(categories: Sequence[str], value: str) -> str:
    """A text's place in the categories; after the last for any other text, NULL for none."""
    whens = " ".join(f"WHEN {quoted(text)} THEN {i}" for i, text in enumerate(categories))
    other = f"CASE WHEN {value} IS NOT NULL THEN {len(categories)} END"
    return f"(CASE {value} {whens} ELSE {other} END)::DOUBLE" if whens else f"({other})::DOUBLE"


def quoted(text: str | None) -> str:
    """An SQL string."""
    return "'" + str(text).replace("'", "''") + "'"

"""The same columns in DuckDB's SQL, two ways, and the plain group-by that everything is measured against.

`pivoted` is the best SQL that we know. Variants that were no faster: counts of four windows packed into one sum,
one cell code for type and bucket, conditional counts per (row, type) before the pivot; `histogram` counts fast,
but the rest of the columns then costs as much again.
"""

from __future__ import annotations

from benchmarks.features.columns import ACTIVE, COUNTS, DISTINCTS, EVER, FIRST, LAST, RECENCIES, SUMS, WINDOWS, ZERO
from benchmarks.features.generated import TYPES
from engagement.times import DAY

#: Over a relation `events`: what one pass over the data costs DuckDB.
PLAIN = (
    "SELECT contact_id, count(*), sum(value), max(occurred_at), min(occurred_at) FROM {events} GROUP BY contact_id"
)
#: Run once on a connection before `pivoted`.
SETUP = f"CREATE TYPE kind AS ENUM ({', '.join(repr(kind) for kind in TYPES)})"

_DAY = f"{DAY}::DOUBLE"
_SEEN = """
seen AS (
    SELECT w.row, {kind} AS type, e.detail, w.cutoff - epoch_us(e.occurred_at) AS age,
           round(e.value * 1000000)::BIGINT AS millionths
    FROM {wanted} w JOIN {events} e ON {same}
    WHERE epoch_us(e.occurred_at) < w.cutoff AND epoch_us(e.received_at) <= w.cutoff
)"""


def wide(events: str = "events", wanted: str = "wanted") -> str:
    """One aggregate with FILTER for each column: how it is usually written."""
    seen = _seen("e.type", events, wanted)
    return f"WITH {seen}, told AS (SELECT row, {_aggregates()} FROM seen GROUP BY row)" + _every_row(wanted)


def single(events: str, cutoff: int) -> str:
    """The same for the one contact whose events these are."""
    seen = _seen("e.type", events, f"(SELECT 0 AS row, {cutoff} AS cutoff)", "true")
    return f"WITH {seen} SELECT {_aggregates()} FROM seen"


def _seen(kind: str, events: str, wanted: str, same: str = "e.contact_id = w.contact_id") -> str:
    return _SEEN.format(kind=kind, events=events, wanted=wanted, same=same)


def _aggregates() -> str:
    columns = [f"count(*) FILTER (type = '{f.type}' AND age <= {f.window}) AS {f.name}" for f in COUNTS]
    columns += [
        f"coalesce(sum(millionths) FILTER (type = '{f.type}' AND age <= {f.window}), 0) / 1e6 AS {f.name}"
        for f in SUMS
    ]
    columns += [f"min(age) FILTER (type = '{f.type}') / {_DAY} AS {f.name}" for f in RECENCIES]
    columns += [
        f"count(DISTINCT detail) FILTER (type = '{f.type}' AND age <= {f.window}) AS {f.name}" for f in DISTINCTS
    ]
    columns += [f"count(DISTINCT (age - 1) // {DAY}) FILTER (age <= {f.window}) AS {f.name}" for f in ACTIVE]
    ends = f"max(age) / {_DAY} AS {FIRST.name}, min(age) / {_DAY} AS {LAST.name}, count(*) AS {EVER.name}"
    return ", ".join([*columns, ends])


def pivoted(events: str = "events", wanted: str = "wanted") -> str:
    """First one group for each (row, type, window's ring), then the groups are added up into columns."""
    rings = " ".join(f"WHEN age <= {window} THEN {ring}" for ring, window in enumerate(WINDOWS))
    ring_of = {window: ring for ring, window in enumerate(WINDOWS)}
    columns = [f"sum(n) FILTER (type = '{f.type}' AND ring <= {ring_of[f.window]}) AS {f.name}" for f in COUNTS]
    columns += [
        f"sum(millionths) FILTER (type = '{f.type}' AND ring <= {ring_of[f.window]}) / 1e6 AS {f.name}" for f in SUMS
    ]
    columns += [f"min(youngest) FILTER (type = '{f.type}') / {_DAY} AS {f.name}" for f in RECENCIES]
    columns += [
        f"max(oldest) / {_DAY} AS {FIRST.name}", f"min(youngest) / {_DAY} AS {LAST.name}", f"sum(n) AS {EVER.name}",
    ]  # fmt: skip
    distinct = [f"count(*) FILTER (type = '{f.type}') AS {f.name}" for f in DISTINCTS]
    # A day is a bit; the days of a window are the lowest bits.
    days = [f"bit_count(days & ((1::HUGEINT << {f.window // DAY}) - 1)) AS {f.name}" for f in ACTIVE]
    return f"""
    WITH {_seen("e.type::kind", events, wanted)},
    cells AS (
        SELECT row, type, CASE {rings} ELSE {len(WINDOWS)} END AS ring, count(*) AS n,
               sum(millionths) AS millionths, min(age) AS youngest, max(age) AS oldest
        FROM seen GROUP BY ALL),
    sums AS (SELECT row, {", ".join(columns)} FROM cells GROUP BY row),
    details AS (
        SELECT DISTINCT row, type, detail FROM seen
        WHERE detail IS NOT NULL AND age <= {WINDOWS[-1]} AND type IN ({", ".join(repr(f.type) for f in DISTINCTS)})),
    different AS (SELECT row, {", ".join(distinct)} FROM details GROUP BY row),
    active AS (
        SELECT row, bit_or(1::HUGEINT << least((age - 1) // {DAY}, 100)::INTEGER) AS days FROM seen GROUP BY row),
    told AS (SELECT *, {", ".join(days)} FROM sums LEFT JOIN different USING (row) JOIN active USING (row))
    """ + _every_row(wanted)


def _every_row(wanted: str) -> str:
    """Rows without history have a place too: zeros and missing values. In no order."""
    filled = ", ".join(f"coalesce({name}, 0) AS {name}" for name in ZERO)
    rest = ", ".join(f.name for f in (*RECENCIES, FIRST, LAST))
    return f" SELECT row, {filled}, {rest} FROM {wanted} LEFT JOIN told USING (row)"

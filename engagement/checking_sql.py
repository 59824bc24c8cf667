"""Queries of `mqm check` over the views `events` (times in microseconds) and `attributes`."""

from __future__ import annotations

from engagement.times import DAY

OVERVIEW = """
    SELECT count(*), count(DISTINCT contact_id), count(DISTINCT account_id), min(occurred_at), max(occurred_at)
    FROM events"""

TYPES = """
    SELECT type, count(*), count(DISTINCT contact_id), min(occurred_at), max(occurred_at)
    FROM events GROUP BY type ORDER BY 2 DESC, 1"""

STAGE = "SELECT count(DISTINCT contact_id) FROM events WHERE type = ?"

#: Start type, goal type, horizon, the log's end; from the first entry of each owner.
CONVERSION = """
    WITH entered AS (
        SELECT {owner} AS owner, min(occurred_at) AS entry FROM events
        WHERE type = $1 AND {owner} IS NOT NULL GROUP BY ALL
    ), goals AS (SELECT DISTINCT {owner} AS owner, occurred_at AS reached FROM events WHERE type = $2)
    SELECT count(*), count(*) FILTER (mature), count(*) FILTER (mature AND converted) FROM (
        SELECT e.entry + $3 <= $4 AS mature, bool_or(
            coalesce(g.reached < e.entry + $3 AND (g.reached > e.entry OR $1 <> $2), FALSE)
        ) AS converted
        FROM entered e LEFT JOIN goals g ON g.owner = e.owner AND g.reached >= e.entry GROUP BY e.owner, e.entry)"""

ATTRIBUTES = """
    SELECT name, count(*), count(DISTINCT value), count(*) FILTER (value IS NULL OR value = ''),
        count(DISTINCT coalesce(contact_id, account_id))
    FROM attributes GROUP BY name ORDER BY name"""

EARLY_RECEIPTS = """
    SELECT count(*), min(event_id) FROM events WHERE received_at < occurred_at"""

#: Events that happened long after everything else was received.
FUTURE = f"""
    WITH bulk AS (SELECT quantile_disc(received_at, 0.999) AS known FROM events)
    SELECT count(*), min(event_id), max(occurred_at) FROM events, bulk WHERE occurred_at > known + {90 * DAY}"""

DUPLICATES = """
    SELECT count(*), min(event_id) FROM (SELECT event_id FROM events GROUP BY event_id HAVING count(*) > 1)"""

DOMINATING = """
    SELECT contact_id, count(*) AS n FROM events GROUP BY contact_id ORDER BY n DESC, contact_id LIMIT 1"""

#: Days without events between two that have some: the longest, when it began, and the usual number of events a day.
GAP = f"""
    WITH active AS (SELECT occurred_at // {DAY} AS day, count(*) AS n FROM events GROUP BY ALL),
    steps AS (SELECT day, lead(day) OVER (ORDER BY day) - day - 1 AS empty FROM active)
    SELECT max(empty), arg_max(day, empty), (SELECT median(n) FROM active),
        (SELECT count(*) FROM active) FROM steps"""

DATES_ONLY = f"""
    SELECT type, count(*) FROM events GROUP BY type
    HAVING count(*) >= 20 AND count(*) FILTER (occurred_at % {DAY} <> 0) = 0 ORDER BY type"""

#: Per type that is not rare: events, first and last.
ACTIVITY = """
    SELECT type, count(*), min(occurred_at), max(occurred_at) FROM events
    GROUP BY type HAVING count(*) >= 20 ORDER BY type"""

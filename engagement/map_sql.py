"""A map's words as DuckDB expressions over the view `cells` (every cell text, NULL where empty)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engagement.map_types import ROW, AttributeMap, EventMap, Place, TableMap, Template, counting
from engagement.schema import VALUE_LIMIT
from engagement.times import EARLIEST, LATEST, days


def snake_case(text: str) -> str:
    """`A_Create Application` → `a_create_application`, `pageView` → `page_view`."""
    return re.sub(r"[\W_]+", "_", re.sub("([a-z0-9])([A-Z])", r"\1_\2", text).lower()).strip("_")


def snake_sql(text: str) -> str:
    """`snake_case` of an expression; NULL where nothing remains."""
    parted = rf"regexp_replace({text}, '([a-z0-9])([A-Z])', '\1_\2', 'g')"
    return rf"nullif(trim(regexp_replace(lower({parted}), '[^\p{{L}}\p{{N}}]+', '_', 'g'), '_'), '')"


def quoted(name: str) -> str:
    """A column's name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text."""
    return "'" + text.replace("'", "''") + "'"


def cell(of: str, empty: Sequence[str]) -> str:
    """A cell of the source as text: trimmed, NULL where it is empty or one of the words for empty."""
    text = rf"trim(CAST({of} AS VARCHAR), e' \t\r\n')"
    words = ", ".join(literal(word) for word in ("", *empty))
    return f"CASE WHEN {text} NOT IN ({words}) THEN {text} END"


def filled(template: Template | None) -> str:
    """A template filled from a row; NULL where it is absent or a cell in it is empty."""
    if template is None:
        return "CAST(NULL AS VARCHAR)"
    pieces = [
        literal(piece) if isinstance(piece, str) else f"CAST({quoted(piece[0])} AS VARCHAR)"
        for piece in template.pieces
    ]
    return " || ".join(pieces)


def condition(place: Place) -> str:
    """`when` and not any of `unless`."""
    wanted = [_meets(quoted(name), value) for name, value in place.when.items()]
    unwanted = [f"NOT ({_meets(quoted(name), value)})" for name, value in place.unless.items()]
    return " AND ".join([*wanted, *unwanted]) or "TRUE"


def _meets(column: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{column} IS {'NOT ' if value else ''}NULL"
    values = value if isinstance(value, list) else [value]
    words = ", ".join(literal(str(v)) for v in values)
    return f"coalesce({column} IN ({words}), FALSE)"


def micros(text: str, place: Place) -> str:
    """A time in microseconds UTC from a text; NULL where it is none. Naive times are of the session's time zone."""
    form = place.time_format
    counted = counting(form)
    if counted:
        time = f"TRY_CAST(round(TRY_CAST({text} AS DOUBLE) * {counted[0]}) + {counted[1]} AS BIGINT)"
    elif form:
        # With an offset in the format it is an instant already; else the cast takes the session's time zone.
        time = f"epoch_us(CAST(try_strptime({text}, {literal(form)}) AS TIMESTAMPTZ))"
    else:
        moment = f"TRY_CAST({text} AS TIMESTAMPTZ)"
        time = f"CASE WHEN isfinite({moment}) THEN epoch_us({moment}) END"
    return f"{time} + {days(place.shift_days)}" if place.shift_days else time


def event_parts(block: EventMap, table: TableMap, columns: Sequence[str]) -> dict[str, str]:
    """Name → expression of an event's columns. Without a mapped id, `digest` stands for the whole row."""
    whole = ", ".join(f"coalesce({quoted(name)}, '')" for name in columns)
    pairs = ", ".join(f"{literal(name)}, {quoted(name)}" for name in block.properties)
    # The merge drops the empty ones.
    bag = f"nullif(CAST(json_merge_patch('{{}}', json_object({pairs})) AS VARCHAR), '{{}}')"
    return {
        "contact_id": filled(block.place.contact_id),
        "account_id": filled(block.place.account_id),
        "type": snake_sql(filled(block.type)),
        "named": filled(block.event_id),
        "digest": f"sha256(concat_ws(chr(31), {literal(table.source)}, {whole}))" if not block.event_id else "NULL",
        "number": filled(block.value),
        "detail": filled(block.detail),
        "properties": bag if pairs else "CAST(NULL AS VARCHAR)",
    }


def event_reasons(block: EventMap) -> list[tuple[str, str]]:
    """(condition, reason) pairs, the first that holds counts."""
    off = f"number IS NOT NULL AND NOT coalesce(abs(TRY_CAST(number AS DOUBLE)) <= {VALUE_LIMIT}, FALSE)"
    reasons = [
        ("contact_id IS NULL", "'contact_id is empty'"),
        ("type IS NULL", "'type is empty'"),
        (off, f"'value is not a number up to {VALUE_LIMIT:g}: ' || number"),
    ]
    return [*reasons, ("named IS NULL", "'event_id is empty'")] if block.event_id else reasons


def attribute_parts(block: AttributeMap, pairs: Mapping[str, str]) -> dict[str, str]:
    """Name → expression of what a block of attributes has: whose, and the cells of `pairs` (name → column)."""
    of_contact = block.of == "contact"
    return {
        "contact_id": filled(block.place.contact_id if of_contact else None),
        "account_id": filled(None if of_contact else block.place.account_id),
        "name": snake_sql(filled(block.name)) if block.name else "CAST(NULL AS VARCHAR)",
        "value": filled(block.value),
    } | {_pair(name): quoted(column) for name, column in pairs.items()}


def _pair(name: str) -> str:
    return quoted(f"#{name}")  # apart from the names above


def attribute_reasons(block: AttributeMap) -> list[tuple[str, str]]:
    """As `event_reasons`."""
    reasons = [(f"{block.of}_id IS NULL", f"'{block.of}_id is empty'")]
    return [*reasons, ("name IS NULL", "'name is empty'")] if block.name else reasons


def made(parts: Mapping[str, str], reasons: Sequence[tuple[str, str]], place: Place) -> str:
    """The query for a block's rows: its parts, `occurred_at` and `received_at` in microseconds, and the `reason`
    to set a row aside (NULL where there is none)."""
    texts = {**parts, "occurred": filled(place.occurred_at), "received": filled(place.received_at)}
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in texts.items())
    checks = [*reasons, ("occurred IS NULL", "'occurred_at is empty'")]
    for name in ("occurred", "received"):
        checks += [
            (f"{name} IS NOT NULL AND {name}_us IS NULL", f"'{name}_at is not a time: ' || {name}"),
            (f"{name}_us < {EARLIEST} OR {name}_us >= {LATEST}", f"'{name}_at is not in 1900 to 2200: ' || {name}"),
        ]
    cases = " ".join(f"WHEN {test} THEN {reason}" for test, reason in checks)
    return f"""
        SELECT *, occurred_us AS occurred_at, coalesce(received_us, occurred_us) AS received_at,
            CASE {cases} END AS reason
        FROM (SELECT *, {micros("occurred", place)} AS occurred_us, {micros("received", place)} AS received_us
              FROM (SELECT "{ROW}", {chosen} FROM cells WHERE {condition(place)}))"""


def events_of(block: EventMap) -> str:
    """The query for the good rows of `made`, as events (times in microseconds) and the row's number."""
    derived = "left(sha256(concat_ws(chr(31), type, contact_id, occurred_at, digest)), 32)"
    return f"""
        SELECT {"named" if block.event_id else derived} AS event_id, contact_id, account_id, type, occurred_at,
            received_at, TRY_CAST(number AS DOUBLE) AS value, detail, properties, "{ROW}"
        FROM made WHERE reason IS NULL"""


def attributes_of(pairs: Mapping[str, str] | None) -> str:
    """The query for the good rows of `made`, as attributes: one for each cell of `pairs` (name → column) that is
    not empty, or each row's own name and value."""
    chosen = "SELECT m.contact_id, m.account_id"
    rest = f'm.occurred_at, m.received_at, m."{ROW}" FROM made m'
    if pairs is None:
        return f"{chosen}, m.name, m.value, {rest} WHERE m.reason IS NULL AND m.value IS NOT NULL"
    return " UNION ALL ".join(
        f"{chosen}, {literal(snake_case(name))} AS name, m.{_pair(name)} AS value, {rest} "
        f"WHERE m.reason IS NULL AND m.{_pair(name)} IS NOT NULL"
        for name in pairs
    )

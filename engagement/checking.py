"""`mqm check`: what a log holds, and what looks wrong with it, each in a sentence.

Nothing here fails: a suspicion is for a person to judge. What cannot be read at all is refused by the log itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engagement.checking_sql import ATTRIBUTES, CONVERSION, OVERVIEW, STAGE, TYPES
from engagement.funnel import Conversion, Funnel
from engagement.log import Log
from engagement.settings import Settings
from engagement.suspicions import Suspicion, suspicions
from engagement.times import format_time


@dataclass(frozen=True)
class TypeFound:
    """An event type: how many, of how many contacts, first and last time (RFC 3339)."""

    type: str
    events: int
    contacts: int
    first: str
    last: str


@dataclass(frozen=True)
class StageFound:
    """A stage of the funnel and the contacts that ever entered it."""

    stage: str
    type: str
    contacts: int


@dataclass(frozen=True)
class ConversionFound:
    """Of the contacts (or accounts) that entered the start early enough to judge, those who reached the goal within
    the horizon. `rate` is None where there are none yet."""

    conversion: str
    question: str
    level: str
    entered: int
    mature: int
    converted: int
    rate: float | None


@dataclass(frozen=True)
class AttributeFound:
    """An attribute: rows, distinct values, rows without a value, and how many contacts or accounts have it."""

    name: str
    rows: int
    values: int
    missing: int
    owners: int


@dataclass(frozen=True)
class CheckReport:
    """What a log holds. Times are RFC 3339."""

    log: str
    events: int
    contacts: int
    accounts: int
    attributes: int
    first: str
    last: str
    types: tuple[TypeFound, ...]
    stages: tuple[StageFound, ...]
    conversions: tuple[ConversionFound, ...]
    attribute_names: tuple[AttributeFound, ...]
    suspicions: tuple[Suspicion, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able content."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report in sentences, the suspicious last."""
        told = [
            f"{self.log}: {_count(self.events, 'event')} of {_count(self.contacts, 'contact')}"
            f" and {_count(self.accounts, 'account')}, {_count(self.attributes, 'attribute row')}.",
            f"From {self.first} to {self.last}.",
            "Stages reached:",
            *(f"  {s.stage} ({s.type}): {_count(s.contacts, 'contact')}" for s in self.stages),
            "Conversions:",
            *(f"  {_told(c)}" for c in self.conversions),
            "Event types:",
            *(
                f"  {t.type}: {t.events:,} of {_count(t.contacts, 'contact')}, {t.first[:10]} to {t.last[:10]}"
                for t in self.types
            ),
        ]
        if self.attribute_names:
            told.append("Attributes:")
            told += [
                f"  {a.name}: {_count(a.rows, 'row')}, {_count(a.values, 'value')}, {a.missing:,} missing"
                for a in self.attribute_names
            ]
        told.append("Suspicious:" if self.suspicions else "Nothing suspicious.")
        return told + [f"  {s.text}" for s in self.suspicions]


def check_log(log: Log, settings: Settings) -> CheckReport:
    """Reads the whole log and reports on it.

    Raises:
        BadInput, EmptyLog: what the log raises when it is read.
    """
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("log_events", log.events())
    connection.register("log_attributes", log.attributes())
    try:
        return _report(connection, log.location, settings.funnel)
    finally:
        connection.close()


def _report(connection: Any, location: str, funnel: Funnel) -> CheckReport:
    connection.execute("""
        CREATE VIEW events AS SELECT * REPLACE (epoch_us(occurred_at) AS occurred_at,
            epoch_us(received_at) AS received_at) FROM log_events""")
    connection.execute("CREATE VIEW attributes AS SELECT * FROM log_attributes")
    events, contacts, accounts, first, last = connection.execute(OVERVIEW).fetchone()
    types = connection.execute(TYPES).fetchall()
    attributes = connection.execute(ATTRIBUTES).fetchall()
    return CheckReport(
        log=location,
        events=events,
        contacts=contacts,
        accounts=accounts,
        attributes=sum(row[1] for row in attributes),
        first=format_time(first),
        last=format_time(last),
        types=tuple(TypeFound(t, n, who, format_time(a), format_time(b)) for t, n, who, a, b in types),
        stages=tuple(
            StageFound(name, kind, connection.execute(STAGE, [kind]).fetchone()[0])
            for name, kind in funnel.stages.items()
        ),
        conversions=tuple(_conversion(connection, c, last) for c in funnel.conversions.values()),
        attribute_names=tuple(AttributeFound(*row) for row in attributes),
        suspicions=tuple(suspicions(connection, funnel, first, last)),
    )


def _conversion(connection: Any, conversion: Conversion, last: int) -> ConversionFound:
    owner = "account_id" if conversion.level == "account" else "contact_id"
    found = connection.execute(
        CONVERSION.format(owner=owner), [conversion.start_type, conversion.goal_type, conversion.horizon, last]
    )
    entered, mature, converted = found.fetchone()
    rate = converted / mature if mature else None
    return ConversionFound(conversion.name, conversion.question, conversion.level, entered, mature, converted, rate)


def _told(found: ConversionFound) -> str:
    if found.rate is None:
        return f"{found.conversion}: {found.entered:,} {found.level}s entered, none long enough ago to judge."
    return (
        f"{found.conversion}: {found.converted:,} of {found.mature:,} {found.level}s ({found.rate:.1%});"
        f" {found.entered - found.mature:,} more are too recent to judge."
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")

"""The tables that quality is compared on: real ones of ../shared/data, and the example log.

Each is a log, imported with an example's map, with the conversion asked and the split by time. What must not be
used (known only after the outcome) is left out for everyone: what the audit flags, and what it only notes where
a look at the note settles it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from engagement.example import write_example
from engagement.funnel import Conversion
from engagement.importing import import_sources
from engagement.log import open_log
from engagement.mapping import read_mapping
from engagement.schema import ATTRIBUTES, EVENTS, TIME
from engagement.settings import FeatureSettings, read_settings
from engagement.times import DAY, SECOND, parse_time
from features.arrays import LogArrays
from training.label_times import LabelTimes
from training.split import Split, split_at, split_by_time

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared" / "data"
CONTACTS = 20_000


@dataclass(frozen=True)
class Table:
    """A log, what is asked of it, and how its rows are split.

    Attributes:
        told: what it is, for a reader. auc: the ROC AUC to reach, None for none.
        drifts: whether the base rate moves with the calendar.
    """

    name: str
    told: str
    arrays: LogArrays
    conversion: Conversion
    settings: FeatureSettings
    split: Callable[[LabelTimes], Split]
    auc: float | None
    drifts: bool

    @property
    def as_of(self) -> int:
        """Just after the log's last event, in microseconds."""
        return int(self.arrays.events.occurred.max()) + 1


@dataclass(frozen=True)
class Source:
    """Where a table comes from: its data (None: made here), and how to open it in a scratch folder."""

    data: Path | None
    open: Callable[[Path], Table]

    @property
    def absent(self) -> str | None:
        """Why it cannot be opened, if so."""
        return None if self.data is None or self.data.exists() else f"{self.data} is absent"


def xeducation(folder: Path) -> Table:
    """Lead Number order, 70 % | 30 %."""
    found = _imported(folder, "xeducation", ["xeducation/Leads.csv"], "lead_to_customer")
    later = ("tags", "lead_quality", "lead_profile", "last_activity", "last_notable_activity")
    table = Table("xeducation", "lead table, 70 % | 30 % by lead number", *found, _by_order(0.7), 0.89, False)
    return replace(table, settings=replace(table.settings, exclude_attributes=later))


def bank(folder: Path) -> Table:
    """File order, 70 % | 30 %; the audit finds `duration`."""
    source = ["bank_marketing/bank-additional-full.csv"]
    found = _imported(folder, "bank_marketing", source, "call_to_deposit")
    told = "phone campaign, 70 % | 30 % by file order, without duration"
    return Table("bank-additional", told, *found, _by_order(0.7), 0.66, True)


def olist(folder: Path) -> Table:
    """MQLs of January to March 2018 | April and May 2018; the audit finds the deals' columns.

    Ninety days do not fit between the two: what everyone learns from was not all known on 1 April.
    """
    sources = [f"olist/olist_{name}_dataset.csv" for name in ("marketing_qualified_leads", "closed_deals")]
    found = _imported(folder, "olist_wide", sources, "mql_to_win")
    april = parse_time("2018-04-01")

    def split(rows: LabelTimes) -> Split:
        first = int(np.searchsorted(rows.cutoff, april))
        every = np.arange(len(rows))
        return Split(every[:first], every[:0], every[first:], april, april)

    told = "marketing funnel, won within 90 days, Jan-Mar | Apr-May 2018"
    return Table("olist", told, *found, split, 0.69, False)


def example(folder: Path) -> Table:
    """The simulated log of `mqm example`, split as `mqm train` does."""
    write_example(folder, CONTACTS, seed=0)
    settings = read_settings([folder], {})
    asked = settings.funnel.conversion("mql_to_meeting")
    told = f"mqm example, {CONTACTS:,} contacts, MQL to meeting in 30 days, split as mqm train does"
    return Table("example", told, _arrays(folder), asked, settings.features, split_by_time, None, False)


def _imported(
    folder: Path, example_folder: str, sources: list[str], conversion: str
) -> tuple[LogArrays, Conversion, FeatureSettings]:
    here = ROOT / "examples" / example_folder
    import_sources([SHARED / source for source in sources], read_mapping(here / "map.toml"), str(folder))
    settings = read_settings([here], {})
    return _arrays(folder), settings.funnel.conversion(conversion), settings.features


def _arrays(folder: Path) -> LogArrays:
    log = open_log(str(folder))
    return LogArrays.from_tables(log.events(), log.attributes())


def _by_order(share: float) -> Callable[[LabelTimes], Split]:
    """The first share of the rows | the rest; a horizon is left between."""
    return lambda rows: split_at(rows, int(rows.cutoff[round(share * len(rows))]))


#: Asked of every customer a second before these days, whose purchases are dated at midnight; what came of the last
#: but one was known on the last.
ASKED = tuple(parse_time(f"1997-{month:02}-01") - SECOND for month in (4, 5, 6, 7, 10))


def cdnow(folder: Path) -> Table:
    """Asked of every customer on a few days in 1997, what had come of it by 1 October | that day.

    The days are events that a machine made, so that no feature counts them.
    """
    lines = (SHARED / "cdnow" / "CDNOW_master.txt").read_text().splitlines()
    bought = [line.split() for line in lines if line.strip() and line.split()[0].isdigit()]
    customer = [line[0] for line in bought]
    day = [parse_time(f"{line[1][:4]}-{line[1][4:6]}-{line[1][6:]}") for line in bought]
    everyone = sorted(set(customer))
    asked = [moment for moment in ASKED for _ in everyone]
    who = customer + everyone * len(ASKED)
    kind = ["purchase"] * len(bought) + ["asked"] * len(asked)
    value = [float(line[3]) for line in bought] + [None] * len(asked)
    machine = [None] * len(bought) + ['{"machine": true}'] * len(asked)
    number = len(who)
    times = pa.array(day + asked).cast(TIME)
    columns = {
        "event_id": pa.array([str(i) for i in range(number)]),
        "contact_id": pa.array(who),
        "type": pa.array(kind),
        "occurred_at": times,
        "received_at": times,
        "value": pa.array(value, pa.float64()),
        "properties": pa.array(machine),
    }
    full = {f.name: columns.get(f.name, pa.nulls(number, f.type)) for f in EVENTS}
    arrays = LogArrays.from_tables(pa.table(full, schema=EVENTS), ATTRIBUTES.empty_table())
    conversion = Conversion("repeat", "asked", "purchase", "asked", "purchase", 90 * DAY, each=True)
    told = "purchases; asked of every customer on four days until July | on 1 October 1997"
    return Table(
        "cdnow", told, arrays, conversion, FeatureSettings(), partial(split_at, test_start=ASKED[-1]), 0.77, False
    )


SOURCES = (
    Source(SHARED / "xeducation", xeducation),
    Source(SHARED / "bank_marketing", bank),
    Source(SHARED / "olist", olist),
    Source(SHARED / "cdnow", cdnow),
    Source(None, example),
)

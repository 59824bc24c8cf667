"""Who there is: accounts, contacts, what is known about them, and the intent that nobody sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engagement.example.facts import END, SOURCES, START, Floats, Ints, Mask, Rng, pick, promptly
from engagement.times import DAY, HOUR

WEEK = 7 * DAY
WEEKS = -(-(END - START) // WEEK)

COUNTRIES = ("US", "DE", "GB", "FR", "NL", "CH", "IN", "BR")
DEPARTMENTS = ("marketing", "sales", "it", "finance", "operations", "product")
LEVELS = ("c_level", "vp", "director", "manager", "staff")
INDUSTRIES = (
    "software", "manufacturing", "finance", "healthcare", "retail", "education", "logistics", "public_sector"
)  # fmt: skip

#: How contacts and accounts spread over these; everything else is even.
SOURCE_SHARE = np.array([0.24, 0.2, 0.16, 0.1, 0.08, 0.07, 0.15])
LEVEL_SHARE = np.array([0.07, 0.11, 0.2, 0.32, 0.3])


@dataclass(frozen=True)
class World:
    """Contacts (arrays of n), accounts (arrays of m); a code of -1 means that nobody ever told.

    Attributes:
        account: the contact's account, -1 for none; group: the same, but a group of its own for those without.
        created: when the contact became known, UTC µs.
        promoted: when its job level rises by one; grown: when the account's employees are multiplied by `growth`.
        gateway: the account's mail passes a scanner that opens everything and clicks now and then.
    """

    account: Ints
    group: Ints
    created: Ints
    country: Ints
    department: Ints
    level: Ints
    source: Ints
    promoted: Ints
    industry: Ints
    employees: Floats
    growth: Floats
    grown: Ints
    founded: Ints
    gateway: Mask

    @property
    def contacts(self) -> int:
        return len(self.account)

    @property
    def accounts(self) -> int:
        return len(self.industry)

    @cached_property
    def elders(self) -> tuple[Ints, Ints]:
        """For each contact the longest known contact of its group and the second longest, -1 for none."""
        order = np.lexsort((self.created, self.group))
        groups, first = np.unique(self.group[order], return_index=True)
        second = np.minimum(first + 1, len(order) - 1)
        shared = self.group[order[second]] == groups
        shared &= second > first
        elder, next_elder = (np.full(int(groups.max()) + 1, -1) for _ in range(2))
        elder[groups], next_elder[groups] = order[first], np.where(shared, order[second], -1)
        return elder[self.group], next_elder[self.group]

    def level_at(self, contact: Ints, time: Ints) -> Ints:
        """The job level known then; the last code, one past `LEVELS`, is unknown."""
        level = self.level[contact]
        risen = np.where(self.promoted[contact] + HOUR <= time, np.maximum(level - 1, 0), level)
        return np.where(level < 0, len(LEVELS), risen)

    def employees_at(self, contact: Ints, time: Ints) -> Floats:
        """The number of employees known then, NaN where unknown."""
        account = self.account[contact]
        number = np.where(self.grown[account] + HOUR <= time, grown(self)[account], self.employees[account])
        return np.where(account < 0, np.nan, number)

    def industry_of(self, contact: Ints) -> Ints:
        """The industry; one past `INDUSTRIES` is unknown."""
        code = np.where(self.account[contact] < 0, -1, self.industry[self.account[contact]])
        return np.where(code < 0, len(INDUSTRIES), code)


def company_size(employees: Floats) -> Floats:
    """The logarithm of the number of employees, 0 at a hundred and within ±1.5; 0 where unknown."""
    return np.asarray(np.nan_to_num(np.clip((np.log10(employees) - 2.0) / 0.8, -1.5, 1.5)))


def grown(world: World) -> Floats:
    """Employees of each account after its growth."""
    return np.asarray(np.round(world.employees * world.growth))


def build_world(rng: Rng, contacts: int) -> World:
    """So many contacts on a third as many accounts of heavy-tailed size, a few contacts on none."""
    weight = np.minimum(1 + rng.pareto(1.6, -(-contacts // 3)), 12.0)
    drawn = pick(rng, weight, contacts)
    present, account = np.unique(drawn, return_inverse=True)
    alone = rng.random(contacts) < 0.04
    account = np.where(alone, -1, account.astype(np.int64))
    m = len(present)
    created = rng.integers(START, END - 2 * DAY, contacts)
    founded = np.full(m, END)
    np.minimum.at(founded, account[~alone], created[~alone])
    employees = np.exp(rng.normal(4.2, 1.5, m) + 0.4 * np.log(weight[present]))
    employees = np.round(np.clip(employees, 3, 200_000))
    return World(
        account=account,
        group=np.where(alone, m + np.arange(contacts), account),
        created=created,
        country=_told(rng, rng.integers(0, len(COUNTRIES), contacts), 0.03),
        department=_told(rng, rng.integers(0, len(DEPARTMENTS), contacts), 0.08),
        level=_told(rng, pick(rng, LEVEL_SHARE, contacts), 0.06),
        source=pick(rng, SOURCE_SHARE, contacts),
        promoted=_some_day(rng, created, 0.05),
        industry=_told(rng, rng.integers(0, len(INDUSTRIES), m), 0.05),
        employees=np.where(rng.random(m) < 0.06, np.nan, employees),
        growth=rng.uniform(1.3, 2.5, m),
        grown=_some_day(rng, founded, 0.06),
        founded=founded,
        gateway=rng.random(m) < 0.08,
    )


@dataclass(frozen=True)
class Attributes:
    """Rows of the attributes table: whose (contact or account index, else -1), name, value, times in UTC µs."""

    contact: Ints
    account: Ints
    name: list[str]
    value: list[str]
    occurred: Ints
    received: Ints


def attributes(rng: Rng, world: World) -> Attributes:
    """All attribute rows, a changed value as a new row."""
    everyone, accounts = np.arange(world.contacts), np.arange(world.accounts)
    risen = np.maximum(world.level - 1, 0)
    parts: list[tuple[bool, str, Ints, list[str], Ints]] = []
    for name, labels, codes in (
        ("country", COUNTRIES, world.country),
        ("department", DEPARTMENTS, world.department),
        ("job_level", LEVELS, world.level),
        ("source", SOURCES, world.source),
    ):
        who = everyone[codes >= 0]
        parts.append((True, name, who, [labels[code] for code in codes[who]], world.created[who]))
    who = everyone[(world.promoted < END) & (world.level > 0)]
    parts.append((True, "job_level", who, [LEVELS[code] for code in risen[who]], world.promoted[who]))
    who = accounts[(world.industry >= 0) & (world.founded < END)]
    parts.append((False, "industry", who, [INDUSTRIES[code] for code in world.industry[who]], world.founded[who]))
    who = accounts[~np.isnan(world.employees) & (world.founded < END)]
    parts.append((False, "employees", who, [f"{n:.0f}" for n in world.employees[who]], world.founded[who]))
    who = who[world.grown[who] < END]
    parts.append((False, "employees", who, [f"{n:.0f}" for n in grown(world)[who]], world.grown[who]))
    occurred = np.concatenate([part[4] for part in parts])
    return Attributes(
        contact=np.concatenate([part[2] if part[0] else np.full(len(part[2]), -1) for part in parts]),
        account=np.concatenate([np.full(len(part[2]), -1) if part[0] else part[2] for part in parts]),
        name=[name for _, name, who, _, _ in parts for _ in who],
        value=[value for part in parts for value in part[3]],
        occurred=occurred,
        received=promptly(rng, occurred),
    )


def _told(rng: Rng, codes: Ints, missing: float) -> Ints:
    """The codes, with that share of them never told."""
    return np.where(rng.random(len(codes)) < missing, -1, codes)


def _some_day(rng: Rng, since: Ints, share: float) -> Ints:
    """For that share of rows a time one month to two years after; for the others the end of time."""
    when = since + rng.integers(30 * DAY, 730 * DAY, len(since))
    return np.where((rng.random(len(since)) < share) & (when < END - DAY), when, END)

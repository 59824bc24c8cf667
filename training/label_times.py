"""Label times: which (contact, cutoff) rows exist for a conversion, and whether each converted.

Landmarks (van Houwelingen 2007): a row at fixed delays after the stage was entered, while not yet converted,
so that a score means something on any later day too. The clock starts when the entry is known, one microsecond
after it, because an event at the cutoff is not seen. A row is mature once its horizon has passed; immature ones
are dropped, positives too, since keeping early positives alone would overstate the rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engagement.errors import NotEnoughData
from engagement.funnel import Conversion
from engagement.times import format_time
from features import kernel_lookup
from features.arrays import MISSING, Codes, Ints, LogArrays, Timeline


@dataclass(frozen=True)
class LabelTimes:
    """Rows ordered by (cutoff, contact): contact and account codes, times in microseconds UTC.

    `account` is the contact's account at the cutoff, -1 for none. `immature` counts the rows dropped because
    their horizon has not passed at `as_of`.
    """

    conversion: Conversion
    as_of: int
    contact: Codes
    account: Codes
    cutoff: Ints
    converted: npt.NDArray[np.bool_]
    immature: int

    def __len__(self) -> int:
        return len(self.cutoff)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> LabelTimes:
        """Some of the rows."""
        c = self
        return LabelTimes(
            c.conversion, c.as_of, c.contact[rows], c.account[rows], c.cutoff[rows], c.converted[rows], c.immature
        )


def label_times(arrays: LogArrays, conversion: Conversion, as_of: int, since: int | None = None) -> LabelTimes:
    """The mature label times of a conversion, from what was known at `as_of`.

    Raises:
        NotEnoughData: nobody has entered the start stage, or no row is mature.
    """
    contact, entered, known = entries(arrays, conversion, as_of)
    if len(contact) == 0:
        raise NotEnoughData(
            f"nobody entered the stage {conversion.start!r} by {format_time(as_of)}",
            conversion.start_type,
            "Check [stages] in mqm.toml against the log's event types (mqm check).",
        )
    delays = np.array(conversion.landmarks, np.int64)
    cutoff = (known[:, None] + 1 + delays[None, :]).ravel()
    contact, entered = np.repeat(contact, len(delays)), np.repeat(entered, len(delays))
    account = arrays.accounts_at(contact, cutoff)
    after = entered + 1 if conversion.start_type == conversion.goal_type else entered
    open_ = _still_open(arrays, conversion, as_of, contact, account, entered, after, cutoff)
    mature = cutoff + conversion.horizon <= as_of
    if since is not None:
        open_ &= cutoff >= since
    immature = int(np.sum(open_ & ~mature))
    keep = np.flatnonzero(open_ & mature)
    if len(keep) == 0:
        raise NotEnoughData(
            f"no label time is mature by {format_time(as_of)}",
            f"{immature} rows wait for their horizon of {conversion.horizon_text}",
            "Train later, or shorten horizon_days.",
        )
    contact, account, cutoff = contact[keep], account[keep], cutoff[keep]
    goal = first_goal(arrays, conversion, as_of, contact, account, cutoff)
    converted = (goal != MISSING) & (goal < cutoff + conversion.horizon)
    order = np.lexsort((contact, cutoff))
    once = order[_first_of_each(contact[order], cutoff[order])]
    return LabelTimes(conversion, as_of, contact[once], account[once], cutoff[once], converted[once], immature)


def entries(arrays: LogArrays, conversion: Conversion, as_of: int) -> tuple[Codes, Ints, Ints]:
    """Who entered the start stage, when that happened and when it was known; the first time only, or each."""
    at = arrays.events
    wanted = _pairs_of(arrays, (conversion.start_type,))
    rows = np.flatnonzero(wanted[at.pair] & (at.received <= as_of) & (at.occurred < as_of))
    contact, entered = at.contact[rows], at.occurred[rows]
    known = np.maximum(entered, at.received[rows])
    if not conversion.each:
        order = np.lexsort((known, entered, contact))
        first = order[_first_of_each(contact[order])]
        return contact[first], entered[first], known[first]
    return contact, entered, known


def _still_open(
    arrays: LogArrays,
    conversion: Conversion,
    as_of: int,
    contact: Codes,
    account: Codes,
    entered: Ints,
    after: Ints,
    cutoff: Ints,
) -> npt.NDArray[np.bool_]:
    """Rows whose goal, end or next start had not come before the cutoff."""
    goal = first_goal(arrays, conversion, as_of, contact, account, after)
    open_ = (goal == MISSING) | (goal >= cutoff)
    if conversion.ends:
        end = first_of_types(arrays, conversion.ends, conversion.level, as_of, contact, account, entered)
        open_ &= (end == MISSING) | (end >= cutoff)
    if conversion.each:
        again = first_of_types(arrays, (conversion.start_type,), "contact", as_of, contact, account, entered + 1)
        open_ &= (again == MISSING) | (again >= cutoff)
    return np.asarray(open_)


def first_goal(
    arrays: LogArrays, conversion: Conversion, as_of: int, contact: Codes, account: Codes, since: Ints
) -> Ints:
    """(rows,) when the goal first came at or after `since`, as known at `as_of`; MISSING for never."""
    return first_of_types(arrays, (conversion.goal_type,), conversion.level, as_of, contact, account, since)


def first_of_types(
    arrays: LogArrays,
    types: tuple[str, ...],
    level: str,
    as_of: int,
    contact: Codes,
    account: Codes,
    since: Ints,
) -> Ints:
    """(rows,) when the first event of these types came at or after `since`, by the contact or (at account level) by
    anyone of the account; MISSING for never."""
    wanted = _pairs_of(arrays, types)
    own = _next(arrays.events, wanted, contact, since, as_of)
    if level != "account":
        return own
    theirs = _next(arrays.by_account, wanted, account, since, as_of)
    both = np.minimum(np.where(own == MISSING, theirs, own), np.where(theirs == MISSING, own, theirs))
    return np.asarray(both)


def _next(at: Timeline, wanted: npt.NDArray[np.bool_], entity: Codes, since: Ints, known_by: int) -> Ints:
    out = np.empty(len(entity), np.int64)
    kernel_lookup.next_event(at.start, at.occurred, at.received, at.pair, wanted, entity, since, known_by, out)
    return out


def _pairs_of(arrays: LogArrays, types: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    return np.array([kind in types for kind, _ in arrays.pairs], np.bool_)


def _first_of_each(*columns: npt.NDArray[np.int64] | Codes) -> npt.NDArray[np.int64]:
    """Positions, among sorted rows, of the first of each run of equal rows."""
    new = np.ones(len(columns[0]), np.bool_)
    new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(new)

"""What counts as evidence against a field, and the bounds.

A column of a wide table has no time of its own: it is judged by its power, for no honest one comes near the bounds
here (in the data they were tried on, the best honest column had a ratio of 13 at least and an AUC of 0.83; leaks had
22 and more, or 0.9). An event that was seen in time may be as telling as it likes: asking for a meeting nearly is
one. It is judged by whether it comes with the outcome. All limits are one-sided and share 5 % among all columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.audit_fields import Column, Field
from training.audit_power import Power
from training.audit_ratio import Ratio, limits
from training.audit_report import Evidence
from training.audit_timing import Written

#: One class has the field, or some of its values, so many times as often as the other; the same for event types; and
#: what is worth a note (attributes only).
RATIO_HAS, RATIO_VALUES, RATIO_EVENT, RATIO_NOTED = 15.0, 20.0, 100.0, 8.0
#: … and at least this share of the class has it.
HOLDS, HOLDS_VALUES, HOLDS_EVENT = 0.03, 0.1, 0.5
#: The AUC of one field alone, both out of time and under a random split, and the lower limit of the latter; the same
#: for event types. A copy of the outcome with a tenth of it wrong has 0.9.
AUC, AUC_LEAST, AUC_EVENT, AUC_EVENT_LEAST = 0.87, 0.78, 0.95, 0.9
#: The share of converters for whom it was first written at or after the outcome, how many times as often converters
#: must have it then, and the share for whom it comes with the outcome.
LATE, LATE_RATIO, BESIDE = 0.5, 5.0, 0.25
#: An event that ends the history of so many who had it, and after which conversions are so rare, ends the case.
CLOSES, CLOSES_RATIO = 0.5, 20.0
#: A random split, under which it surely tells something, makes it look so much better.
GAP, GAP_LEAST = 0.1, 0.55
#: Rank correlation with time, and distinct values among the rows, from which a number is a clock; a text with so many
#: distinct values is an identifier.
CLOCK, DISTINCT, IDENTIFIER = 0.98, 0.5, 0.9
#: Fewer contacts with it say nothing about when it is written.
LEAST = 10
#: Words in the name of a column without a time of its own: it tells how things ended, or how they stand now. Worth a
#: note where the lower limit of the AUC is at least that.
TELLING = frozenset(
    {
        *("last", "latest", "final", "current", "updated", "modified", "closed", "close", "won", "lost", "loss"),
        *("outcome", "result", "status", "stage", "disposition", "reason", "duration", "revenue", "tag", "tags"),
        *("profile", "quality", "rating", "signed", "cancelled", "canceled", "converted"),
    }
)
AUC_TELLING = 0.6


def of_ratio(
    field: Field, present: Ratio, purest: list[tuple[Column, Ratio]], when: str, alpha: float
) -> Iterator[Evidence]:
    """Only one class has it, or some of its values. `purest`: the purest first; `when`: how old the rows are."""
    event = field.kind == "event type"
    bound = RATIO_EVENT if event else RATIO_HAS
    grave = present.least >= bound and present.share >= (HOLDS_EVENT if event else HOLDS)
    if not (grave or event) and _only_converters(present, alpha):
        text = (
            f"All {present.seen:,} who have it{when} converted, and none of {present.others:,} others has it: chance "
            f"makes that of fewer than one field in {1 / alpha:,.0f}."
        )
        yield Evidence("only_converters_have_it", text, present.share, HOLDS, True)
        return
    if grave or (not event and present.least >= RATIO_NOTED and present.share >= HOLDS):
        yield Evidence("one_class_has_it", _often(present, "have it", when, bound), present.least, bound, grave)
    if grave:
        return  # its values would say the same
    bound = RATIO_EVENT if event else RATIO_VALUES
    for column, found in purest:
        grave = found.least >= bound and found.share >= (HOLDS_EVENT if event else HOLDS_VALUES)
        if grave or (not event and found.least >= RATIO_NOTED and found.share >= HOLDS):
            told = f"{'are' if column.edges else 'have'} {column.told(found.bins)}"
            told += f" ({column.name})" if event else ""
            yield Evidence("one_class_values", _often(found, told, when, bound), found.least, bound, grave)


def _only_converters(present: Ratio, alpha: float) -> bool:
    """Whether none of the others has it, and chance does not explain that: with few converters no ratio is sure."""
    base = present.of / (present.of + present.others)
    sure = present.seen >= LEAST and base**present.seen <= alpha
    return present.converters and present.others_seen == 0 and present.share >= HOLDS and sure


def _often(found: Ratio, told: str, when: str, bound: float) -> str:
    whose, other = ("converters", "the others") if found.converters else ("non-converters", "converters")
    return (
        f"{_percent(found.share)} of {whose} and {_percent(found.others_share)} of {other} {told}{when}: "
        f"at least {found.least:.0f} times as often (bound: {bound:.0f})."
    )


def of_power(field: Field, in_time: Power | None, at_random: Power | None, z: float) -> Iterator[Evidence]:
    """Alone it ranks better than an honest field does, or a random split flatters it."""
    if in_time is None or at_random is None:
        return
    event = field.kind == "event type"
    bound, bound_least = (AUC_EVENT, AUC_EVENT_LEAST) if event else (AUC, AUC_LEAST)
    least = least_auc(at_random, z)
    if min(in_time.auc, at_random.auc) >= bound and least >= bound_least:
        text = (
            f"Alone it ranks {in_time.auc:.0%} of all pairs right out of time and {at_random.auc:.0%} under a random "
            f"split (bound: {bound:.0%}), at least {least:.0%} (bound: {bound_least:.0%})."
        )
        yield Evidence("too_good", text, in_time.auc, bound, True)
    if event:
        return
    gap, error = at_random.auc - in_time.auc, (in_time.error**2 + at_random.error**2) ** 0.5
    if gap >= GAP and gap >= z * error and least >= GAP_LEAST:
        text = (
            f"AUC {at_random.auc:.2f} under a random split, {in_time.auc:.2f} forward in time (bound on the gap: "
            f"{GAP:g}): it tells when a contact came more than who converts."
        )
        yield Evidence("gap", text, gap, GAP, False)


def least_auc(at_random: Power, z: float) -> float:
    """The lower limit of the AUC under a random split, where every contact is ranked."""
    return at_random.auc - z * at_random.error


def of_timing(field: Field, written: Written, near: str, alpha: float) -> Iterator[Evidence]:
    """It is written with the outcome, or after it. `near`: what "with" means, in words."""
    w = written
    beside = limits(w.beside, w.outcomes, alpha)[0] if w.outcomes >= LEAST else 0.0
    if beside >= BESIDE:
        verb = "happened" if field.kind == "event type" else "was first written"
        text = (
            f"Of {w.outcomes:,} contacts that had it after their entry, it {verb} {near} the outcome for "
            f"{w.beside:,} ({_percent(w.beside / w.outcomes)}; bound: {BESIDE:.0%})."
        )
        yield Evidence("with_the_outcome", text, w.beside / w.outcomes, BESIDE, True)
    if field.kind == "event type":
        yield from _closing(w, alpha)
        return
    if w.with_it < LEAST:
        return
    if limits(w.late, w.with_it, alpha)[0] >= LATE:
        often = limits(w.with_it, w.converters, alpha / 2)[0] / limits(w.others_with_it, w.others, alpha / 2)[1]
        how = "first received" if w.backdated > w.late / 2 else "first written"
        text = (
            f"It was {how} at or after the outcome for {w.late:,} of {w.with_it:,} converters who have it "
            f"({_percent(w.late / w.with_it)}; bound: {LATE:.0%})"
            + (f", though dated before for {w.backdated:,}" if w.backdated else "")
            + f". Of the others {w.others_with_it:,} of {w.others:,} have it."
        )
        grave = often >= LATE_RATIO or beside >= BESIDE
        yield Evidence("after_the_outcome", text, w.late / w.with_it, LATE, grave)
    if limits(w.rewritten, w.with_it, alpha)[0] >= BESIDE:
        text = (
            f"It was rewritten {near} the goal for {w.rewritten:,} of {w.with_it:,} converters (bound: "
            f"{BESIDE:.0%}): right only if its times are."
        )
        yield Evidence("rewritten_with_the_outcome", text, w.rewritten / w.with_it, BESIDE, False)


def _closing(w: Written, alpha: float) -> Iterator[Evidence]:
    """After it nobody converts and nothing happens: it is the other outcome."""
    had = w.fresh_others
    if had < LEAST or limits(w.closing, had, alpha)[0] < CLOSES:
        return
    often = limits(had, w.others, alpha / 2)[0] / limits(w.in_time, w.converters, alpha / 2)[1]
    if often >= CLOSES_RATIO:
        text = (
            f"It ended the history of {w.closing:,} of the {had:,} non-converters who had it, and {w.in_time:,} of "
            f"{w.converters:,} converters had it before the goal: name it in the conversion's ends."
        )
        yield Evidence("closes", text, w.closing / had, CLOSES, had >= CLOSES * w.others)


def of_nature(field: Field, filled: int, order: float | None, undated: float, least: float) -> Iterator[Evidence]:
    """It is a clock, an identifier, or says by its name that it is written late.

    Args:
        filled: contacts that have it. order: its rank correlation with time, where it is a number.
        undated: the share of contacts for whom it is dated as their entry. least: the lower limit of its AUC.
    """
    if field.kind != "attribute":
        return
    if order is not None and abs(order) >= CLOCK and field.values >= DISTINCT * filled:
        text = f"It goes with time (rank correlation {order:.3f}; bound: {CLOCK:g}): a running number, or a date."
        yield Evidence("clock", text, abs(order), CLOCK, True)
    elif order is None and filled >= 50 and field.values >= IDENTIFIER * filled:
        text = f"{field.values:,} different values for {filled:,} contacts: an identifier, nothing to learn from."
        yield Evidence("identifier", text, field.values / filled, IDENTIFIER, False)
    words = [word for word in re.split(r"[\W_]+", field.name.lower()) if word in TELLING]
    if words and undated >= 0.9 and least >= AUC_TELLING:
        text = f"{words[0]!r} in its name, and no time of its own: is it known when a contact enters, or only later?"
        yield Evidence("name", text, least, AUC_TELLING, False)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0.0, 1.0) or 0.1 <= share <= 0.99 else f"{share:.2%}"

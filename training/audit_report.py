"""What an audit found, as data and as a page to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from engagement.funnel import Conversion
from engagement.settings import FeatureSettings
from engagement.times import format_time
from training.audit_flow import Arrival, Period, TypeFlow
from training.audit_timing import Written

#: What a field is: left out, kept because it was named, worth a look, or nothing against it.
SUSPECT, KEPT, NOTED, CLEAR = "suspect", "kept", "noted", "clear"

_WIDTH, _BAR = 110, 40


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks against a field: a stable `code`, a sentence with the figures, the figure and the bound
    it crossed. Evidence that is not `grave` is only noted."""

    code: str
    text: str
    value: float
    bound: float
    grave: bool


@dataclass(frozen=True)
class Figures:
    """What was measured of a field; None where there was too little.

    Attributes:
        written: when it was written, beside the outcome, as counts of contacts.
        auc: of the field alone, out of time; `auc_random`: under a random split, and `auc_least`, its lower limit.
        times_as_often: how much more often one class has the field or its purest values, at least.
        one_class: values that one class alone has, and chance does not explain: (value, contacts, converted).
    """

    written: Written | None
    auc: float | None
    auc_least: float | None
    auc_random: float | None
    times_as_often: float | None
    one_class: tuple[tuple[str, int, bool], ...]

    @property
    def gap(self) -> float | None:
        """How much better a random split makes it look."""
        return None if self.auc is None or self.auc_random is None else self.auc_random - self.auc


@dataclass(frozen=True)
class Audited:
    """An attribute or event type, what was measured and what speaks against it; `level` is contact or account."""

    name: str
    kind: str
    level: str
    figures: Figures
    evidence: tuple[Evidence, ...]
    kept: bool

    @property
    def verdict(self) -> str:
        """`SUSPECT`, `KEPT`, `NOTED` or `CLEAR`."""
        if any(one.grave for one in self.evidence):
            return KEPT if self.kept else SUSPECT
        return NOTED if self.evidence else CLEAR


@dataclass(frozen=True)
class Audit:
    """All that was found. Times in microseconds UTC.

    Attributes:
        rows, people, converted: label times, the contacts (or accounts) they are about, and those rows that
            converted.
        outcome: the event types that are the outcome itself, and what they are: ("deal_won", "goal").
        fields: attributes and event types, the suspects first.
        flows: each event type's volume, delays and repetitions. notes: what looks odd about the log as a whole.
    """

    conversion: Conversion
    as_of: int
    rows: int
    people: int
    converted: int
    outcome: tuple[tuple[str, str], ...]
    fields: tuple[Audited, ...]
    periods: tuple[Period, ...]
    arrival: Arrival | None
    flows: tuple[TypeFlow, ...]
    notes: tuple[str, ...]

    @property
    def suspects(self) -> tuple[Audited, ...]:
        """The fields that training leaves out."""
        return tuple(field for field in self.fields if field.verdict == SUSPECT)

    def trusted(self, settings: FeatureSettings) -> FeatureSettings:
        """The settings without the suspects."""
        types = [field.name for field in self.suspects if field.kind == "event type"]
        names = [field.name for field in self.suspects if field.kind == "attribute"]
        return replace(
            settings,
            exclude_types=tuple(dict.fromkeys([*settings.exclude_types, *types])),
            exclude_attributes=tuple(dict.fromkeys([*settings.exclude_attributes, *names])),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON-able content; times are RFC 3339."""
        return {
            "conversion": self.conversion.name,
            "question": self.conversion.question,
            "as_of": format_time(self.as_of),
            "rows": self.rows,
            "people": self.people,
            "converted": self.converted,
            "outcome": [{"type": kind, "is": what} for kind, what in self.outcome],
            "left_out": [field.name for field in self.suspects],
            "fields": [_field(field) for field in self.fields],
            "base_rate": [
                asdict(one) | {"start": format_time(one.start), "end": format_time(one.end), "rate": one.rate}
                for one in self.periods
            ],
            "arrival": asdict(self.arrival) if self.arrival else None,
            "event_types": [asdict(flow) for flow in self.flows],
            "notes": list(self.notes),
        }

    def lines(self, everything: bool = False) -> Iterator[str]:
        """The page: counts, base rate over time, findings; with `everything` also the fields that are clear."""
        of = "accounts" if self.conversion.level == "account" else "contacts"
        yield self.conversion.question
        yield (
            f"as of {format_time(self.as_of)[:19]}Z: {self.rows:,} label times of {self.people:,} {of}, "
            f"{self.converted:,} converted ({self.converted / self.rows:.1%})"
        )
        yield "the outcome itself: " + ", ".join(f"{kind} ({what})" for kind, what in self.outcome)
        yield from self._over_time()
        for note in self.notes:
            yield from _wrapped(f"note: {note}", "", " " * 6)
        yield from self._findings(everything)

    def _over_time(self) -> Iterator[str]:
        yield ""
        yield "base rate over time"
        most = max((p.rate or 0.0 for p in self.periods), default=0.0)
        for one in self.periods:
            bar = "▇" * round(_BAR * (one.rate or 0.0) / most) if most else ""
            rate = "     –" if one.rate is None else f"{one.rate:6.1%}"
            yield f"  from {format_time(one.start)[:10]} {one.rows:>9,} rows {rate} {bar}".rstrip()
        told = dict(self.arrival.waits) if self.arrival else {}
        if self.arrival and told[0.1] < told[0.9]:  # else nobody knows when: a wide table
            yield (
                f"  of all goals seen, half came within {told[0.5]:.3g} days and 90% within {told[0.9]:.3g}; "
                f"{self.arrival.after_horizon:.0%} came after the horizon of {self.conversion.horizon_text}"
            )
        yield ""

    def _findings(self, everything: bool) -> Iterator[str]:
        shown = [field for field in self.fields if everything or field.verdict != CLEAR]
        for field in shown:
            whose = " of the account" if field.level == "account" else ""
            yield f"{field.verdict:8} {field.name} ({field.kind}{whose}){_auc(field.figures)}"
            for one in field.evidence:
                yield from _wrapped(f"- {one.text}", " " * 9, "  ")
        looked = f"{len(self.fields)} attributes and event types looked at"
        left = [field.name for field in self.suspects]
        if not left:
            judged = any(field.figures.times_as_often is not None for field in self.fields)
            yield f"{looked}, none suspicious" + ("." if judged else ": too few of a class to judge by power.")
            return
        yield from _wrapped(f"{looked}; training leaves out {', '.join(dict.fromkeys(left))}.")
        yield from _wrapped(
            f'To keep one that is known in time, write [audit] keep = ["{left[0]}"] in mqm.toml, or --keep {left[0]}.'
        )


def _field(field: Audited) -> dict[str, Any]:
    figures = asdict(field.figures) | {"gap": field.figures.gap}
    figures["one_class"] = [
        {"value": value, "contacts": number, "converted": yes} for value, number, yes in field.figures.one_class
    ]
    return {
        "name": field.name,
        "kind": field.kind,
        "level": field.level,
        "verdict": field.verdict,
        "evidence": [asdict(one) for one in field.evidence],
        **figures,
    }


def _auc(figures: Figures) -> str:
    if figures.auc is None:
        return ""
    beside = "" if figures.auc_random is None else f", {figures.auc_random:.2f} under a random split"
    return f": AUC alone {figures.auc:.2f} out of time{beside}"


def _wrapped(text: str, indent: str = "", hanging: str = "") -> list[str]:
    """The text in lines; those after the first are indented further."""
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + hanging)

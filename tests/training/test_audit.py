"""The audit flags nothing in clean logs, every planted leak, and what is known to leak in real data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from engagement.example import write_example
from engagement.folder import FolderLog
from engagement.funnel import Conversion
from engagement.importing import import_sources
from engagement.log import open_log
from engagement.mapping import mapping_from, read_mapping
from engagement.schema import ATTRIBUTES, EVENTS, TIME
from engagement.settings import FeatureSettings, read_settings
from engagement.times import DAY, HOUR, MINUTE, SECOND
from features.arrays import LogArrays
from mqm.model_commands import read_arrays
from training.audit import audit
from training.audit_report import CLEAR, KEPT, NOTED, SUSPECT, Audit, Audited
from training.audit_timing import LATER, outcomes_of

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared" / "data"
real_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/data is absent: real data are not in the repository"
)

MQL = Conversion("mql_to_meeting", "mql", "meeting", "mql", "meeting_held", 30 * DAY, (0, DAY, 3 * DAY, 7 * DAY))


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_flagged_in_clean_logs(tmp_path: Path, seed: int) -> None:
    write_example(tmp_path, 3_000, seed)
    settings = read_settings([tmp_path], {})
    arrays, as_of = read_arrays(str(tmp_path))
    for conversion in settings.funnel.conversions.values():
        found = audit(arrays, conversion, settings.features, as_of)
        assert [field.name for field in found.suspects] == [], conversion.name
        assert {"pricing", "page_view", "meeting_requested"} & {field.name for field in found.fields}
        assert found.notes == ()


# -- planted leaks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planted:
    """A clean log, who entered when, and what became of them: ids, times in microseconds, NaT-free."""

    events: pa.Table
    attributes: pa.Table
    as_of: int
    contact: list[str]
    entered: np.ndarray
    goal: np.ndarray
    won: np.ndarray

    def audit(self, attributes: pa.Table | None = None, events: pa.Table | None = None, **more: object) -> Audit:
        """The audit of the log with these rows added."""
        tables = [
            whole if new is None else pa.concat_tables([whole, new])
            for whole, new in ((self.events, events), (self.attributes, attributes))
        ]
        return audit(LogArrays.from_tables(*tables), MQL, FeatureSettings(), self.as_of, **more)  # type: ignore[arg-type]

    def facts(self, who: np.ndarray, value: list[str] | str, occurred: np.ndarray, received: np.ndarray) -> pa.Table:
        """Rows of an attribute called "planted" for the contacts at those places."""
        n = len(who)
        values = [value] * n if isinstance(value, str) else value
        ids = [self.contact[place] for place in who]
        columns = [pa.array(ids), pa.nulls(n, pa.string()), pa.array(["planted"] * n), pa.array(values)]
        return pa.table([*columns, *(pa.array(t).cast(TIME) for t in (occurred, received))], schema=ATTRIBUTES)

    def happenings(self, who: np.ndarray, occurred: np.ndarray, kind: str = "planted") -> pa.Table:
        """Events of that type."""
        n = len(who)
        columns = {
            "event_id": pa.array([f"{kind}-{i}" for i in range(n)]),
            "contact_id": pa.array([self.contact[place] for place in who]),
            "type": pa.array([kind] * n),
            "occurred_at": pa.array(occurred).cast(TIME),
            "received_at": pa.array(occurred).cast(TIME),
        }
        empty = {f.name: pa.nulls(n, f.type) for f in EVENTS if f.name not in columns}
        return pa.table({f.name: (columns | empty)[f.name] for f in EVENTS}, schema=EVENTS)


@pytest.fixture(scope="module")
def clean(example_log: Path) -> Planted:
    log = FolderLog(example_log)
    arrays, as_of = read_arrays(str(example_log))
    found = outcomes_of(arrays, MQL, as_of)
    ids = [arrays.contacts[code].as_py() for code in found.contact]
    return Planted(log.events(), log.attributes(), as_of, ids, found.entered, found.goal, found.converted)


def verdict(found: Audit) -> Audited:
    """What is said of the planted field; nothing else may be suspect."""
    planted = [field for field in found.fields if field.name == "planted"]
    assert {field.name for field in found.suspects} <= {"planted"}
    return planted[0]


def codes(field: Audited) -> list[str]:
    """The grave evidence."""
    return [one.code for one in field.evidence if one.grave]


def test_the_clean_log_is_clean(clean: Planted) -> None:
    found = clean.audit()
    assert found.suspects == () and clean.won.sum() > 150
    assert clean.won.sum() == sum(clean.goal < LATER)
    assert found.trusted(FeatureSettings()) == FeatureSettings()


def test_an_attribute_written_with_the_outcome_and_dated_back(clean: Planted) -> None:
    won = np.flatnonzero(clean.won)
    early = clean.entered[won] - HOUR
    field = verdict(clean.audit(clean.facts(won, "signed", early, early)))
    assert (field.verdict, codes(field)[0]) == (SUSPECT, "one_class_has_it")
    assert field.evidence[0].value > field.evidence[0].bound
    assert field.figures.written is not None and field.figures.written.late == 0


def test_an_attribute_dated_back_that_was_received_with_the_outcome(clean: Planted) -> None:
    won = np.flatnonzero(clean.won)
    field = verdict(clean.audit(clean.facts(won, "signed", clean.entered[won], clean.goal[won])))
    assert (field.verdict, codes(field)) == (SUSPECT, ["after_the_outcome"])
    assert "first received at or after the outcome" in field.evidence[0].text
    assert field.figures.written is not None and field.figures.written.backdated == len(won)


def test_an_attribute_written_just_after_the_outcome(clean: Planted) -> None:
    won = np.flatnonzero(clean.won & (np.arange(len(clean.won)) % 3 > 0))
    after = clean.goal[won] + 5 * MINUTE
    field = verdict(clean.audit(clean.facts(won, "x", after, after)))
    assert field.verdict == SUSPECT
    assert [one.code for one in field.evidence] == ["with_the_outcome", "after_the_outcome"]
    days_after = clean.goal[won] + 2 * DAY
    assert codes(verdict(clean.audit(clean.facts(won, "x", days_after, days_after)))) == ["after_the_outcome"]


@pytest.mark.parametrize("shift", [-2 * MINUTE, 0, 3 * SECOND])
def test_an_event_type_that_only_converters_have_at_the_outcome(clean: Planted, shift: int) -> None:
    won = np.flatnonzero(clean.won)
    field = verdict(clean.audit(events=clean.happenings(won, clean.goal[won] + shift)))
    assert (field.kind, field.verdict, codes(field)) == ("event type", SUSPECT, ["with_the_outcome"])


def test_an_event_that_comes_minutes_before_the_outcome_was_seen_in_time(clean: Planted) -> None:
    """As a request before its booking: telling, but honest."""
    won = np.flatnonzero(clean.won)
    before = clean.goal[won] - np.random.default_rng(5).integers(6 * MINUTE, 40 * MINUTE, len(won))
    assert verdict(clean.audit(events=clean.happenings(won, before))).verdict == CLEAR


def test_a_column_filled_for_some_converters_only(clean: Planted) -> None:
    won = np.flatnonzero(clean.won)[::3]
    values = [f"deal {i}" for i in range(len(won))]
    field = verdict(clean.audit(clean.facts(won, values, clean.entered[won], clean.entered[won])))
    assert (field.verdict, codes(field)) == (SUSPECT, ["one_class_has_it"])


def test_a_column_that_a_few_converters_have_and_nobody_else(clean: Planted) -> None:
    """Too few for a ratio that is sure, and too many for chance."""
    won = np.flatnonzero(clean.won)[:: clean.won.sum() // 14]
    field = verdict(clean.audit(clean.facts(won, "x", clean.entered[won], clean.entered[won])))
    assert (field.verdict, codes(field)) == (SUSPECT, ["only_converters_have_it"])
    assert field.evidence[0].text.startswith(f"All {len(won)} who have it converted, and none of ")
    few = won[:8]
    assert verdict(clean.audit(clean.facts(few, "x", clean.entered[few], clean.entered[few]))).verdict == CLEAR


def test_a_copy_of_the_outcome_with_noise(clean: Planted) -> None:
    draw = np.random.default_rng(5)
    copy = clean.won ^ (draw.random(len(clean.won)) < 0.1)
    everyone = np.arange(len(clean.won))
    values = ["north" if one else "south" for one in copy]
    field = verdict(clean.audit(clean.facts(everyone, values, clean.entered, clean.entered)))
    assert (field.verdict, codes(field)) == (SUSPECT, ["too_good"])
    assert field.figures.auc == pytest.approx(0.9, abs=0.04)


def test_a_number_that_has_a_region_of_its_own(clean: Planted) -> None:
    """Two fifths of the converters are above what anybody else has; below that it says nothing."""
    draw = np.random.default_rng(5)
    number = draw.uniform(60, 600, len(clean.won))
    high = clean.won & (draw.random(len(clean.won)) < 0.4)
    number[high] = draw.uniform(600, 900, high.sum())
    values = [f"{one:.1f}" for one in number]
    field = verdict(clean.audit(clean.facts(np.arange(len(number)), values, clean.entered, clean.entered)))
    assert (field.verdict, codes(field)) == (SUSPECT, ["one_class_values"])
    assert "of converters and 0% of the others are at least" in field.evidence[0].text


def test_what_comes_with_age_is_no_leak(clean: Planted) -> None:
    """Filled on the fifth day for everyone still open: those who converted before never have it."""
    won, lost = np.flatnonzero(clean.won), np.flatnonzero(~clean.won)
    quick = clean.happenings(won, clean.entered[won] + 2 * DAY, "meeting_held")
    others = clean.events.filter(pc.not_equal(clean.events["type"], "meeting_held"))
    fifth = clean.entered[lost] + 5 * DAY
    found = replace(clean, events=others).audit(clean.facts(lost, "x", fifth, fifth), quick)
    assert found.converted > 100
    assert verdict(found).verdict == CLEAR
    leak = clean.facts(won, "x", clean.entered[won], clean.entered[won])
    assert verdict(replace(clean, events=others).audit(leak, quick)).verdict == SUSPECT


def test_a_leak_that_shows_days_after_the_entry_only(clean: Planted) -> None:
    open_ = np.flatnonzero(clean.won & (clean.goal > clean.entered + 8 * DAY))
    sixth = clean.entered[open_] + 6 * DAY
    field = verdict(clean.audit(clean.facts(open_, "x", sixth, sixth)))
    assert (field.verdict, codes(field)[0]) == (SUSPECT, "one_class_has_it")
    assert "0% of the others have it 7 days after the entry: at least" in field.evidence[0].text


def test_a_running_number(clean: Planted) -> None:
    place = np.argsort(np.argsort(clean.entered))
    values = [str(7_000 + one) for one in place]
    field = verdict(clean.audit(clean.facts(np.arange(len(place)), values, clean.entered, clean.entered)))
    assert (field.verdict, codes(field)) == (SUSPECT, ["clock"])


def test_an_event_that_ends_the_case(clean: Planted) -> None:
    """Without `ends` an undeclared "lost" is the other outcome: nobody who had it converts, and nothing follows."""
    lost = np.flatnonzero(~clean.won)
    last = dict(zip(*_last(clean.events), strict=True))
    end = np.array([last[clean.contact[place]] for place in lost]) + SECOND
    field = verdict(clean.audit(events=clean.happenings(lost[end < clean.as_of], end[end < clean.as_of])))
    assert (field.verdict, codes(field)) == (SUSPECT, ["closes"])
    assert "name it in the conversion's ends" in field.evidence[0].text


def _last(events: pa.Table) -> tuple[list[str], list[int]]:
    """Contacts and the times of their last events."""
    times = events.set_column(4, "occurred_at", events["occurred_at"].cast(pa.int64()))
    found = times.group_by("contact_id").aggregate([("occurred_at", "max")])
    return found["contact_id"].to_pylist(), found["occurred_at_max"].to_pylist()


def test_what_is_written_late_for_everybody_is_only_noted(clean: Planted) -> None:
    """An enrichment half a year later comes after the outcome, but has nothing to do with it."""
    everyone = np.flatnonzero(clean.entered + 180 * DAY < clean.as_of)
    later = clean.entered[everyone] + 180 * DAY
    field = verdict(clean.audit(clean.facts(everyone, "x", later, later)))
    assert (field.verdict, [one.code for one in field.evidence]) == (NOTED, ["after_the_outcome"])


def test_what_is_rewritten_with_the_outcome_is_only_noted(clean: Planted) -> None:
    won, everyone = np.flatnonzero(clean.won), np.arange(len(clean.won))
    facts = pa.concat_tables(
        [
            clean.facts(everyone, "open", clean.entered - HOUR, clean.entered - HOUR),
            clean.facts(won, "met", clean.goal[won] + MINUTE, clean.goal[won] + MINUTE),
        ]
    )
    field = verdict(clean.audit(facts))
    assert (field.verdict, [one.code for one in field.evidence]) == (NOTED, ["rewritten_with_the_outcome"])


def test_an_honest_column_is_clear(clean: Planted) -> None:
    draw = np.random.default_rng(5)
    strength = draw.normal(0, 1, len(clean.won)) + 1.0 * clean.won
    field = verdict(
        clean.audit(
            clean.facts(np.arange(len(strength)), [f"{s:.2f}" for s in strength], clean.entered, clean.entered)
        )
    )
    assert field.figures.auc is not None and field.figures.auc > 0.7
    assert (field.verdict, field.evidence) == (CLEAR, ())


def test_what_is_kept_by_name_stays(clean: Planted) -> None:
    won = np.flatnonzero(clean.won)
    facts = clean.facts(won, "signed", clean.entered[won], clean.entered[won])
    found = clean.audit(facts, keep=("planted",))
    assert verdict(found).verdict == KEPT and found.trusted(FeatureSettings()) == FeatureSettings()
    without = clean.audit(facts).trusted(FeatureSettings(exclude_attributes=("country",)))
    assert without.exclude_attributes == ("country", "planted")
    typed = clean.audit(events=clean.happenings(won, clean.goal[won]))
    assert typed.trusted(FeatureSettings()).exclude_types == ("planted",)


def test_it_sees_nothing_that_came_later(clean: Planted) -> None:
    """At an earlier moment the whole log says what the log of that moment says."""
    won = np.flatnonzero(clean.won)
    later = replace(clean, as_of=int(np.median(clean.goal[won])))
    moment = pa.scalar(later.as_of, pa.int64()).cast(TIME)
    events, attributes = (
        table.filter(pc.and_(pc.less(table["occurred_at"], moment), pc.less_equal(table["received_at"], moment)))
        for table in (clean.events, clean.attributes)
    )
    assert len(events) < len(clean.events) and len(attributes) < len(clean.attributes)
    then = replace(later, events=events, attributes=attributes)
    known_late = clean.facts(won, "x", clean.entered[won], np.full(len(won), clean.as_of))
    signed = clean.facts(won[::2], "signed", clean.entered[won[::2]], clean.entered[won[::2]])
    signed = signed.filter(pc.less(signed["occurred_at"], moment))
    whole = later.audit(pa.concat_tables([known_late, signed]))
    assert whole.to_dict() == then.audit(signed).to_dict()
    assert verdict(whole).figures.auc is not None


# -- the log as a whole ------------------------------------------------------------------------------------------


def test_what_is_odd_about_the_log_is_noted(clean: Planted) -> None:
    first, last = int(clean.entered.min()), clean.as_of
    often = np.arange(6_000) % len(clean.contact)
    moments = np.linspace(first, first + 0.6 * (last - first), 6_000).astype(np.int64)
    stops = clean.happenings(often, moments)
    twice = pa.concat_tables([stops, stops.set_column(0, EVENTS.field(0), pa.array([f"b{i}" for i in range(6_000)]))])
    late = twice.set_column(5, EVENTS.field(5), pa.array(np.tile(moments + 3 * DAY, 2)).cast(TIME))
    notes = clean.audit(events=late).notes
    assert len(notes) == 3
    assert "planted: hardly any since" in notes[0] and "no longer tracked?" in notes[0]
    assert notes[1].startswith("planted: 100% received more than a day after they happened (99% within 3 days)")
    assert notes[2] == "planted: 50% repeat another event exactly: imported twice?"


def test_the_base_rate_and_the_waits(clean: Planted) -> None:
    found = clean.audit()
    assert sum(one.rows for one in found.periods) == found.rows
    assert sum(one.converted for one in found.periods) == found.converted
    assert all(one.low <= (one.rate or 0) <= one.high for one in found.periods if one.rows)
    took = np.sort((clean.goal - clean.entered)[clean.won]) / DAY
    assert found.arrival is not None
    waits = dict(found.arrival.waits)
    assert waits[0.5] == pytest.approx(np.median(took))
    assert found.arrival.after_horizon == pytest.approx((took >= 30).mean())


def test_little_data_is_no_error(tmp_path: Path) -> None:
    write_example(tmp_path, 60, 1)
    settings = read_settings([tmp_path], {})
    arrays, as_of = read_arrays(str(tmp_path))
    found = audit(arrays, settings.funnel.conversion("mql_to_meeting"), settings.features, as_of)
    assert found.suspects == () and found.rows > 0
    assert "\n".join(found.lines(everything=True)).endswith("none suspicious: too few of a class to judge by power.")


# -- real data ---------------------------------------------------------------------------------------------------


def audited(
    folder: Path, example: str, source: str, conversion: str, settings: FeatureSettings | None = None
) -> Audit:
    """The audit of real data, imported with an example's map and settings."""
    import_sources([SHARED / source], read_mapping(ROOT / "examples" / example / "map.toml"), str(folder))
    declared = read_settings([ROOT / "examples" / example], {})
    log = open_log(str(folder))
    arrays = LogArrays.from_tables(log.events(), log.attributes())
    as_of = int(arrays.events.occurred.max()) + 1
    return audit(arrays, declared.funnel.conversion(conversion), settings or declared.features, as_of)


def said(found: Audit, name: str) -> str:
    """What the page says about a field."""
    page = "\n".join(found.lines()).split("\n")
    begin = next(i for i, line in enumerate(page) if line[9:].startswith(f"{name} "))
    end = next((i for i in range(begin + 1, len(page)) if page[i][:1].strip()), len(page))
    return " ".join(" ".join(page[begin:end]).split())


@real_data
def test_xeducation(tmp_path: Path) -> None:
    found = audited(tmp_path, "xeducation", "xeducation/Leads.csv", "lead_to_customer")
    assert [field.name for field in found.suspects] == ["tags"]
    for name in ("lead_quality", "lead_profile", "last_activity", "last_notable_activity"):
        assert said(found, name).startswith(f"noted {name} (attribute): AUC alone 0.")
    assert "have 'High in Relevance': at least" in said(found, "lead_quality")
    assert "'last' in its name, and no time of its own" in said(found, "last_notable_activity")


@real_data
def test_bank_marketing(tmp_path: Path) -> None:
    found = audited(tmp_path, "bank_marketing", "bank_marketing/bank-additional-full.csv", "call_to_deposit")
    assert [field.name for field in found.suspects] == ["duration"]
    assert "are below 75: at least" in said(found, "duration")
    assert "it tells when a contact came" in said(found, "euribor3m")
    assert [note[:13] for note in found.notes] == ["the base rate"]


DEALS = {
    *("seller_id", "sdr_id", "sr_id", "business_segment", "lead_type", "lead_behaviour_profile", "has_company"),
    *("has_gtin", "average_stock", "business_type", "declared_product_catalog_size", "declared_monthly_revenue"),
}


@real_data
def test_olist_as_one_wide_table(tmp_path: Path) -> None:
    found = audited(tmp_path, "olist_wide", "olist", "mql_to_win")
    assert {field.name for field in found.suspects} == DEALS
    assert all(codes(field)[0] == "one_class_has_it" for field in found.suspects)


@real_data
def test_olist_with_the_deals_columns_at_the_time_of_the_deal(tmp_path: Path) -> None:
    mapping = {
        "table": [
            {
                "source": "olist_marketing*.csv",
                "contact_id": "{mql_id}",
                "occurred_at": "{first_contact_date}",
                "events": [{"type": "mql"}],
                "attributes": [{"columns": "*"}],
            },
            {
                "source": "olist_closed*.csv",
                "contact_id": "{mql_id}",
                "occurred_at": "{won_date}",
                "events": [{"type": "deal_won"}],
                "attributes": [{"columns": "*"}],
            },
        ]
    }
    import_sources([SHARED / "olist"], mapping_from(mapping), str(tmp_path))
    arrays, as_of = read_arrays(str(tmp_path))
    declared = read_settings([ROOT / "examples" / "olist"], {})
    found = audit(arrays, declared.funnel.conversion("mql_to_win"), declared.features, as_of)
    assert {field.name for field in found.suspects} == DEALS
    assert all("after_the_outcome" in codes(field) for field in found.suspects)


@real_data
def test_the_loan_log(tmp_path: Path) -> None:
    """Flagged whether mqm.toml leaves them out already or not; the goal and the end are named as what they are."""
    for number, settings in enumerate((None, FeatureSettings())):
        found = audited(tmp_path / str(number), "loan_applications", "bpic2017", "created_to_accepted", settings)
        assert {field.name for field in found.suspects} == {"o_accepted", "o_cancelled", "w_validate_application"}
        assert found.outcome == (("a_pending", "goal"), ("a_cancelled", "end"))


@real_data
def test_the_loan_log_without_its_ends(tmp_path: Path) -> None:
    import_sources([SHARED / "bpic2017"], read_mapping(ROOT / "examples/loan_applications/map.toml"), str(tmp_path))
    arrays, as_of = read_arrays(str(tmp_path))
    declared = read_settings([ROOT / "examples/loan_applications"], {}).funnel.conversion("created_to_accepted")
    found = audit(arrays, replace(declared, ends=()), FeatureSettings(), as_of)
    names = {field.name for field in found.suspects}
    assert names == {"a_cancelled", "o_accepted", "o_cancelled", "w_validate_application"}

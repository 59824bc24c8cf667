"""The example log: deterministic, valid, and its truth is what it says.

Label times and labels are made here a second time, in plain SQL over the written events, by the interval law.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from engagement.errors import BadInput
from engagement.example import ExampleSummary, write_example
from engagement.schema import ATTRIBUTES, EVENTS, attributes_table, events_table
from engagement.settings import settings_from
from engagement.times import days, parse_time

FILES = ("events.parquet", "attributes.parquet", "mqm.toml", "truth.parquet")
LANDMARKS = {"mql_to_meeting": [0, 1, 3, 7, 14], "meeting_to_win": [0, 1, 7]}
#: What marketing sends and sees may be received late; everything that decides about a stage may not.
MAY_BE_LATE = {"page_view", "email_open", "email_click", "webinar_registered", "webinar_attended", "form_submitted"}

#: Every label time with its label: who, from when, until when the horizon reaches, whether the goal came.
LABEL_TIMES = """
with starts as (
    select contact_id, coalesce(account_id, contact_id) as team, occurred_at as start,
           greatest(occurred_at, received_at) + interval 1 microsecond as known
    from events where type = $start
), goals as (
    select contact_id, coalesce(account_id, contact_id) as team, occurred_at from events where type = $goal
), rows as (
    select s.*, known + landmark * interval 24 hour as cutoff
    from starts s, (select unnest($landmarks) as landmark)
)
select r.contact_id, r.team, r.cutoff,
       exists (from goals g where {same} and g.occurred_at >= r.cutoff
               and g.occurred_at < r.cutoff + $horizon * interval 24 hour) as converted
from rows r
where r.cutoff < timestamptz '2026-10-01 00:00:00+00'
  and not exists (from goals g where {same} and g.occurred_at >= r.start and g.occurred_at < r.cutoff)
  and not exists (from starts s where s.team = r.team and s.start > r.start and s.start < r.cutoff)
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExampleSummary]:
    folder = tmp_path_factory.mktemp("example")
    return folder, write_example(folder, contacts=20_000, seed=3)


def label_times(folder: Path, conversion: str) -> pd.DataFrame:
    """The label times found in the events, beside the truth's; a row of one only has nulls for the other."""
    mqls = conversion == "mql_to_meeting"
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"create view events as from '{folder}/events.parquet'")
        found = LABEL_TIMES.format(same="g.contact_id = r.contact_id" if mqls else "g.team = r.team")
        return db.execute(
            f"""select * from ({found}) full join (from '{folder}/truth.parquet' where conversion = $conversion)
                using (contact_id, cutoff) order by cutoff, contact_id""",
            {
                "start": "mql" if mqls else "meeting_held",
                "goal": "meeting_held" if mqls else "deal_won",
                "landmarks": LANDMARKS[conversion],
                "horizon": 30 if mqls else 180,
                "conversion": conversion,
            },
        ).df()


@pytest.mark.parametrize("conversion", LANDMARKS)
def test_truth_stands_at_every_label_time_and_nowhere_else(
    example: tuple[Path, ExampleSummary], conversion: str
) -> None:
    folder, summary = example
    rows = label_times(folder, conversion)
    assert len(rows) == summary.rows[conversion] > 1_000
    assert rows["converted"].notna().all()
    assert rows["probability"].between(0, 1).all()


@pytest.mark.parametrize("conversion", LANDMARKS)
def test_truth_is_calibrated(example: tuple[Path, ExampleSummary], conversion: str) -> None:
    rows = label_times(example[0], conversion)
    horizon = pd.Timedelta(days=30 if conversion == "mql_to_meeting" else 180)
    mature = rows[rows["cutoff"] + horizon <= pd.Timestamp("2026-10-01", tz="UTC")]
    probability, label = mature["probability"].to_numpy(), mature["converted"].to_numpy(dtype=float)

    team = mature["team"].to_numpy()

    excess = pd.Series(label - probability).groupby(team).sum()
    assert abs(excess.sum()) < 3 * np.sqrt((excess**2).sum())
    # In a decile conversions are few: we bound the spread by rows of an account that all go together.
    decile = (pd.Series(probability).rank(method="first") * 10 / len(mature)).clip(upper=9.99).astype(int)
    for _, rows_of in decile.groupby(decile).groups.items():
        p, y = probability[rows_of], label[rows_of]
        spread = pd.Series(np.sqrt(p * (1 - p))).groupby(team[rows_of]).sum()
        assert abs((y - p).sum()) < 1 + 4 * np.sqrt((spread**2).sum())

    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    loss = -np.mean(label * np.log(clipped) + (1 - label) * np.log(1 - clipped))
    base = label.mean()
    assert 0.1 < base < 0.35
    assert loss < 0.75 * -(base * np.log(base) + (1 - base) * np.log(1 - base))


def test_one_thread_at_a_time_on_an_account(example: tuple[Path, ExampleSummary]) -> None:
    """An MQL never comes within 90 days of another of its account, nor within 180 days after a deal closed."""
    events = pq.read_table(example[0] / "events.parquet").to_pandas()
    events["team"] = events["account_id"].fillna(events["contact_id"])
    mqls = events[events["type"] == "mql"]
    assert not mqls["contact_id"].duplicated().any()
    assert mqls.groupby("team")["occurred_at"].diff().min() > pd.Timedelta(days=90)
    closed = events[events["type"].isin(["deal_won", "deal_lost"])][["team", "occurred_at"]]
    both = closed.merge(mqls[["team", "occurred_at"]], on="team", suffixes=("", "_mql"))
    after = both["occurred_at_mql"] - both["occurred_at"]
    assert after[after > pd.Timedelta(0)].min() > pd.Timedelta(days=180)


def test_the_log_is_a_valid_one(example: tuple[Path, ExampleSummary]) -> None:
    folder, summary = example
    events, attributes = (pq.read_table(folder / f"{name}.parquet") for name in ("events", "attributes"))
    assert events.schema == EVENTS
    assert attributes.schema == ATTRIBUTES
    assert events_table(events).equals(events)
    assert attributes_table(attributes).equals(attributes)
    assert len(events) == summary.events
    assert len(events["event_id"].unique()) == len(events)
    occurred = events["occurred_at"].to_numpy()
    assert (occurred[1:] >= occurred[:-1]).all()
    assert pc.min(events["occurred_at"]).as_py() >= pd.Timestamp("2023-10-01", tz="UTC")
    assert pc.max(events["received_at"]).as_py() < pd.Timestamp("2026-10-01", tz="UTC")
    assert pc.all(pc.greater_equal(events["received_at"], events["occurred_at"])).as_py()


def test_only_what_decides_nothing_is_late(example: tuple[Path, ExampleSummary]) -> None:
    events = pq.read_table(example[0] / "events.parquet").to_pandas()
    late = events["received_at"] - events["occurred_at"] > pd.Timedelta(minutes=1)
    assert set(events["type"][late]) == MAY_BE_LATE
    assert 0.02 < late[events["type"].isin(MAY_BE_LATE)].mean() < 0.04


def test_the_funnel_has_the_shape_it_promises(example: tuple[Path, ExampleSummary]) -> None:
    _, summary = example
    assert summary.visitors == 400_000
    assert 0.35 < summary.mqls / summary.contacts < 0.45
    assert 0.006 < summary.wins / summary.contacts < 0.016
    assert 2.5 < summary.contacts / summary.accounts < 4
    assert 30 < summary.events / summary.contacts < 50
    assert summary.purchases > summary.wins


def test_its_settings_are_the_contracts(example: tuple[Path, ExampleSummary]) -> None:
    settings = settings_from(tomllib.loads((example[0] / "mqm.toml").read_text()))
    mql, meeting = (settings.funnel.conversion(name) for name in LANDMARKS)
    assert (mql.start_type, mql.goal_type, mql.horizon, mql.level) == ("mql", "meeting_held", days(30), "contact")
    assert (meeting.start_type, meeting.goal_type, meeting.horizon) == ("meeting_held", "deal_won", days(180))
    assert (mql.each, meeting.each, meeting.level) == (False, True, "account")
    assert mql.landmarks == tuple(map(days, LANDMARKS["mql_to_meeting"]))
    assert meeting.landmarks == tuple(map(days, LANDMARKS["meeting_to_win"]))


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        write_example(tmp_path / name, contacts=300, seed=seed)
    for file in FILES:
        first, again, other = ((tmp_path / name / file).read_bytes() for name in ("first", "again", "other"))
        assert first == again
        assert (first == other) == (file == "mqm.toml")


@pytest.mark.parametrize("contacts", [1, 2, 7])
def test_the_smallest_worlds(tmp_path: Path, contacts: int) -> None:
    for seed in range(8):
        summary = write_example(tmp_path, contacts=contacts, seed=seed)
        events = events_table(pq.read_table(tmp_path / "events.parquet"))
        assert summary.contacts == contacts == pc.sum(pc.equal(events["type"], "lead_created")).as_py()
        assert len(pq.read_table(tmp_path / "truth.parquet")) == sum(summary.rows.values())


@pytest.mark.parametrize(("contacts", "seed"), [(0, 1), (-5, 1), (10, -1)])
def test_what_cannot_be_made_is_refused(tmp_path: Path, contacts: int, seed: int) -> None:
    with pytest.raises(BadInput):
        write_example(tmp_path / "none", contacts=contacts, seed=seed)
    assert not (tmp_path / "none").exists()


def test_progress_is_heard(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    write_example(tmp_path, contacts=20, seed=1, progress=lambda what, done: heard.append((what, done)))
    fractions = [done for _, done in heard]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_it_ends_where_it_says() -> None:
    from engagement.example.facts import END, START

    assert (parse_time("2023-10-01T00:00:00Z"), parse_time("2026-10-01T00:00:00Z")) == (START, END)

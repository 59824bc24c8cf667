"""Training: repeatable to the digest, blind to what came later, better than the baselines, honest when it can't."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lab import CONVERSIONS, Lab

from engagement.errors import NotEnoughData
from engagement.events import Event
from engagement.folder import FolderLog
from engagement.funnel import Conversion, funnel_from
from engagement.schema import ATTRIBUTES, EVENTS
from engagement.settings import FeatureSettings
from engagement.times import DAY, format_time, parse_time
from features.arrays import LogArrays
from models.bundle import save_bundle
from training.card import card
from training.provenance import data_digest
from training.record import _golden, manifest_facts
from training.table import contact_ids
from training.train import Trained, train

AS_OF = "2026-06-01T00:00:00Z"


def digest_of(trained: Trained, arrays: LogArrays, folder: Path) -> str:
    """The digest of the bundle that would be recorded."""
    return save_bundle(trained.model, folder, _golden(trained), manifest_facts(trained, arrays), card(trained))


def later(number: int = 1_000) -> pa.Table:
    """Events of contacts, accounts and types old and new: half happen after `AS_OF`, half are only received then."""
    draw = np.random.default_rng(8)
    moment = datetime.fromtimestamp(parse_time(AS_OF) / 1e6, UTC)
    rows = []
    for i in range(number):
        known_late = i % 2 == 1
        shift = timedelta(hours=float(draw.uniform(0.001, 2_000)))
        occurred = moment - shift if known_late else moment + shift
        rows.append(
            {
                "event_id": f"later-{i}",
                "contact_id": f"c-{draw.integers(1, 3_300)}",
                "account_id": str(draw.choice(["a-1", "a-20", "a-0-new", "z-new"])),
                "type": str(draw.choice(["mql", "meeting_held", "deal_won", "page_view", "a_new_type", "deal_lost"])),
                "occurred_at": occurred,
                "received_at": moment + timedelta(seconds=1) if known_late else occurred,
                "value": float(draw.normal()),
                "detail": str(draw.choice(["pricing", "AAA", "zzz"])),
                "properties": None,
            }
        )
    return pa.Table.from_pylist(rows, schema=EVENTS)


def later_attributes() -> pa.Table:
    moment = datetime.fromtimestamp(parse_time(AS_OF) / 1e6, UTC)
    rows = [
        {"contact_id": f"c-{i}", "account_id": None, "name": name, "value": "AAA",
         "occurred_at": moment - timedelta(days=1), "received_at": moment + timedelta(days=1)}
        for i in range(1, 500)
        for name in ("job_level", "a_new_name")
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=ATTRIBUTES)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_what_comes_later_changes_neither_the_model_nor_its_digest(lab: Lab, name: str, tmp_path: Path) -> None:
    log = FolderLog(lab.log)
    more = LogArrays.from_tables(
        pa.concat_tables([later(), log.events()]), pa.concat_tables([later_attributes(), log.attributes()])
    )
    conversion, settings = lab.settings.funnel.conversion(name), lab.settings.features
    before, after = (train(arrays, conversion, settings, parse_time(AS_OF)) for arrays in (lab.arrays, more))
    assert digest_of(before, lab.arrays, tmp_path / "a") == digest_of(after, more, tmp_path / "b")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert (
        digest_of(before, lab.arrays, tmp_path / "c") != lab.versions[name].digest
    )  # another as_of is another model


def test_two_trainings_in_two_processes_make_the_same_bundle(lab: Lab, tmp_path: Path) -> None:
    children = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        command = [sys.executable, "-m", "mqm", "train", "meeting_to_win", "--log", str(lab.log), "--json"]
        children.append(
            subprocess.Popen(command, cwd=tmp_path / place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    told = []
    for child in children:
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, err
        assert err == ""
        told.append(json.loads(out)["digest"])
    assert told[0] == told[1] == lab.versions["meeting_to_win"].digest


def test_another_seed_is_another_model(lab: Lab, tmp_path: Path) -> None:
    conversion = lab.settings.funnel.conversion("meeting_to_win")
    one, other = (train(lab.arrays, conversion, lab.settings.features, lab.as_of, seed) for seed in (0, 1))
    assert one.model.rung.text() == lab.trained["meeting_to_win"].model.rung.text()
    assert one.model.rung.text() != other.model.rung.text()


def test_the_data_digest_covers_events_accounts_and_attributes(lab: Lab) -> None:
    log = FolderLog(lab.log)
    events, attributes = log.events(), log.attributes()
    shuffled = np.random.default_rng(0).permutation(len(events))
    base = data_digest(lab.arrays, lab.as_of)

    def digest(events: pa.Table, attributes: pa.Table) -> str:
        return data_digest(LogArrays.from_tables(events, attributes), lab.as_of)

    assert digest(events.take(shuffled), attributes) == base
    assert digest(events.slice(1), attributes) != base
    assert digest(events, attributes.slice(1)) != base
    place = events.column_names.index("account_id")
    nobody = events.set_column(place, "account_id", pa.nulls(len(events), pa.string()))
    assert digest(nobody, attributes) != base


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_model_beats_the_base_rate_and_the_rule_of_recency(lab: Lab, name: str) -> None:
    judged = {one.name: one.metrics for one in lab.trained[name].judged}
    assert set(judged) - {"uncorrected"} == {"model", "base rate", "recency rule", "naive Bayes"}
    for baseline in ("base rate", "recency rule", "naive Bayes"):
        assert judged["model"]["log_loss"].value < judged[baseline]["log_loss"].value
    assert judged["base rate"]["roc_auc"].value == 0.5
    assert judged["model"]["roc_auc"].value > 0.5
    if name == "mql_to_meeting":  # so few meetings tell little more than that
        assert judged["model"]["roc_auc"].low > 0.7
        assert judged["model"]["lift_at_10pct"].low > 1.5


def test_a_batch_scores_as_one_by_one_does(lab: Lab) -> None:
    for name in CONVERSIONS:
        trained = lab.trained[name]
        rows = trained.rows.take(np.linspace(0, len(trained.rows) - 1, 60).astype(np.int64))
        ids = contact_ids(lab.arrays, rows).to_pylist()
        batch = trained.model.score(lab.arrays, ids, rows.cutoff, threads=2)
        for contact, cutoff, score in zip(ids, rows.cutoff, batch, strict=True):
            assert trained.model.score(lab.arrays, [contact], [int(cutoff)]) == [score]


def test_a_score_depends_on_the_own_account_only(lab: Lab) -> None:
    log = FolderLog(lab.log)
    for name in CONVERSIONS:
        trained = lab.trained[name]
        rows = trained.rows.take(np.linspace(0, len(trained.rows) - 1, 8).astype(np.int64))
        ids = contact_ids(lab.arrays, rows).to_pylist()
        whole = trained.model.score(lab.arrays, ids, rows.cutoff)
        for contact, cutoff, score in zip(ids, rows.cutoff, whole, strict=True):
            alone = LogArrays.from_tables(log.events([contact]), log.attributes([contact]))
            assert len(alone.contacts) < 100
            assert trained.model.score(alone, [contact], [int(cutoff)]) == [score]


def test_what_is_not_in_the_stage_is_said(lab: Lab) -> None:
    trained = lab.trained["mql_to_meeting"]
    row = int(np.flatnonzero(trained.rows.converted)[0])
    contact = contact_ids(lab.arrays, trained.rows)[row].as_py()
    early = parse_time("2000-01-01T00:00:00Z")
    asked = trained.model.score(lab.arrays, ["nobody", contact, contact], [lab.as_of, early, lab.as_of])
    assert [score.status for score in asked] == ["unknown_contact", "unknown_contact", "not_in_stage"]
    for score in asked:
        assert score.probability is None
        assert score.status_text
        assert score.reasons == ()


START = parse_time("2025-01-01T00:00:00Z")


def little(contacts: int, converts: int, mql: str = "mql") -> LogArrays:
    """MQLs, a day apart; the first so many hold a meeting the day after."""
    events = []
    for i in range(contacts):
        at = START + i * DAY
        events.append(Event(f"m-{i}", f"c-{i}", None, mql, at, at, None, None))
        if i < converts:
            events.append(Event(f"h-{i}", f"c-{i}", None, "meeting_held", at + DAY, at + DAY, None, None))
    return LogArrays.from_events(events)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (little(100, 0), "none of 500"),
        (little(100, 100), "all of"),
        (little(100, 20, mql="lead_created"), "nobody entered the stage 'mql'"),
        (little(30, 5), "too little to learn"),
        (little(5, 2), "too little to learn"),
    ],
)
def test_too_little_is_named(arrays: LogArrays, said: str) -> None:
    conversion = funnel_from({}).conversion("mql_to_meeting")
    with pytest.raises(NotEnoughData, match=said):
        train(arrays, conversion, FeatureSettings(), START + 400 * DAY)


def test_before_the_horizon_has_passed_nothing_is_mature() -> None:
    conversion: Conversion = funnel_from({}).conversion("mql_to_meeting")
    with pytest.raises(NotEnoughData, match=f"mature by {format_time(START + 20 * DAY)}"):
        train(little(100, 50), conversion, FeatureSettings(), START + 20 * DAY)


def test_a_short_history_is_learnt_from_but_not_judged() -> None:
    conversion = funnel_from({}).conversion("mql_to_meeting")
    trained = train(little(20, 18), conversion, FeatureSettings(), START + 200 * DAY)
    assert trained.judged == ()
    assert "too short" in trained.split.plan
    assert "Not judged" in card(trained)


def test_the_card_and_the_files_of_a_run(lab: Lab) -> None:
    for name in CONVERSIONS:
        text = (lab.bundle(name) / "card.md").read_text(encoding="utf-8")
        assert lab.versions[name].conversion in text
        assert "| log loss (nats) |" in text
        report = json.loads((lab.bundle(name).parent / "report.json").read_text())
        assert report["judged"]["model"]["brier"]["value"] == lab.versions[name].metrics["brier"]
        for picture in ("reliability", "gain", "precision_recall", "beeswarm"):
            path = lab.bundle(name).parent / "pictures" / f"{picture}.png"
            assert path.read_bytes()[:4] == b"\x89PNG"


def test_the_example_is_the_log_it_says(lab: Lab) -> None:
    assert pq.read_schema(lab.log / "events.parquet").names == EVENTS.names


def test_the_recency_baseline_needs_no_column_of_the_model(lab: Lab) -> None:
    """The gate compares with it: a small budget, or drift, must not make the comparison vanish."""
    conversion = lab.settings.funnel.conversion("mql_to_meeting")
    trained = train(lab.arrays, conversion, FeatureSettings(max_columns=1), lab.as_of)
    assert "any_event_recency" not in trained.model.features.names
    mine = {one.name: one.metrics["log_loss"].value for one in trained.judged}
    usual = {one.name: one.metrics["log_loss"].value for one in lab.trained["mql_to_meeting"].judged}
    assert mine["recency rule"] == usual["recency rule"]

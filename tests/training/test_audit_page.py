"""The audit on the command line: the page, the JSON, and what is kept by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engagement.errors import BadInput
from engagement.settings import settings_from
from mqm.__main__ import main

#: A lead an hour; every fifth is won. Nobody else has a contract, and contracts are numbered; the region says little.
TOML = """
[stages]
lead = "lead"
customer = "customer"
[conversions.lead_to_customer]
start = "lead"
goal = "customer"
horizon_days = 1
"""
MAP = """
[[table]]
source = "leads.csv"
contact_id = "{id}"
occurred_at = "{#row}"
time_format = "hours since 2020-01-01"
[[table.events]]
type = "lead"
[[table.events]]
type = "customer"
when = { won = "yes" }
shift_days = 0.5
[[table.attributes]]
columns = "*"
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rows = ["id,won,region,contract"]
    for i in range(600):
        won = i % 5 == 2
        rows.append(f"c{i},{'yes' if won else 'no'},{'north' if i % 7 < 3 + won else 'south'},{i if won else ''}")
    (tmp_path / "leads.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "map.toml").write_text(MAP)
    folder = tmp_path / "log"
    assert (
        main(["import", str(tmp_path / "leads.csv"), "--map", str(tmp_path / "map.toml"), "--log", str(folder)]) == 0
    )
    (folder / "mqm.toml").write_text(TOML)
    return folder


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["audit", "lead_to_customer", *arguments]) == 0
    return capsys.readouterr().out


def test_the_page(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = page(capsys, "--log", str(log))
    assert shown.startswith("Will this contact come from lead to customer within 1 day?\nas of 2020-01-26T")
    assert "label times of 5" in shown and "converted (20.0%)" in shown
    assert "the outcome itself: customer (goal)" in shown
    assert "  from 2020-01-01        49 rows  20.4% ▇" in shown
    assert "suspect  contract (attribute): AUC alone 1.00 out of time, 1.00 under a random split" in shown
    assert "         - 100% of converters and 0% of the others have it: at least " in shown
    assert "4 attributes and event types looked at; training leaves out contract." in shown
    assert 'write [audit] keep = ["contract"] in mqm.toml, or --keep contract.' in shown
    assert "region" not in shown and "\nclear    region (attribute)" in page(capsys, "--log", str(log), "--all")


def test_the_json_holds_everything(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(page(capsys, "--log", str(log), "--json"))
    assert body["left_out"] == ["contract"]
    assert body["rows"] == sum(one["rows"] for one in body["base_rate"])
    first = body["fields"][0]
    assert (first["name"], first["kind"], first["verdict"]) == ("contract", "attribute", "suspect")
    assert [one["code"] for one in first["evidence"]] == ["one_class_has_it", "too_good", "clock"]
    assert first["evidence"][0]["value"] > first["evidence"][0]["bound"] == 15
    assert first["written"]["with_it"] == first["written"]["converters"] > 100
    assert first["one_class"][0]["converted"] is False  # the missing
    assert {one["name"] for one in body["fields"]} == {"contract", "region", "lead", "customer"}
    assert [one["type"] for one in body["event_types"]] == ["customer", "lead"]
    assert body["arrival"]["after_horizon"] == 0


def test_what_is_kept_by_name(log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["--keep", "contract"], []):
        shown = page(capsys, "--log", str(log), *arguments)
        assert "kept     contract (attribute)" in shown and "none suspicious" in shown
        (log / "mqm.toml").write_text(f'{TOML}[audit]\nkeep = ["contract"]\n')
    (log / "mqm.toml").write_text(TOML)
    assert "suspect  contract" in page(capsys, "--log", str(log))
    monkeypatch.setenv("MQM_AUDIT__KEEP", '["contract"]')
    assert "kept     contract" in page(capsys, "--log", str(log))


def test_nothing_later_is_used(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(page(capsys, "--log", str(log), "--json", "--as-of", "2020-01-10"))
    assert body["as_of"] == "2020-01-10T00:00:00Z" and body["rows"] < 220
    assert body["left_out"] == ["contract"]
    assert main(["audit", "lead_to_customer", "--log", str(log), "--as-of", "2019-01-01"]) == 1
    assert "nobody entered the stage" in capsys.readouterr().err


@pytest.mark.parametrize("body", [{"keep": "tags"}, {"keep": [1]}, {"leave": []}, "tags"])
def test_settings_that_cannot_be_used(body: object) -> None:
    with pytest.raises(BadInput, match="audit"):
        settings_from({"audit": body})
    assert settings_from({"audit": {"keep": ["tags"]}}).keep == ("tags",)

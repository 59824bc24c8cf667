"""`mqm monitor` and `mqm compare`: exit codes for a scheduler, and a page with the same as JSON beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from command_line import Done
from lab import Lab, add_version

from engagement.times import DAY, format_time
from models.registry import Registry

NAME = "mql_to_meeting"
Command = Callable[..., Done]


def without_page_views(lab: Lab, folder: Path) -> Path:
    """The lab's log, in which pages are no longer seen in its last week."""
    shutil.copytree(lab.log, folder)
    events = pq.read_table(folder / "events.parquet")
    late = pc.greater(pc.cast(events["occurred_at"], "int64"), lab.as_of - 7 * DAY)
    kept = pc.invert(pc.and_(late, pc.equal(events["type"], "page_view")))
    pq.write_table(events.filter(kept), folder / "events.parquet")
    return folder


def test_a_quiet_week_exits_with_0_and_a_type_that_stops_with_3(
    command_line: Command, lab: Lab, tmp_path: Path
) -> None:
    asked = ["monitor", NAME, "--as-of", format_time(lab.as_of), "--out", "watch.html"]
    done = command_line(*asked, "--log", lab.log)
    assert (done.code, done.err) == (0, "")
    assert "quiet" in done.out and "ALARM" not in done.out
    done = command_line(*asked, "--log", without_page_views(lab, tmp_path / "log"), "--json")
    assert (done.code, done.err) == (3, "")
    told = json.loads(done.out)
    assert json.loads(Path("watch.json").read_text()) == told
    assert "stopped" in {one["kind"] for one in told["alarms"]}
    assert "page_view" in Path("watch.html").read_text()


def test_two_versions_are_compared_on_a_page(
    command_line: Command, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lab.copy(tmp_path / "home")
    add_version(Registry(home / "mlruns"), NAME)  # the same bundle again
    monkeypatch.setenv("MQM_STORE", str(home / "mlruns"))
    asked = ["compare", "champion", "challenger", "--log", lab.log, "--out", "compared.html", "--people", 2]
    done = command_line(*asked)
    assert (done.code, done.err) == (0, "")
    assert "version 1 → 2" in done.out and "0 have another grade" in done.out
    told = json.loads(Path("compared.json").read_text())
    assert (told["versions"], told["moved_most"], len(told["movers"])) == (["1", "2"], 0, 2)
    page = Path("compared.html").read_text()
    assert "Version 1 → 2" in page and told["movers"][0]["contact_id"] in page


@pytest.mark.parametrize(("out", "said"), [("nowhere/a.html", "no folder 'nowhere'"), ("a.json", "the page is HTML")])
def test_a_page_that_cannot_be_is_named_before_the_work(out: str, said: str, command_line: Command) -> None:
    done = command_line("monitor", NAME, "--log", "no log at all", "--out", out)
    assert (done.code, done.out) == (2, "")
    assert said in done.err

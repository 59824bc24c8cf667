"""`mqm.toml` and `MQM_…` variables: what they may say, and how what they may not is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from engagement.errors import BadInput, UnknownConversion
from engagement.settings import Settings, read_settings, settings_from
from engagement.times import DAY

CONTRACT = """
[stages]
mql = "mql"
meeting = "meeting_held"
win = "deal_won"

[conversions.mql_to_meeting]
start = "mql"
goal = "meeting"
horizon_days = 30
landmark_days = [7, 0, 0.5]

[conversions.meeting_to_win]
start = "meeting"
goal = "win"
horizon_days = 180
level = "account"

[features]
windows_days = [30, 1]
exclude_types = ["spam"]
exclude_attributes = []
"""


def parse(toml: str) -> Settings:
    return settings_from(tomllib.loads(toml))


def test_the_contracts_example_is_read() -> None:
    settings = parse(CONTRACT)
    first = settings.funnel.conversion("mql_to_meeting")
    assert (first.start_type, first.goal_type, first.horizon) == ("mql", "meeting_held", 30 * DAY)
    assert first.landmarks == (0, DAY // 2, 7 * DAY)
    assert (first.level, first.each) == ("contact", False)
    second = settings.funnel.conversion("meeting_to_win")
    assert (second.level, second.each, second.landmarks) == ("account", True, (0,))
    assert settings.features.windows_days == (1, 30)
    assert settings.features.exclude_types == ("spam",)
    assert first.question == "Will this MQL hold a meeting within 30 days?"
    assert second.question == "Will this meeting turn into a win within 180 days?"


def test_a_conversion_to_itself_opens_a_row_each_time() -> None:
    toml = """
    [stages]
    renewal = "renewed"
    [conversions.again]
    start = "renewal"
    goal = "renewal"
    horizon_days = 1
    """
    assert parse(toml).funnel.conversion("again").each is True


def test_without_settings_the_built_in_funnel_stands() -> None:
    funnel = settings_from({}).funnel
    assert list(funnel.conversions) == ["lead_to_mql", "mql_to_meeting", "meeting_to_win"]
    with pytest.raises(UnknownConversion, match="mql_to_meeting"):
        funnel.conversion("mql_to_moon")
    some = settings_from({"stages": {"mql": "mql", "meeting": "met"}}).funnel
    assert list(some.conversions) == ["mql_to_meeting"]
    assert some.conversion("mql_to_meeting").goal_type == "met"


@pytest.mark.parametrize(
    ("found", "broken", "message"),
    [
        ("[features]", "[feature]", "unknown table: 'feature'"),
        ("horizon_days = 30", "horizon_days = 0", "horizon_days"),
        ("horizon_days = 30", 'horizon_days = "30"', "horizon_days"),
        ("horizon_days = 30", "horizon_days = true", "horizon_days"),
        ("horizon_days = 30", "horizon = 30", "unknown setting: 'horizon'"),
        ("[7, 0, 0.5]", "[]", "landmark_days"),
        ("[7, 0, 0.5]", "[-1]", "landmark_days"),
        ('goal = "meeting"', 'goal = "moon"', "goal is not a stage: 'moon'"),
        ('goal = "meeting"', "", "goal is not a stage"),
        ('level = "account"', 'level = "firm"', "level"),
        ('win = "deal_won"', "win = 3", "stage 'win'"),
        ("[30, 1]", "[0]", "windows_days"),
        ('["spam"]', '"spam"', "exclude_types"),
        ("exclude_attributes = []", "excluded = []", "unknown setting: 'excluded'"),
        ("exclude_attributes = []", "max_columns = 0", "max_columns"),
        ('start = "mql"', 'start = "mql"\nends = "x"', "ends"),
        ('start = "mql"', 'start = "mql"\neach = 1', "each"),
    ],
)
def test_what_cannot_be_used_is_named(found: str, broken: str, message: str) -> None:
    assert found in CONTRACT
    with pytest.raises(BadInput, match=re.escape(message)):
        parse(CONTRACT.replace(found, broken, 1))


@pytest.mark.parametrize(
    "content",
    [
        {"stages": ["mql"]},
        {"stages": "mql"},
        {"conversions": 3},
        {"conversions": []},
        {"features": 3},
        {"stages": {"mql": "mql"}, "conversions": {"x": 3}},
        {"features": {"windows_days": [float("nan")]}},
        {"features": {"max_columns": True}},
    ],
)
def test_a_table_of_the_wrong_kind_is_refused_by_name(content: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        settings_from(content)


def test_the_first_folder_that_has_settings_counts_and_variables_lie_over_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mqm.toml").write_text(CONTRACT)
    folders = [tmp_path / "a", tmp_path / "b"]
    assert list(read_settings(folders, {}).funnel.stages) == ["mql", "meeting", "win"]
    over = read_settings(
        folders,
        {
            "MQM_CONVERSIONS__MQL_TO_MEETING__HORIZON_DAYS": "14",
            "MQM_STAGES__WIN": "signed",
            "MQM_FEATURES__EXCLUDE_TYPES": '["a", "b"]',
            "MQM_SOMETHING_ELSE": "x",
        },
    )
    assert over.funnel.conversion("mql_to_meeting").horizon == 14 * DAY
    assert over.funnel.conversion("meeting_to_win").goal_type == "signed"
    assert over.features.exclude_types == ("a", "b")
    named = read_settings([], {"MQM_CONFIG": str(tmp_path / "b" / "mqm.toml")})
    assert "mql_to_meeting" in named.funnel.conversions


def test_files_that_are_absent_or_broken_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="MQM_CONFIG"):
        read_settings([], {"MQM_CONFIG": str(tmp_path / "none.toml")})
    (tmp_path / "mqm.toml").write_text("[stages\n")
    with pytest.raises(BadInput, match="not TOML"):
        read_settings([tmp_path], {})
    (tmp_path / "mqm.toml").write_text('stages = "x"\n')
    with pytest.raises(BadInput):
        read_settings([tmp_path], {"MQM_STAGES__WIN": "signed"})


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "examples").glob("*/mqm.toml")), ids=str)
def test_the_examples_settings_are_read(path: Path) -> None:
    assert read_settings([path.parent], {}).funnel.conversions

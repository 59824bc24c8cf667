"""The project's settings: `mqm.toml`, and `MQM_…` variables over it.

The environment is an argument: only the doors read it. `MQM_CONVERSIONS__MQL_TO_MEETING__HORIZON_DAYS=14`
sets `[conversions.mql_to_meeting] horizon_days`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engagement.errors import BadInput
from engagement.funnel import Funnel, funnel_from

#: The languages in which scores are explained, by code; `features.words` has one of each.
LANGUAGES = ("en", "de")

#: The settings that are lists of names or patterns.
_NAMES = ("exclude_types", "exclude_attributes", "remove", "rising", "falling", "numbers", "categories")
#: How variables begin that set something of a table.
_VARIABLES = ("MQM_STAGES__", "MQM_CONVERSIONS__", "MQM_FEATURES__", "MQM_AUDIT__", "MQM_WORDING__")


@dataclass(frozen=True)
class FeatureSettings:
    """The `[features]` table: windows and the furthest look back in days, types and attributes to leave out.

    The look back is bounded, because every log begins somewhere: counts over all time grow with the calendar,
    and a model that learnt on short histories would promise too much on long ones.

    `add` holds the tables of `[[features.add]]` (read by `features.declared`), `remove` patterns of column names
    ("account_*"). Of the columns that match `rising` (`falling`) more may only raise (lower) a probability.
    `numbers` and `categories` name attributes whose kind is not to be guessed. With `count_machines`, mails opened
    and links followed by machines count like a person's.
    """

    windows_days: tuple[float, ...] = (1, 7, 30, 90)
    lookback_days: float = 365
    exclude_types: tuple[str, ...] = ()
    exclude_attributes: tuple[str, ...] = ()
    max_columns: int = 400
    count_machines: bool = False
    add: tuple[Mapping[str, Any], ...] = ()
    remove: tuple[str, ...] = ()
    rising: tuple[str, ...] = ()
    falling: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What `mqm.toml` says, checked.

    `keep`: attributes and event types that the audit must not leave out. `language`: that of the sentences, unless
    a command or a request asks for another.
    """

    funnel: Funnel
    features: FeatureSettings = field(default_factory=FeatureSettings)
    keep: tuple[str, ...] = ()
    language: str = LANGUAGES[0]


def read_settings(folders: list[Path], environ: Mapping[str, str]) -> Settings:
    """The settings of the first folder that has an `mqm.toml` (or of the file `MQM_CONFIG`); else built-in ones.

    Raises:
        BadInput: the file is not TOML, or a setting cannot be used.
    """
    named = environ.get("MQM_CONFIG")
    if named and not Path(named).is_file():
        raise BadInput("MQM_CONFIG names no file", named, "Give the path of an mqm.toml.")
    paths = [Path(named)] if named else [folder / "mqm.toml" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} is not TOML", str(error), "Mend that line.") from None
    _overlay(content, environ)
    return settings_from(content)


def settings_from(content: Mapping[str, Any]) -> Settings:
    """Settings from the parsed content of an `mqm.toml`.

    Raises:
        BadInput: a setting cannot be used.
    """
    known = ("stages", "conversions", "features", "audit", "wording")
    if unknown := sorted(set(content) - set(known)):
        raise BadInput("mqm.toml has an unknown table", unknown[0], f"It knows {', '.join(known)}.")
    return Settings(
        funnel_from(content),
        _features(content.get("features", {})),
        _keep(content.get("audit", {})),
        _language(content.get("wording", {})),
    )


def _language(body: Any) -> str:
    if not isinstance(body, Mapping) or set(body) - {"language"}:
        raise BadInput("mqm.toml: [wording] holds something unknown", body, "It knows language.")
    language = body.get("language", LANGUAGES[0])
    if language not in LANGUAGES:
        raise BadInput("mqm.toml: [wording] language", language, f"There are: {', '.join(LANGUAGES)}.")
    return str(language)


def _keep(body: Any) -> tuple[str, ...]:
    if not isinstance(body, Mapping) or set(body) - {"keep"}:
        raise BadInput("mqm.toml: [audit] holds something unknown", body, "It knows keep, a list of names.")
    names = body.get("keep", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput("mqm.toml: [audit] keep", names, "Give a list of names.")
    return tuple(names)


def _features(body: Mapping[str, Any]) -> FeatureSettings:
    if not isinstance(body, Mapping):
        raise BadInput("mqm.toml: features is not a table", body, "Write [features].")
    known = set(FeatureSettings.__dataclass_fields__)
    if unknown := sorted(set(body) - known):
        cure = f"It knows {', '.join(sorted(known))}."
        raise BadInput("mqm.toml: [features] has an unknown setting", unknown[0], cure)
    windows = body.get("windows_days", [1, 7, 30, 90])
    if not isinstance(windows, list) or not windows or not all(_positive(w) for w in windows):
        raise BadInput("mqm.toml: windows_days", windows, "Give a list of days above 0, such as [1, 7, 30].")
    for key in _NAMES:
        names = body.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadInput(f"mqm.toml: {key}", names, "Give a list of names.")
    lookback = body.get("lookback_days", 365)
    if not _positive(lookback) or lookback < max(windows):
        raise BadInput("mqm.toml: lookback_days", lookback, "Give days, at least the widest window, at most 3650.")
    added = body.get("add", [])
    if not isinstance(added, list) or not all(isinstance(table, Mapping) for table in added):
        raise BadInput("mqm.toml: features.add", added, "Write [[features.add]] tables.")
    machines = body.get("count_machines", False)
    if not isinstance(machines, bool):
        raise BadInput("mqm.toml: count_machines", machines, "It is true or false.")
    budget = body.get("max_columns", 400)
    if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= 5000:
        raise BadInput("mqm.toml: max_columns", budget, "Give a whole number from 1 to 5000.")
    return FeatureSettings(
        windows_days=tuple(sorted(set(windows))),
        lookback_days=lookback,
        **{key: tuple(body.get(key, [])) for key in _NAMES},
        max_columns=budget,
        count_machines=machines,
        add=tuple(added),
    )


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 3650


def _overlay(content: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Lays `MQM_TABLE__KEY=value` variables over the file's content; values are read as TOML, else as text."""
    for variable, text in environ.items():
        if not variable.startswith(_VARIABLES):
            continue
        *tables, key = variable.removeprefix("MQM_").lower().split("__")
        try:
            value = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            value = text
        place = content
        for table in tables:
            place = place.setdefault(table, {})
            if not isinstance(place, dict):
                raise BadInput("a variable names no table of mqm.toml", variable, "Check its name.")
        place[key] = value

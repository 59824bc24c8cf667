"""A tiny project for the service's tests: a log of some hundred contacts, a model trained on it, keys."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from engagement.events import Attribute, Event
from engagement.funnel import DEFAULT_CONVERSIONS, funnel_from
from engagement.settings import FeatureSettings
from engagement.sqlite import SqliteLog
from engagement.times import DAY, HOUR, parse_time
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.feature_set import FeatureSet
from features.vocabulary import Vocabulary
from models.booster import Booster
from models.bundle import save_bundle
from models.calibration import Affine
from models.champions import Champion, point_to
from models.propensity import PropensityModel, Reference
from models.signing import signer_or_first
from serving.keys import SCOPES, create_key

AS_OF = parse_time("2026-10-01T00:00:00Z")
CONVERSION = funnel_from({}).conversion("mql_to_meeting")
assert "meeting_to_win" in DEFAULT_CONVERSIONS  # known to the funnel, and without a champion here


@dataclass(frozen=True)
class Project:
    """A home, a key for each scope, and what is stored in its log."""

    home: Path
    keys: dict[str, str]
    events: list[Event]
    attributes: list[Attribute]

    def headers(self, scope: str) -> dict[str, str]:
        """The header that opens doors of a scope."""
        return {"Authorization": f"Bearer {self.keys[scope]}"}


def write_project(home: Path, now: int) -> Project:
    """A home with a log, keys and one champion."""
    events, attributes = example_log()
    log = SqliteLog(home / "mqm.sqlite", create=True)
    log.append(events, attributes)
    log.close()
    write_champion(home, events, attributes, version="1", trees=20)
    keys = {scope: create_key(home, [scope], now)[1] for scope in SCOPES}
    return Project(home, keys, events, attributes)


def example_log(contacts: int = 240, seed: int = 7) -> tuple[list[Event], list[Attribute]]:
    """Contacts c-0, c-1 …, MQLs within the ten days before `AS_OF`, on accounts of three."""
    draw = random.Random(seed)
    events, attributes = [], []
    for number in range(contacts):
        contact, account = f"c-{number}", f"a-{number // 3}"
        entry = AS_OF - draw.randrange(9 * DAY, 12 * DAY)
        kinds = [("mql", entry, None, None)]
        for _ in range(draw.randrange(12)):
            at = AS_OF - draw.randrange(1, 20 * DAY)
            kinds.append(("page_view", at, draw.choice(["pricing", "blog", "docs"]), None))
        if draw.random() < 0.5:
            kinds.append(("survey_answered", AS_OF - HOUR, None, float(draw.randrange(10))))
        for kind, at, detail, value in kinds:
            events.append(
                Event(f"e-{len(events)}", contact, account, kind, at, at + draw.randrange(HOUR), value, detail)
            )
        attributes.append(Attribute(contact, None, "country", draw.choice(["DE", "FR", "US"]), entry, entry))
    return events, attributes


def write_champion(
    home: Path, events: list[Event], attributes: list[Attribute], version: str, trees: int
) -> PropensityModel:
    """Trains, saves and promotes a model of that many trees."""
    arrays = LogArrays.from_events(events, attributes)
    features = derive_features(Vocabulary.of(arrays, AS_OF), FeatureSettings(windows_days=(1, 7), max_columns=40))
    ids = sorted({event.contact_id for event in events})
    matrix = features.compute(arrays, ids, [AS_OF] * len(ids))
    model = fit(features, matrix, trees)
    folder = home / "mlruns" / "bundles" / f"mql_to_meeting-{version}"
    digest = save_bundle(model, folder, matrix[:8], {}, "A model for tests.\n")
    signer_or_first(home).sign(folder)
    relative = str(folder.relative_to(home / "mlruns"))
    point_to(home / "mlruns", Champion("mql_to_meeting", version, digest, relative))
    return model


def fit(features: FeatureSet, matrix: np.ndarray, trees: int) -> PropensityModel:
    """A booster on made-up labels: who came by often converts."""
    seen = np.nan_to_num(matrix[:, features.names.index("page_view_count_7d")])
    converted = seen > np.random.default_rng(3).uniform(0, 8, len(seen))
    data = lightgbm.Dataset(matrix, converted.astype(float), params={"verbose": -1})
    settings = {"objective": "binary", "num_leaves": 6, "num_threads": 1, "verbose": -1, "deterministic": True}
    booster = Booster(lightgbm.train(settings, data, trees).model_to_string())
    affine = Affine(0.9, -0.1)
    quantiles = np.quantile(affine.log_odds(booster.margins(matrix)), np.linspace(0, 1, 101))
    reference = Reference(tuple(quantiles.tolist()), float(converted.mean()), len(converted))
    return PropensityModel(CONVERSION, features, booster, affine, reference)

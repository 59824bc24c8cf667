"""A project to serve: a log of contacts with some fifty events each, and models on made-up labels."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from engagement.events import Attribute, Event
from engagement.funnel import funnel_from
from engagement.settings import FeatureSettings
from engagement.sqlite import SqliteLog
from engagement.times import DAY, HOUR, format_time, parse_time
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.vocabulary import Vocabulary
from models.booster import Booster
from models.bundle import save_bundle
from models.calibration import Affine
from models.champions import Champion, point_to
from models.propensity import PropensityModel, Reference
from models.signing import signer_or_first
from serving.keys import create_key

AS_OF = parse_time("2026-10-01T00:00:00Z")
NAME = "mql_to_meeting"
_DETAILS = {"page_view": ("pricing", "blog", "docs", "home"), "email_click": ("news", "offer"), "email_open": (None,)}


@dataclass(frozen=True)
class Project:
    """A home with a log, and what is in it; `key` opens every door."""

    home: Path
    key: str
    contacts: list[str]
    arrays: LogArrays

    def question(self, number: int) -> dict[str, str]:
        """A question about one of the contacts."""
        contact = self.contacts[number % len(self.contacts)]
        return {"conversion": NAME, "contact_id": contact, "as_of": format_time(AS_OF)}

    def champion(self, version: str, trees: int, leaves: int = 31) -> Champion:
        """Trains, signs and saves a model of so many trees, and makes it champion."""
        settings = FeatureSettings(windows_days=(1, 7, 30, 90), max_columns=90)
        features = derive_features(Vocabulary.of(self.arrays, AS_OF), settings)
        matrix = features.compute(self.arrays, self.contacts, [AS_OF] * len(self.contacts))
        draw = np.random.default_rng(len(version))
        seen = np.nan_to_num(matrix[:, features.names.index("page_view_count_7d")])
        converted = seen > draw.uniform(0, 2 * seen.mean() + 1, len(seen))
        options = {
            "objective": "binary",
            "num_leaves": leaves,
            "min_data_in_leaf": 5,
            "num_threads": 1,
            "verbose": -1,
        }
        trained = lightgbm.train(options, lightgbm.Dataset(matrix, converted.astype(float)), trees)
        booster, affine = Booster(trained.model_to_string()), Affine(0.9, -0.1)
        quantiles = np.quantile(affine.log_odds(booster.margins(matrix)), np.linspace(0, 1, 101))
        reference = Reference(tuple(quantiles.tolist()), float(converted.mean()), len(converted))
        model = PropensityModel(funnel_from({}).conversion(NAME), features, booster, affine, reference)
        store = self.home / "mlruns"
        folder = store / "bundles" / f"{NAME}-{version}"
        digest = save_bundle(model, folder, matrix[:8], {"made": version}, "For benchmarks.\n")
        signer_or_first(self.home).sign(folder)
        champion = Champion(NAME, version, digest, str(folder.relative_to(store)))
        point_to(store, champion)
        return champion


def write_project(home: Path, contacts: int = 1_000, events: int = 50) -> Project:
    """A project without a model yet."""
    draw = random.Random(5)
    rows, facts, ids = [], [], [f"c-{number}" for number in range(contacts)]
    for number, contact in enumerate(ids):
        account = f"a-{number // 4}"
        entry = AS_OF - draw.randrange(3 * DAY, 20 * DAY)
        rows.append(Event(f"e-{len(rows)}", contact, account, "mql", entry, entry))
        for _ in range(draw.randrange(events // 2, events * 3 // 2)):
            at, kind = AS_OF - draw.randrange(HOUR, 120 * DAY), draw.choice(list(_DETAILS))
            rows.append(Event(f"e-{len(rows)}", contact, account, kind, at, at, None, draw.choice(_DETAILS[kind])))
        for name, values in (("country", ("DE", "FR", "US")), ("job_level", ("vp", "manager", "staff"))):
            facts.append(Attribute(contact, None, name, draw.choice(values), entry, entry))
    log = SqliteLog(home / "mqm.sqlite", create=True)
    log.append(rows, facts)
    log.close()
    key = create_key(home, ["admin"], AS_OF, rate=1_000_000.0)[1]
    return Project(home, key, ids, LogArrays.from_events(rows, facts))

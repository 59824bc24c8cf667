"""What several rooms' tests share: an example log, and a store in which both conversions were trained on it once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# tests/models and tests/mqm must not be taken for the packages of those names, however pytest is started.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from lab import CONVERSIONS, Lab

from engagement.example import write_example
from engagement.settings import read_settings
from models.registry import Registry
from mqm.model_commands import read_arrays
from training.record import record
from training.train import train


@pytest.fixture(scope="session")
def example_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an example log of 3,000 contacts."""
    folder = tmp_path_factory.mktemp("lab") / "demo"
    write_example(folder, 3_000, 0)
    return folder


@pytest.fixture(scope="session")
def lab(example_log: Path) -> Lab:
    """The example log with both conversions trained on it, registered and made champion."""
    home = example_log.parent
    settings = read_settings([example_log], {})
    arrays, as_of = read_arrays(str(example_log))
    registry = Registry(home / "mlruns")
    trained, versions = {}, {}
    for name in CONVERSIONS:
        trained[name] = train(arrays, settings.funnel.conversion(name), settings.features, as_of)
        version = record(trained[name], arrays, registry, as_of)
        registry.promote(version, as_of)  # past the gate: so few meetings are not enough for it
        versions[name] = registry.find(name)
    return Lab(home, settings, arrays, as_of, trained, versions)

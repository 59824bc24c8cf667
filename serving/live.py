"""What a worker knows of itself when Prometheus asks: the models in use and their age, queues, files."""

from __future__ import annotations

import json
from pathlib import Path

from engagement.errors import MqmError
from engagement.times import parse_time
from serving.admission import FOLDER
from serving.config import ServiceConfig
from serving.state import State

Rows = list[tuple[dict[str, str], float]]


def live(state: State, config: ServiceConfig) -> list[tuple[str, str, Rows]]:
    """Names, helps, and rows of labels and values."""
    models = [
        ({"conversion": name, "version": model.version, "digest": model.digest}, model.digest)
        for name, model in state.shelf.models.items()
    ]
    now = state.clock() / 1e6
    ages = [(labels, now - known) for labels, digest in models if (known := _known(config.home, digest))]
    return [
        ("mqm_model_info", "The models in use.", [(labels, 1.0) for labels, _ in models]),
        ("mqm_model_age_seconds", "Since the last moment that a model learnt from.", ages),
        ("mqm_ready", "Whether scores can be asked for.", [({}, float(state.missing() is None))]),
        ("mqm_ledger_waiting", "Scores on their way into the ledger.", [({}, float(_waiting(state)))]),
        ("mqm_wal_bytes", "What waits in SQLite's write-ahead logs.", _wal_bytes(config)),
    ]


def _known(home: Path, digest: str) -> float | None:
    """The moment that a model's bundle was trained as of, in seconds."""
    manifest = home / FOLDER / digest.removeprefix("sha256:") / "manifest.json"
    try:
        return parse_time(json.loads(manifest.read_text(encoding="utf-8"))["as_of"]) / 1e6
    except (OSError, ValueError, KeyError, TypeError, MqmError):
        return None


def _waiting(state: State) -> int:
    try:
        return state.recorder.waiting
    except Exception:  # it is not open yet
        return 0


def _wal_bytes(config: ServiceConfig) -> Rows:
    rows = []
    for name, path in (("log", config.log.removeprefix("sqlite://")), ("ledger", str(config.ledger))):
        wal = Path(f"{path}-wal")
        rows.append(({"file": name}, float(wal.stat().st_size if wal.is_file() else 0)))
    return rows

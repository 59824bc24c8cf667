"""Promotion: through the gate, with the evidence kept beside the model as data and as a page."""

from __future__ import annotations

import json
from typing import Any

from engagement.errors import BadInput
from models.registry import CHAMPION, Registry, Version
from training.gate import Asked, Trial, put_to_the_gate
from training.gate_page import gate_page

EVIDENCE, PAGE = "gate.json", "gate.html"


def promote(registry: Registry, version: Version, asked: Asked, now: int) -> Trial:
    """Puts a version to the gate, writes the evidence, and makes it champion if it passed.

    Args:
        now: microseconds UTC, since when it is champion.
    """
    trial = try_out(registry, version, asked)
    if not trial.verdict.refused:
        registry.promote(version, now)
    return trial


def try_out(registry: Registry, version: Version, asked: Asked) -> Trial:
    """Puts a version to the gate and writes the evidence; nobody is promoted."""
    trial = put_to_the_gate(registry, version, asked)
    folder = registry.artifacts(version.run_id)
    evidence = json.dumps(_finite(trial.verdict.to_json()), indent=1, ensure_ascii=False)
    (folder / EVIDENCE).write_text(evidence + "\n", encoding="utf-8")
    (folder / PAGE).write_text(gate_page(trial), encoding="utf-8")
    return trial


def promote_on_evidence(registry: Registry, version: Version, now: int) -> list[str]:
    """Promotes by the evidence of an earlier trial, without the log; why not, one sentence a failed test.

    A champion stays without proof.

    Raises:
        BadInput: there is no evidence, or it was gathered against another champion.
    """
    if CHAMPION in version.aliases:
        registry.promote(version, now)
        return []
    path = registry.artifacts(version.run_id) / EVIDENCE
    champion = registry.champion(version.conversion)
    cure = f"Give the log: mqm promote {version.conversion} {version.version} --log LOG."
    if not path.is_file():
        raise BadInput("it was never put to the gate", f"version {version.version}", cure)
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    now_held = champion.digest if champion else ""
    if (told["digest"], told["champion_digest"]) != (version.digest, now_held):
        raise BadInput("it was held against another champion", told["champion"] or "none", cure)
    refused = [f"{one['name']}: {one['text']}" for one in told["tests"] if not one["passed"]]
    if not refused:
        registry.promote(version, now)
    return refused


def _finite(body: Any) -> Any:
    """The document with null for each number that JSON cannot say."""
    if isinstance(body, float):
        return body if body == body and abs(body) != float("inf") else None
    if isinstance(body, dict):
        return {key: _finite(value) for key, value in body.items()}
    return [_finite(value) for value in body] if isinstance(body, list | tuple) else body

"""Batch scores as JSON, made where the rows are computed: in this process, or by Spark's workers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.engine import Answer
    from features.levels import Computed
    from models.propensity import PropensityModel


def scorer(model: PropensityModel, scored_at: int, only_in_stage: bool, language: str) -> Answer:
    """Answers with a row's score as JSON; with nothing where only those in the stage are wanted and it is not."""
    return partial(_scores, model, scored_at, only_in_stage, language)


def shipped_scorer(bundle: Path, version: str, scored_at: int, only_in_stage: bool, language: str) -> Answer:
    """The same for a process elsewhere: the bundle's files go with it, and are checked and loaded there, once."""
    from models.shipped import pack

    return partial(_scores_of_bundle, pack(bundle), version, scored_at, only_in_stage, language)


def _scores_of_bundle(
    packed: tuple[tuple[str, bytes], ...],
    version: str,
    scored_at: int,
    only_in_stage: bool,
    language: str,
    rows: Computed,
) -> list[bytes]:
    from models.shipped import unpacked

    return _scores(unpacked(packed, version), scored_at, only_in_stage, language, rows)


def _scores(
    model: PropensityModel, scored_at: int, only_in_stage: bool, language: str, rows: Computed
) -> list[bytes]:
    from models.score import INSUFFICIENT_DATA, SCORED
    from mqm.score_files import as_json

    found = []
    for score in model.score_computed(rows, language):
        told = not only_in_stage or score.status in (SCORED, INSUFFICIENT_DATA)
        found.append(json.dumps(as_json(score, scored_at), ensure_ascii=False).encode() if told else b"")
    return found


def in_portions(answers: Iterable[list[bytes]], size: int) -> Iterator[list[dict[str, Any]]]:
    """The scores that there are, so many at a time: how a file is cut doesn't depend on where they were made."""
    told = (json.loads(one) for one in chain.from_iterable(answers) if one)
    while portion := list(islice(told, size)):
        yield portion

"""A score, computed again from the log and the model that it names, and held against what was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.ledger import Record
from features.arrays import LogArrays
from serving.answers import answer_from
from serving.recorder import features_of
from serving.scorer import scores

if TYPE_CHECKING:
    from models.propensity import PropensityModel


class Replayed(msgspec.Struct, frozen=True):
    """Whether the answer came out the same to the last bit, and its features; else which fields differ."""

    identical: bool
    features_identical: bool
    differences: list[str]


def replay(record: Record, model: PropensityModel, history: Callable[[str], LogArrays]) -> Replayed:
    """Computes a score again.

    Args:
        model: that of the record's digest. history: what the log knows of a contact, today.

    Raises:
        BadInput: the score is not one of that model.
    """
    if record.model_digest != model.digest:
        raise BadInput("the score is of another model", record.model_digest, "Give the one it names.")
    arrays = (
        history(record.contact_id) if record.question is None else LogArrays.from_events(*_given(record.question))
    )
    found = scores(model, arrays, [record.contact_id], [record.as_of], record.language)[0]
    stored = msgspec.json.decode(record.answer)
    answer = msgspec.json.encode(answer_from(found, record.score_id, record.scored_at, stored["request_id"]))
    again = msgspec.json.decode(answer)
    differences = [name for name in again if again[name] != stored.get(name)]
    return Replayed(answer == record.answer, features_of(found) == record.features, differences)


def _given(question: bytes) -> tuple[list[Event], list[Attribute]]:
    return msgspec.json.decode(question, type=tuple[list[Event], list[Attribute]])

"""Why a score changed: the difference between two scores of one contact, shared out exactly over their reasons.

Each score is a base and the effects of its reasons, so the difference of two is the difference of the bases and
those of the effects, reason by reason. Nothing is estimated: the parts add up to the difference of the log-odds.
"""

from __future__ import annotations

from dataclasses import dataclass

from engagement.errors import BadInput
from features.words import ENGLISH, LANGUAGES, Language
from models.score import Reason, Score

#: The code of the part that is the model's own: another place where everyone starts.
START = "model"


@dataclass(frozen=True)
class Change:
    """One part of a difference, in calibrated log-odds; `text` tells what is so now and what was so before."""

    code: str
    text: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        """How much it moved the score."""
        return self.after - self.before


def changes(before: Score, after: Score, language: str = ENGLISH.code) -> tuple[Change, ...]:
    """What moved the score, the largest part first; the differences add up to that of the log-odds (within 1e-9).

    The scores are of one contact and one conversion: the same model at two times, or two models. They should be
    told whole (`PropensityModel.score(..., whole=True)`) and in that language; of others, what one of them counts
    among the smaller things is called that.

    Raises:
        BadInput: one of them has no number, or they answer different questions.
    """
    for one in (before, after):
        if one.log_odds is None:
            raise BadInput("there is no score to compare", one.status, one.status_text or "")
    if (before.contact_id, before.conversion) != (after.contact_id, after.conversion):
        seen = f"{before.conversion} of {before.contact_id}, {after.conversion} of {after.contact_id}"
        raise BadInput("these scores cannot be compared", seen, "Take two of one contact and one conversion.")
    words, same_model = LANGUAGES[language], before.model_digest == after.model_digest
    old, new = ({reason.code: reason for reason in one.reasons} for one in (before, after))
    parts = [_change(old.get(code), new.get(code), words, same_model) for code in {**new, **old}]
    start = Change(START, words.other_start(), before.base_log_odds or 0.0, after.base_log_odds or 0.0)
    moved = [part for part in (start, *parts) if part.difference != 0]
    return tuple(sorted(moved, key=lambda part: -abs(part.difference)))


def _change(old: Reason | None, new: Reason | None, words: Language, same_model: bool) -> Change:
    text = words.changed(old.text if old else None, new.text if new else None, same_model)
    code = new.code if new else old.code if old else ""
    return Change(code, text, old.effect if old else 0.0, new.effect if new else 0.0)

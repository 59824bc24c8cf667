"""Questions in, scores out: the one place where the service touches a model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engagement.errors import UnknownConversion
from engagement.events import Attribute, Event
from engagement.times import DAY
from features.arrays import Ints, LogArrays
from features.stage import IN_STAGE, standing
from serving.intake import Question

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.propensity import PropensityModel
    from models.score import Score

#: A trend compares with the score of a week before; the odds must have moved by a quarter to be one.
TREND_DELAY = 7 * DAY
TREND_STEP = math.log(1.25)
#: Stored histories read and scored at a time: memory does not grow with the batch, and other requests get turns.
PART = 100


class HistoryLog(Protocol):
    """A log that histories are read from."""

    def history(self, contact_id: str) -> tuple[list[Event], list[Attribute]]:
        """All that is known of a contact and its accounts."""
        ...

    def histories(self, contact_ids: Sequence[str]) -> tuple[list[Event], list[Attribute]]:
        """The union of several."""
        ...


def answer(
    question: Question, models: Mapping[str, PropensityModel], log: HistoryLog, language: str = "en"
) -> Score | None:
    """The score, told in that language, or None when there is no model for the conversion."""
    model = models.get(question.conversion)
    if model is None:
        return None
    events, attributes = question.history or log.history(question.contact_id)
    arrays = LogArrays.from_events(events, attributes)
    return scores(model, arrays, [question.contact_id], [question.as_of], language)[0]


def answer_many(
    questions: Sequence[Question], models: Mapping[str, PropensityModel], log: HistoryLog, language: str = "en"
) -> list[Score | None]:
    """The scores of many questions, in their order; stored histories are read and scored together."""
    found: list[Score | None] = [None] * len(questions)
    stored: defaultdict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        if question.history is not None:
            found[index] = answer(question, models, log, language)
        elif question.conversion in models:
            stored[question.conversion].append(index)
    for conversion, indices in stored.items():
        if len(indices) == 1:  # a history is read quicker than a union of one
            found[indices[0]] = answer(questions[indices[0]], models, log, language)
            continue
        for start in range(0, len(indices), PART):
            part = indices[start : start + PART]
            ids = [questions[index].contact_id for index in part]
            arrays = LogArrays.from_events(*log.histories(sorted(set(ids))))
            times = [questions[index].as_of for index in part]
            for index, score in zip(part, scores(models[conversion], arrays, ids, times, language), strict=True):
                found[index] = score
    return found


def scores(
    model: PropensityModel,
    arrays: LogArrays,
    contact_ids: Sequence[str],
    as_of: Sequence[int],
    language: str = "en",
) -> list[Score]:
    """A score with its trend for each (contact, as_of), in order; both times are computed together."""
    ids, moments, rows = list(contact_ids), np.asarray(as_of, np.int64), len(contact_ids)
    twice, both = ids + ids, np.concatenate([moments, moments - TREND_DELAY])
    status = standing(arrays, model.conversion, twice, both)
    inside = np.flatnonzero(status == IN_STAGE)
    matrix = model.features.compute(arrays, [twice[row] for row in inside.tolist()], both[inside])
    now = int(np.searchsorted(inside, rows))
    found = model.score_standing(ids, moments, status[:rows], matrix[:now], language)
    earlier = model.log_odds(matrix[now:]).tolist() if now < len(inside) else []
    before = dict(zip((inside[now:] - rows).tolist(), earlier, strict=True))
    return [replace(score, trend=trend(score.log_odds, before.get(row))) for row, score in enumerate(found)]


def log_odds(
    model: PropensityModel, arrays: LogArrays, contact_ids: Sequence[str], as_of: Ints
) -> list[float | None]:
    """The log-odds for each (contact, as_of), without reasons; None where the contact is not in the stage."""
    found: list[float | None] = [None] * len(contact_ids)
    inside = np.flatnonzero(standing(arrays, model.conversion, contact_ids, as_of) == IN_STAGE).tolist()
    if inside:
        matrix = model.features.compute(arrays, [contact_ids[row] for row in inside], as_of[inside])
        for row, odds in zip(inside, model.log_odds(matrix).tolist(), strict=True):
            found[row] = odds
    return found


def trend(now: float | None, before: float | None) -> str | None:
    """ "improving", "declining" or "steady" against a week before; None when there was no score then (or is now)."""
    if now is None or before is None:
        return None
    step = now - before
    return "steady" if abs(step) < TREND_STEP else "improving" if step > 0 else "declining"


def refuse_unknown(conversions: Iterable[str], known: Iterable[str]) -> None:
    """Refuses a conversion that neither the funnel nor a champion has.

    Raises:
        UnknownConversion: naming the first.
    """
    names = set(known)
    for conversion in conversions:
        if conversion not in names:
            raise UnknownConversion("unknown conversion", conversion, f"There are: {', '.join(sorted(names))}.")

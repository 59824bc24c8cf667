"""A trained model: a conversion, its features, a rung of the ladder, a calibration and a reference cohort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engagement.funnel import Conversion
from features.arrays import Ints, LogArrays
from features.feature_set import FeatureSet
from features.levels import Computed
from features.stage import (
    CONVERTED,
    ENDED,
    IN_STAGE,
    LONG_AGO,
    NOT_ENTERED,
    UNKNOWN,
    stage_features,
    standing,
    standing_from,
)
from features.words import ENGLISH, LANGUAGES
from models.booster import Rung
from models.calibration import Affine, inverse_logit
from models.reasons import ReasonWriter
from models.score import INSUFFICIENT_DATA, NOT_IN_STAGE, SCORED, UNKNOWN_CONTACT, Score, grade_of

Floats = npt.NDArray[np.float64]

#: Rows explained at a time, so that memory doesn't grow with the batch.
_BLOCK = 4_096
#: What a standing other than in the stage is called, and why there is no score.
_WHY = {
    UNKNOWN: (UNKNOWN_CONTACT, "unknown"),
    NOT_ENTERED: (NOT_IN_STAGE, "not_entered"),
    CONVERTED: (NOT_IN_STAGE, "converted"),
    LONG_AGO: (INSUFFICIENT_DATA, "long_ago"),
    ENDED: (NOT_IN_STAGE, "ended"),
}


@dataclass(frozen=True)
class Reference:
    """The cohort that a score is a percentile of: rows the model was calibrated, not fitted, on.

    Attributes:
        log_odds: ascending quantiles of the cohort's calibrated log-odds.
        base_rate: the cohort's share of conversions. rows: how many rows it has.
    """

    log_odds: tuple[float, ...]
    base_rate: float
    rows: int

    def percentile(self, log_odds: Floats) -> npt.NDArray[np.int64]:
        """(rows,) 1 to 99: the share of the cohort below, ties counted half."""
        quantiles = np.array(self.log_odds)
        below = np.searchsorted(quantiles, log_odds, "left")
        upto = np.searchsorted(quantiles, log_odds, "right")
        share = (below + upto) / (2 * len(quantiles))
        return np.clip(np.ceil(share * 100), 1, 99).astype(np.int64)


@dataclass(frozen=True)
class PropensityModel:
    """Answers a conversion's question. `digest` and `version` name it in every score."""

    conversion: Conversion
    features: FeatureSet
    rung: Rung
    calibration: Affine
    reference: Reference
    digest: str = ""
    version: str = ""

    @cached_property
    def _writers(self) -> dict[tuple[str, bool], ReasonWriter]:
        return {}

    def _writer(self, language: str, whole: bool) -> ReasonWriter:
        if (language, whole) not in self._writers:
            self._writers[language, whole] = ReasonWriter(self.features, LANGUAGES[language], whole)
        return self._writers[language, whole]

    def score(
        self,
        arrays: LogArrays,
        contact_ids: Sequence[str] | pa.Array,
        cutoffs: Sequence[int] | Ints,
        threads: int = 1,
        language: str = ENGLISH.code,
        whole: bool = False,
    ) -> list[Score]:
        """One score a row, in row order; a contact that is not in the stage gets a status instead of numbers.

        Args:
            contact_ids, cutoffs: (rows,) whom, and as of when (microseconds UTC).
            language: the code of the language of sentences; numbers never depend on it.
            whole: tell every reason, those that did not push too, so that two scores can be compared.
        """
        ids = contact_ids.to_pylist() if isinstance(contact_ids, pa.Array | pa.ChunkedArray) else list(contact_ids)
        moments = np.asarray(cutoffs, np.int64)

        def matrix_of(rows: npt.NDArray[np.int64]) -> Floats:
            return self.features.compute(arrays, [ids[row] for row in rows], moments[rows], threads)

        return self._scores(ids, moments, standing(arrays, self.conversion, ids, moments), matrix_of, language, whole)

    def score_standing(
        self,
        contact_ids: Sequence[str],
        cutoffs: Ints,
        status: npt.NDArray[np.int8],
        matrix: Floats,
        language: str = ENGLISH.code,
    ) -> list[Score]:
        """As `score`, where the standing of each row is known, and the features of those in the stage.

        Args:
            status: (rows,) as `standing` tells it. matrix: (rows in the stage, features), in their order.
        """
        places = np.cumsum(status == IN_STAGE) - 1
        return self._scores(list(contact_ids), cutoffs, status, lambda rows: matrix[places[rows]], language)

    @property
    def asks(self) -> tuple[FeatureSet, FeatureSet]:
        """What `score_computed` needs of each row: columns that tell its standing, and the model's own."""
        return stage_features(self.conversion), self.features

    def score_computed(self, rows: Computed, language: str = ENGLISH.code) -> list[Score]:
        """The scores of rows whose columns (of `asks`, side by side) are there already; as `score`."""
        ages = len(self.asks[0].features)
        status = standing_from(self.conversion, rows.matrix[:, :ages], rows.with_facts)
        columns = rows.matrix[:, ages:]
        ids = rows.contact_ids.to_pylist()
        return self._scores(ids, rows.cutoffs, status, lambda inside: columns[inside], language)

    def _scores(
        self,
        ids: list[str],
        moments: Ints,
        status: npt.NDArray[np.int8],
        matrix_of: Callable[[npt.NDArray[np.int64]], Floats],
        language: str,
        whole: bool = False,
    ) -> list[Score]:
        scores: list[Score | None] = [None] * len(ids)
        for row in np.flatnonzero(status != IN_STAGE):
            scores[row] = self._unscored(ids[row], int(moments[row]), int(status[row]), language)
        inside = np.flatnonzero(status == IN_STAGE)
        for begin in range(0, len(inside), _BLOCK):
            rows = inside[begin : begin + _BLOCK]
            explained = self.explain(matrix_of(rows), [ids[row] for row in rows], moments[rows], language, whole)
            for row, score in zip(rows, explained, strict=True):
                scores[row] = score
        return [score for score in scores if score is not None]

    def log_odds(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows,) calibrated log-odds."""
        return self.calibration.log_odds(self.rung.margins(matrix))

    def probabilities(self, matrix: Floats) -> Floats:
        """(rows, features) → (rows,) calibrated probabilities."""
        return inverse_logit(self.log_odds(matrix))

    def effects(self, matrix: Floats) -> tuple[Floats, float]:
        """(rows, features) effects in calibrated log-odds, and the base they start from."""
        parts = self.rung.contributions(matrix)
        base = self.calibration.intercept + self.calibration.slope * float(parts[0, -1]) if len(parts) else 0.0
        return self.calibration.slope * parts[:, :-1], base

    def explain(
        self,
        matrix: Floats,
        contact_ids: Sequence[str],
        cutoffs: Ints,
        language: str = ENGLISH.code,
        whole: bool = False,
    ) -> list[Score]:
        """Explained scores of feature rows (rows, features); `language` and `whole` as in `score`."""
        log_odds = self.log_odds(matrix)
        probability = inverse_logit(log_odds)
        percentile = self.reference.percentile(log_odds)
        effects, base = self.effects(matrix)
        reasons = self._writer(language, whole).write(matrix, effects)
        question = LANGUAGES[language].question(self.conversion)
        scores = []
        for row, contact_id in enumerate(contact_ids):
            scores.append(
                Score(
                    status=SCORED,
                    contact_id=contact_id,
                    conversion=self.conversion.name,
                    question=question,
                    as_of=int(cutoffs[row]),
                    probability=float(probability[row]),
                    base_rate=self.reference.base_rate,
                    score=int(percentile[row]),
                    grade=grade_of(int(percentile[row])),
                    log_odds=float(log_odds[row]),
                    base_log_odds=base,
                    reasons=reasons[row],
                    model_version=self.version,
                    model_digest=self.digest,
                )
            )
        return scores

    def _unscored(self, contact_id: str, as_of: int, status: int, language: str) -> Score:
        conversion, words = self.conversion, LANGUAGES[language]
        name, why = _WHY[status]
        reach = conversion.landmarks[-1] + conversion.horizon
        return Score(
            status=name,
            contact_id=contact_id,
            conversion=conversion.name,
            question=words.question(conversion),
            as_of=as_of,
            status_text=words.status(why, conversion.start, conversion.goal, reach),
            model_version=self.version,
            model_digest=self.digest,
        )

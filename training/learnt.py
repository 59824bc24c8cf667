"""What a bundle has learnt from, as its manifest tells it: enough to find rows that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engagement.errors import BadInput

if TYPE_CHECKING:
    from training.train import Trained


@dataclass(frozen=True)
class Learnt:
    """Times in microseconds UTC.

    Attributes:
        as_of: nothing known later was used. train_end: cutoffs of the training part are before it.
        test_start: the first cutoff that is a horizon after everything fitted on; what comes then may judge it.
        rows, converted: of the training part.
        window, shift: the recent base rate is followed over so many mature rows, and moves the log-odds so far.
        replay_rows, replay_mean: rows of the test part as of `as_of`, and the mean of the bundle's log-odds on them.
    """

    as_of: int
    train_end: int
    test_start: int
    rows: int
    converted: int
    window: int
    shift: float
    replay_rows: int
    replay_mean: float

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return asdict(self)

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> Learnt:
        """What a manifest tells.

        Raises:
            BadInput: nothing, since the bundle was not made by a training.
        """
        try:
            return Learnt(**manifest["learnt"])
        except (KeyError, TypeError) as error:
            raise BadInput("the bundle does not tell what it learnt from", str(error), "Train again.") from None


def learnt_from(trained: Trained) -> Learnt:
    """What a training learnt from."""
    rows, split, recent = trained.rows, trained.split, trained.recent
    test = split.test
    mean = float(trained.model.log_odds(trained.matrix[test]).mean()) if len(test) else 0.0
    return Learnt(
        as_of=rows.as_of,
        train_end=split.train_end,
        test_start=split.test_start if len(test) else split.train_end + rows.conversion.horizon,
        rows=len(split.train),
        converted=int(rows.converted[split.train].sum()),
        window=recent.window if recent else 0,
        shift=recent.now if recent else 0.0,
        replay_rows=len(test),
        replay_mean=mean,
    )

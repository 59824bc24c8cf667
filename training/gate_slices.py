"""The gate's look at slices: nobody large enough to be judged may be surely worse off than before.

Before is the champion; for a first champion, the base rate. What is compared is the log loss within the slice, over
the same draws of accounts; all slices together share one error rate (Bonferroni).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.hold_out import BASE_RATE, Cut, HoldOut
from training.judge import row_losses
from training.paired import Paired
from training.tested import SURELY_WORSE, Tested

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: A slice is judged with so many rows, conversions promised or seen, and accounts.
SLICE_ROWS, SLICE_CONVERTED, SLICE_ACCOUNTS = 100, 15, 40
#: To lose less than this share of the other's log loss is no reason to refuse.
SLICE_LOSS = 0.02


def of_slices(pairs: Paired) -> Tested:
    """No slice that is large enough may be surely worse off."""
    from scipy.stats import norm

    judged = [
        (cut, place, rows)
        for cut in pairs.held.cuts
        for place in range(len(cut.labels))
        if _enough(pairs.held, rows := cut.codes == place)
    ]
    if not judged:
        return Tested("slices", True, None, None, "No slice is large enough to judge.")
    least = float(norm.isf((1 - SURELY_WORSE) / len(judged)))
    found = sorted((_slice(pairs, cut, place, rows, least) for cut, place, rows in judged), key=lambda one: -one[0])
    bad = [text for _, text, refused in found if refused]
    if bad:
        return Tested(
            "slices", False, found[0][0], least, f"Surely worse: {' '.join(bad[:3])} ({len(judged)} judged.)"
        )
    text = f"None of {len(judged)} slices is surely worse off. The furthest: {found[0][1]}"
    return Tested("slices", True, found[0][0], least, text)


def _enough(held: HoldOut, rows: Bools) -> bool:
    seen = max(held.converted[rows].sum(), held.probability[rows].sum())
    return bool(
        rows.sum() >= SLICE_ROWS and seen >= SLICE_CONVERTED and len(np.unique(held.groups[rows])) >= SLICE_ACCOUNTS
    )


def _slice(pairs: Paired, cut: Cut, place: int, rows: Bools, least: float) -> tuple[float, str, bool]:
    """How many standard errors worse it is, a sentence, and whether that is a reason to refuse."""
    held, before = pairs.held, pairs.champion_losses
    whose = "the champion's" if before is not None else "the base rate's"
    before = row_losses(held.converted, held.baselines[BASE_RATE]) if before is None else before
    worse = pairs.losses - before
    lost, theirs = float(worse[rows].mean()), float(before[rows].mean())
    spread = float(np.nanstd(pairs.sums(worse, rows) / pairs.sums(np.ones(len(rows)), rows)))
    surely = lost / max(spread, 1e-12)
    promised, true = held.probability[rows].mean(), held.converted[rows].mean()
    text = (
        f"{cut.by} = {cut.labels[place]}: log loss {lost + theirs:.4f} beside {whose} {theirs:.4f} ({surely:+.1f} "
        f"standard errors), promised {promised:.1%}, came true {true:.1%}."
    )
    return surely, text, surely > least and lost > SLICE_LOSS * theirs

"""The gate's look at slices: nobody large enough to be judged may be surely worse off than before.

Before is the champion; for a first champion, the base rate. Compared are the log loss within the slice, over the
same draws of accounts, and what was promised with what came true: a few hundred rows show a wrong level long before
their log loss does. All of it shares one error rate (Bonferroni).
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
#: Nor is a promise that misses by less than this part of the rarer class's share, as promised or as seen.
SLICE_MISS = 0.25


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
    least = float(norm.isf((1 - SURELY_WORSE) / (2 * len(judged))))
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
    held, before, said = pairs.held, pairs.champion_losses, _before(pairs.held)
    whose = "the champion's" if before is not None else "the base rate's"
    before = row_losses(held.converted, said) if before is None else before
    worse = pairs.losses - before
    lost, theirs = float(worse[rows].mean()), float(before[rows].mean())
    spread = float(np.nanstd(pairs.sums(worse, rows) / pairs.sums(np.ones(len(rows)), rows)))
    surely = lost / max(spread, 1e-12)
    promised, true = float(held.probability[rows].mean()), float(held.converted[rows].mean())
    off = pairs.over_promised(rows)
    text = (
        f"{cut.by} = {cut.labels[place]}: log loss {lost + theirs:.4f} beside {whose} {theirs:.4f} ({surely:+.1f} "
        f"standard errors), promised {promised:.1%}, came true {true:.1%} ({off:+.1f})."
    )
    further = lost > 0 and abs(promised - true) > abs(float(said[rows].mean()) - true)
    matters = abs(promised - true) > SLICE_MISS * min(max(promised, true), 1 - min(promised, true))
    refused = (surely > least and lost > SLICE_LOSS * theirs) or (further and matters and abs(off) > least)
    return max(surely, abs(off)) if further else surely, text, refused


def _before(held: HoldOut) -> Floats:
    """(rows,) what was promised before: by the champion, else by the base rate."""
    return held.baselines[BASE_RATE] if held.champion_probability is None else held.champion_probability

"""The gate's tests on the hold-out: each is a figure beside its bound, and a sentence.

What chance could have done refuses nobody: differences are drawn again by account (a paired bootstrap), calibration
is held against what promises that are true would show on these very rows (a wild bootstrap: each account's misses
keep their size and lose their sign, Wu 1986; Cameron, Gelbach and Miller 2008), and slices share one error rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from training.gate_slices import of_slices
from training.hold_out import BASE_RATE, HoldOut
from training.judge import calibration_error, calibration_line, lift_at, row_losses
from training.paired import Paired
from training.tested import SURELY_BETTER, SURELY_WORSE, Tested

Floats = npt.NDArray[np.float64]

#: Calibration error beyond what chance explains: so much, or a tenth of the rarer class's share if that is less.
MISCALIBRATED = 0.02
#: Between these a calibration slope is near enough to 1.
SLOPES = (0.75, 1.33)
#: Fewer rows of the rarer class in the hold-out (or in training) prove (teach) nothing.
LEAST_HELD_OUT, LEAST_LEARNT = 30, 50
#: A population stability index above this is a shift of the scores that the outcomes must explain.
SHIFTED = 0.25


def all_tests(held: HoldOut, seed: int = 0) -> Iterator[Tested]:
    """All tests of a hold-out that has enough rows."""
    pairs = Paired(held, seed)
    yield from against_baselines(pairs)
    if held.champion is not None:
        yield against_champion(pairs)
        yield of_lift(pairs)
    yield of_calibration(pairs)
    yield of_slope(pairs)
    yield of_slices(pairs)
    if held.champion is not None:
        yield of_shift(pairs)


def against_baselines(pairs: Paired) -> Iterator[Tested]:
    """Log loss beside each baseline's: surely below the base rate's; a first champion's below the others', too.

    Whoever is surely better than the champion is spared: to keep a worse one would help nobody.
    """
    held, mine = pairs.held, float(pairs.losses.mean())
    first = pairs.champion_losses is None
    spared = pairs.champion_losses is not None and pairs.surely_less(pairs.champion_losses) >= SURELY_BETTER
    for name, probability in held.baselines.items():
        theirs = row_losses(held.converted, probability)
        surely, needed = pairs.surely_less(theirs), SURELY_BETTER if name == BASE_RATE else 0.0
        beaten = mine < theirs.mean() and surely >= needed
        verb = "is below" if beaten else "is not surely below" if needed else "is not below"
        asked = first or name == BASE_RATE
        also = "" if beaten or not (spared or not asked) else "; no reason, beside a champion"
        text = f"Log loss {mine:.4f} {verb} the {name}'s {theirs.mean():.4f} (in {surely:.0%} of the draws){also}."
        yield Tested(f"beats the {name}", beaten or spared or not asked, mine, float(theirs.mean()), text)


def against_champion(pairs: Paired) -> Tested:
    """Log loss beside the champion's: refused when surely worse."""
    assert pairs.champion_losses is not None
    worse = pairs.losses - pairs.champion_losses
    surely = float(np.mean(pairs.sums(worse) > 0))
    passed = surely < SURELY_WORSE
    mine, theirs = float(pairs.losses.mean()), float(pairs.champion_losses.mean())
    verb = "is not surely worse than" if passed else "is surely worse than"
    text = f"Log loss {mine:.4f} {verb} the champion's {theirs:.4f} (worse in {surely:.1%} of the draws)."
    return Tested("log loss", passed, mine, theirs, text)


def of_lift(pairs: Paired) -> Tested:
    """Lift of the top tenth beside the champion's: refused when surely lower."""
    held, (mine, theirs) = pairs.held, pairs.metrics
    assert held.champion_probability is not None
    key = "lift_at_10pct"
    lower = [one[key] < other[key] for one, other in zip(mine, theirs, strict=True) if one[key] == one[key]]
    surely = float(np.mean(lower)) if lower else 0.0
    lift, other = (lift_at(held.converted, p) for p in (held.probability, held.champion_probability))
    passed = surely < SURELY_WORSE
    verb = "is not surely below" if passed else "is surely below"
    text = f"The top tenth's lift {lift:.2f} {verb} the champion's {other:.2f} (lower in {surely:.1%} of the draws)."
    return Tested("lift", passed, lift, other, text)


def of_calibration(pairs: Paired) -> Tested:
    """Calibration error beside what chance alone shows; never stricter than the champion's own."""
    held = pairs.held
    error, chance = calibration_error(held.converted, held.probability), pairs.chance_error()
    rate = float(held.converted.mean())
    bound, why = chance + min(MISCALIBRATED, min(rate, 1 - rate) / 10), f"chance alone shows up to {chance:.4f}"
    if held.champion_probability is not None:
        theirs = calibration_error(held.converted, held.champion_probability)
        if theirs > bound:
            bound, why = theirs, "the champion's"
    passed = error <= bound
    text = f"Calibration error {error:.4f} is {'within' if passed else 'above'} {bound:.4f} ({why})."
    return Tested("calibration error", passed, error, bound, text)


def of_slope(pairs: Paired) -> Tested:
    """The calibration slope: below 1 promises are too extreme, as an over-fitted model's are."""
    held = pairs.held
    slope = calibration_line(held.converted, held.probability)[0]
    drawn_slopes = np.array([one["calibration_slope"] for one in pairs.metrics[0]])
    known = drawn_slopes[np.isfinite(drawn_slopes)]
    if slope != slope or not len(known):
        return Tested("calibration slope", False, None, 1.0, "Everyone is promised the same: no calibration slope.")
    low, high = surely_within(slope, known)
    passed = low <= SLOPES[1] and high >= SLOPES[0]
    bound = SLOPES[0] if slope < 1 else SLOPES[1]
    if not passed and held.champion_probability is not None:
        theirs = calibration_line(held.converted, held.champion_probability)[0]
        passed = abs(slope - 1) <= abs(theirs - 1)
    said = "near enough to 1" if passed else "too extreme" if slope < 1 else "too timid"
    text = f"Calibration slope {slope:.2f} ({low:.2f} to {high:.2f}) is {said}; {SLOPES[0]} to {SLOPES[1]} will do."
    return Tested("calibration slope", passed, slope, bound, text)


def surely_within(value: float, drawn: Floats) -> tuple[float, float]:
    """Surely not below, and not above: so many standard errors of the draws.

    A few hundred draws cannot show their thousandth part: the least of 300 would be passed by chance thrice as often.
    """
    from scipy.stats import norm

    reach = float(norm.ppf(SURELY_WORSE) * drawn.std())
    return value - reach, value + reach


def of_shift(pairs: Paired) -> Tested:
    """Scores distributed otherwise than the champion's must be borne out by what came true."""
    held = pairs.held
    theirs = held.champion_probability
    assert held.champion is not None and theirs is not None and pairs.champion_losses is not None
    moved = stability_index(held.champion, held.challenger)
    better = bool(pairs.losses.mean() <= pairs.champion_losses.mean())
    passed = moved <= SHIFTED or better
    why = "the outcomes bear it out" if better else "nothing bears it out"
    why = "no more than usual" if moved <= SHIFTED else why
    text = (
        f"Scores shifted by {moved:.2f} (population stability index, bound {SHIFTED}): {why}. "
        f"Promised on average {held.probability.mean():.1%}, "
        f"by the champion {theirs.mean():.1%}, came true {held.converted.mean():.1%}."
    )
    return Tested("score shift", passed, moved, SHIFTED, text)


def stability_index(before: Floats, after: Floats, bins: int = 10) -> float:
    """Population stability index over the earlier values' tenths; a value that many share stays whole."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = []
    for values in (before, after):
        number = np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1)
        shares.append((number + 0.5) / (len(values) + 0.5 * (len(edges) + 1)))
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))

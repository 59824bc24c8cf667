"""Which slices a report looks at: grades, score bands, tenths, attributes, accounts that training had seen or not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from features.declare import AsOf, Feature, LastDetail
from features.words.english_spans import number
from models.score import GRADES
from training.slices import Judgeable, Slice
from training.split import group_of

if TYPE_CHECKING:
    from training.train import Trained

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: So many values of an attribute get a slice of their own; the others share one.
MOST_VALUES = 8
#: Numbers (a company's employees) are cut into so many slices of equal size.
NUMBER_BANDS = 4
#: Upper ends of the score bands; the last holds everything above.
BANDS = (0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.60, 0.80)
#: Mailboxes that say nothing of an employer. An attribute that has one of them is taken for a mail domain.
FREE_MAIL = frozenset(
    (
        *(
            "gmail.com",
            "googlemail.com",
            "yahoo.com",
            "hotmail.com",
            "outlook.com",
            "live.com",
            "icloud.com",
            "me.com",
        ),
        *("aol.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "mail.com", "mail.ru", "yandex.ru"),
        *("proton.me", "protonmail.com", "qq.com", "163.com"),
    )
)


def whole(test: Judgeable) -> Slice:
    """All rows as one slice."""
    return test.cut("everyone", ["everyone"], np.zeros(len(test.converted), np.int64), judge_all=True)[0]


def by_grade(test: Judgeable) -> list[Slice]:
    """A to D, the best first."""
    ends = np.array([least for least, _ in GRADES])
    codes = (test.percentile[:, None] < ends[None, :]).sum(axis=1)
    return test.cut("grade", [grade for _, grade in GRADES], codes, judge_all=True)


def by_band(test: Judgeable) -> list[Slice]:
    """Bands of the promised probability, the lowest first."""
    ends = (0.0, *BANDS, 1.0)
    labels = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(ends)]
    return test.cut("score band", labels, np.searchsorted(BANDS, test.probability, "right"), judge_all=True)


def by_tenth(test: Judgeable) -> list[Slice]:
    """Tenths of the rows by probability, the lowest first; tied rows stay together, so that there may be fewer."""
    edges = np.unique(np.quantile(test.probability, np.linspace(0.1, 0.9, 9)))
    labels = [str(k) for k in range(len(edges) + 1)]
    return test.cut("tenth", labels, np.searchsorted(edges, test.probability, "right"), judge_all=True)


def by_account(trained: Trained, test: Judgeable) -> list[Slice]:
    """Accounts (or contacts without one) that training had seen, and those it never had."""
    before = group_of(trained.rows)[np.concatenate([trained.split.train, trained.split.calibrate])]
    codes = np.isin(test.groups, before).astype(np.int64)
    return test.cut("account", ["never seen in training", "seen in training"], codes)


def by_attribute(trained: Trained, test: Judgeable) -> list[list[Slice]]:
    """A list for each attribute, in their order; numbers are cut at training quantiles."""
    matrix, found = trained.attributes.matrix, []
    known: set[tuple[str, ...]] = set()
    for column, feature in enumerate(trained.attributes.features.features):
        if (categories := getattr(feature, "categories", ())) in known:
            continue
        known |= {categories} if categories else set()
        values = matrix[trained.split.test, column]
        if categories:
            labels, codes = places(categories, values)
        else:
            labels, codes = ranges(matrix[trained.split.train, column], values)
        slices = test.cut(feature.name, labels, codes)
        if len(slices) > 1:
            found.append(slices)
    return found


def slices_of(trained: Trained) -> Iterator[Slice]:
    """Every slice, as the report's data has it; none without a test part."""
    if not len(trained.split.test):
        return
    test = Judgeable.of(trained)
    yield whole(test)
    for slices in (by_grade(test), by_band(test), by_account(trained, test), *by_attribute(trained, test)):
        yield from slices


def slices_by(feature: Feature) -> bool:
    """Attributes, and where a lead came from."""
    return isinstance(feature, AsOf) or (
        isinstance(feature, LastDetail) and feature.type == "lead_created" and feature.level == "contact"
    )


def places(categories: tuple[str, ...], values: Floats) -> tuple[list[str], Ints]:
    """The most frequent values, the others together, the missing ones."""
    missing = np.isnan(values)
    place = np.where(missing, -1, np.nan_to_num(values)).astype(np.int64)
    if FREE_MAIL & set(categories):
        free = np.array([one in FREE_MAIL for one in categories] + [False])
        return ["free mail", "company's own domain", "(missing)"], np.where(missing, 2, np.where(free[place], 0, 1))
    number_of = np.bincount(place[~missing], minlength=len(categories) + 1)[: len(categories)]
    frequent = np.argsort(-number_of, kind="stable")[:MOST_VALUES]
    code_of = np.full(len(categories) + 2, len(frequent))  # the last, at -1, is the missing
    code_of[frequent], code_of[-1] = np.arange(len(frequent)), len(frequent) + 1
    return [*(categories[k] for k in frequent), "(others)", "(missing)"], code_of[np.minimum(place, len(categories))]


def ranges(learnt: Floats, values: Floats) -> tuple[list[str], Ints]:
    """Ranges with as many training rows each, and the missing."""
    seen = learnt[~np.isnan(learnt)]
    quantiles = np.linspace(0, 1, NUMBER_BANDS + 1)[1:-1]
    edges = np.unique(np.quantile(seen, quantiles, method="higher")) if len(seen) else np.zeros(0)
    texts = [number(float(edge)) for edge in edges]
    between = [f"{low} to below {high}" for low, high in pairwise(texts)]
    labels = [f"below {texts[0]}", *between, f"{texts[-1]} or more"] if texts else ["any"]
    codes = np.searchsorted(edges, np.nan_to_num(values), "right")
    return [*labels, "(missing)"], np.where(np.isnan(values), len(labels), codes)

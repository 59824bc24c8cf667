"""The 73 columns that every way computes: declarations for us, and what the peers' queries are written from."""

from __future__ import annotations

from benchmarks.features.generated import DETAILED, TYPES, VALUED
from engagement.times import days
from features.declare import ActiveDays, Count, Distinct, Feature, FirstSeen, Recency, Sum
from features.feature_set import FeatureSet

WINDOWS = [days(number) for number in (1, 7, 30, 90)]
COUNTS: list[Feature] = [feature for kind in TYPES for feature in Count(kind).over(*WINDOWS)]
SUMS: list[Feature] = [feature for kind in VALUED for feature in Sum(kind).over(*WINDOWS)]
RECENCIES: list[Feature] = [Recency(kind) for kind in TYPES]
#: How many different details in the widest window.
DISTINCTS: list[Feature] = [Distinct(kind, window=WINDOWS[-1]) for kind in DETAILED[:4]]
ACTIVE: list[Feature] = [*ActiveDays().over(*WINDOWS)]
FIRST, LAST, EVER = FirstSeen(), Recency(), Count()

FEATURES = FeatureSet((*COUNTS, *SUMS, *RECENCIES, *DISTINCTS, *ACTIVE, FIRST, LAST, EVER))
#: Where nothing happened these are 0; the others are missing.
ZERO = [f.name for f in (*COUNTS, *SUMS, *DISTINCTS, *ACTIVE, EVER)]

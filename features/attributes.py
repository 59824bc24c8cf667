"""Attributes as known at a cutoff, as columns: the place of a text in a list of categories, or the number it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features import kernel_lookup
from features.arrays import Codes, Facts, Ints
from features.declare import AsOf

Floats = npt.NDArray[np.float64]

Meaning = Callable[[str], float]


class Places(dict[str, int]):
    """The place of each category; any other text has the place after the last."""

    def __init__(self, categories: Sequence[str]) -> None:
        super().__init__((text, place) for place, text in enumerate(categories))
        self._rest = len(categories)

    def __missing__(self, text: str) -> int:
        return self._rest


@dataclass(frozen=True)
class AttributeColumns:
    """One level's `AsOf` declarations: their columns and what a text means to each; slots follow the names."""

    slot_of: dict[str, int]
    columns: list[int]
    meanings: list[Meaning]

    @staticmethod
    def of(features: Sequence[tuple[int, AsOf]]) -> AttributeColumns:
        """Of these declarations, each with its column."""
        slots = {str(feature.type): slot for slot, (_, feature) in enumerate(features)}
        meanings: list[Meaning] = [
            Places(feature.categories).__getitem__ if feature.categories else number_in for _, feature in features
        ]
        return AttributeColumns(slots, [column for column, _ in features], meanings)

    def fill(
        self, facts: Facts, names: Sequence[str], values: Sequence[str], entity: Codes, cutoffs: Ints, out: Floats
    ) -> None:
        """Writes the columns of `out` (rows, columns) from a log's facts.

        Args:
            names, values: the texts of the facts' codes. entity: (rows,) whose, -1 for nobody.
        """
        slot_of_name = np.array([self.slot_of.get(name, -1) for name in names], np.int32)
        codes = np.empty((len(entity), len(self.columns)), np.int32)
        kernel_lookup.facts_at(
            facts.start,
            facts.occurred,
            facts.received,
            facts.name,
            facts.value,
            entity,
            cutoffs,
            slot_of_name,
            codes,
        )
        for slot, (column, meaning) in enumerate(zip(self.columns, self.meanings, strict=True)):
            out[:, column] = _meant(codes[:, slot], values, meaning)


def _meant(codes: Codes, values: Sequence[str], meaning: Meaning) -> Floats | list[float]:
    """(rows,) what the values' texts mean; NaN for the code -1."""
    if len(values) > 4 * len(codes):  # few rows, one contact say: only their own texts are read
        return [meaning(values[code]) if code >= 0 else np.nan for code in codes.tolist()]
    table = np.array([*map(meaning, values), np.nan], np.float64)  # the last serves the code -1
    return table[codes]


def number_in(text: str) -> float:
    """The finite number that a text is, else NaN."""
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if abs(number) <= 1e300 and "_" not in text else float("nan")

"""What moves the model: SHAP values of rows it was not fitted on, as a swarm for each column and against its values.

The values are the model's own exact effects in calibrated log-odds (`PropensityModel.effects`), the same that
reasons are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from features.declare import Feature, is_category
from features.words.english_verbs import plural
from training.report_html import Safe, join, tag
from training.report_svg import Chart, drawing, percent, signed, specks, ticks
from training.report_words import column_words

if TYPE_CHECKING:
    from training.train import Trained

Floats = npt.NDArray[np.float64]

#: Rows drawn, columns in the swarm, columns looked at closely, values of a category shown.
_ROWS, _COLUMNS, CLOSELY, _VALUES = 800, 14, 4, 8
_SHADES = 5
_WIDTH, _HEIGHT = 560, 36


@dataclass(frozen=True)
class Moves:
    """Some rows' values and effects, and the columns that move anything, the strongest first.

    Attributes:
        matrix, effects: (rows, features). base: the log-odds that effects start from.
    """

    features: tuple[Feature, ...]
    matrix: Floats
    effects: Floats
    base: float
    order: tuple[int, ...]

    @staticmethod
    def of(trained: Trained) -> Moves:
        """From the test part, else the calibration part, else the training part."""
        split, features = trained.split, trained.model.features.features
        part = next(p for p in (split.test, split.calibrate, split.train) if len(p))
        chosen = part[np.unique(np.linspace(0, len(part) - 1, min(_ROWS, len(part))).astype(int))]
        matrix = trained.matrix[chosen]
        if not features:
            return Moves((), matrix, np.zeros_like(matrix), 0.0, ())
        effects, base = trained.model.effects(matrix)
        strength = np.abs(effects).mean(axis=0)
        order = np.argsort(-strength, kind="stable")
        return Moves(features, matrix, effects, base, tuple(order[strength[order] > 0].tolist()))

    def strength(self, column: int) -> float:
        """The column's mean push up or down, in log-odds."""
        return float(np.abs(self.effects[:, column]).mean())


def swarm(moves: Moves) -> Safe:
    """A strip for each of the strongest columns: a speck a row, to the right where it speaks for a conversion."""
    shown = moves.order[:_COLUMNS]
    reach = float(np.quantile(np.abs(moves.effects[:, list(shown)]), 0.998)) or 1.0
    rest = moves.order[_COLUMNS:]
    strips = [_strip(moves, column, reach) for column in shown]
    share = sum(map(moves.strength, rest)) / sum(map(moves.strength, moves.order))
    more = f" {len(rest)} further columns make up {percent(share)} of all pushes." if rest else ""
    key = [("v0", "low value"), ("v2", "middle"), ("v4", "high value"), ("none", "missing"), ("accent", "category")]
    return join(
        [
            tag("p", *(join([tag("i", style=f"background:var(--{c})"), told]) for c, told in key), class_="note key"),
            *strips,
            tag("div", tag("p", "push in log-odds", class_="note"), _scale(reach), class_="bee"),
            tag("p", f"A push of +0.7 doubles the odds, of −0.7 halves them.{more}", class_="note"),
        ]
    )


def dependence(moves: Moves) -> Safe:
    """The strongest columns: the push against the value."""
    figures = []
    for column in moves.order[:CLOSELY]:
        feature = moves.features[column]
        draw = _by_category if is_category(feature) else _by_number
        figures.append(tag("figure", tag("h3", column_words(feature)), *draw(moves, column)))
    return tag("div", *figures, class_="pair")


def _strip(moves: Moves, column: int, reach: float) -> Safe:
    feature, values = moves.features[column], moves.matrix[:, column]
    x = _across(np.clip(moves.effects[:, column], -reach, reach), reach)
    y = _HEIGHT / 2 + _piled(x)
    parts = [tag("path", d=f"M{_WIDTH / 2} 0V{_HEIGHT}", class_="grid")]
    for class_, some in _shades(values, is_category(feature)):
        parts.append(specks(x[some].tolist(), y[some].tolist(), f"dots {class_}".strip(), 2.6))
    name = tag("p", column_words(feature), Safe("<br>"), tag("code", feature.name, class_="note"))
    return tag("div", name, drawing((_WIDTH, _HEIGHT), f"Effects of {feature.name}", parts), class_="bee")


def _shades(values: Floats, category: bool) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Which rows have which colour: by the rank of the value among those that are not missing."""
    missing = np.isnan(values)
    if category:
        return [("none", missing), ("", ~missing)]
    distinct = np.unique(values[~missing])
    edges = np.quantile(distinct, np.linspace(0, 1, _SHADES + 1)[1:-1]) if len(distinct) > 1 else np.zeros(0)
    shade = np.searchsorted(edges, values, "left")
    return [("none", missing), *((f"v{k}", ~missing & (shade == k)) for k in range(_SHADES))]


def _piled(x: Floats) -> Floats:
    """(rows,) how far from the middle each speck lies, so that those at one place make a heap; never by chance."""
    place = np.round(x / 2.2).astype(np.int64)
    order = np.argsort(place, kind="stable")
    _, first, size = np.unique(place[order], return_index=True, return_counts=True)
    nth = np.empty(len(x))
    nth[order] = np.arange(len(x)) - np.repeat(first, size)
    height = np.where(nth % 2 == 0, nth, -nth - 1) / 2
    high = max(1.0, float(np.abs(height).max()))
    return np.asarray(height * min(1.9, (_HEIGHT / 2 - 3) / high))


def _across(effects: Floats, reach: float) -> Floats:
    return np.asarray(_WIDTH / 2 + effects / reach * (_WIDTH / 2 - 4))


def _scale(reach: float) -> Safe:
    parts = []
    for value in ticks(-reach, reach):
        x = float(_across(np.array([value]), reach)[0])
        parts.append(tag("text", signed(value, "g"), x=f"{x:.1f}", y=14, text_anchor="middle"))
    return drawing((_WIDTH, 20), "Scale of effects", parts)


def _by_number(moves: Moves, column: int) -> list[Safe]:
    values, effects = moves.matrix[:, column], moves.effects[:, column]
    known = ~np.isnan(values)
    parts: list[Safe] = []
    if known.any():
        low, high = (float(v) for v in np.quantile(values[known], [0.0, 0.98], method="lower"))
        inside = known & (values <= high)
        chart = Chart((low, high if high > low else low + 1), _span(effects[inside]), size=(420, 230), left=54)
        chart.axes("value", "push in log-odds", ytext=lambda v: signed(v, "g"))
        chart.path([(chart.x[0], 0), (chart.x[1], 0)], "faint")
        chart.cloud(values[inside], effects[inside])
        parts.append(chart.svg(f"Effect of {moves.features[column].name} by its value"))
    beyond = f" Values beyond {high:.4g} are not drawn." if known.any() and (values[known] > high).any() else ""
    if not known.all():
        mean = float(effects[~known].mean())
        beyond += f" Missing in {percent(1 - float(known.mean()))} of rows: {signed(mean, '.2f')} on average."
    return [*parts, tag("figcaption", tag("code", moves.features[column].name), beyond)]


def _by_category(moves: Moves, column: int) -> list[Safe]:
    feature, values, effects = moves.features[column], moves.matrix[:, column], moves.effects[:, column]
    categories: tuple[str, ...] = getattr(feature, "categories", ())
    names = [*categories, "(others)", "(missing)"]
    place = np.where(np.isnan(values), len(names) - 1, np.minimum(np.nan_to_num(values), len(categories)))
    place = place.astype(np.int64)
    number = np.bincount(place, minlength=len(names))
    mean = np.bincount(place, effects, len(names)) / np.maximum(number, 1)
    shown = np.argsort(-number, kind="stable")[: min(_VALUES, int((number > 0).sum()))]
    shown = shown[np.argsort(mean[shown], kind="stable")]
    chart = Chart(_span(effects), (-0.6, len(shown) - 0.4), size=(420, 44 + 23 * len(shown)), left=130)
    for value in ticks(*chart.x, 4):
        chart.path([(value, chart.y[0]), (value, chart.y[1])], "grid")
        chart.text(chart.across(value), chart.size[1] - 20, signed(value, "g"), "middle")
    chart.path([(0, chart.y[0]), (0, chart.y[1])], "faint")
    for row, code in enumerate(shown.tolist()):
        some = np.flatnonzero(place == code)
        chart.text(chart.left - 8, chart.up(row) + 4, _short(names[code]), "end")
        chart.cloud(effects[some], row + ((np.arange(len(some)) * 7) % 11 - 5) / 30)
    chart.text(chart.across(sum(chart.x) / 2), chart.size[1] - 4, "push in log-odds", "middle")
    left = int((number > 0).sum()) - len(shown)
    more = f" Not drawn: {plural(left, 'rarer value')}." if left else ""
    return [chart.svg(f"Effect of {feature.name} by its value"), tag("figcaption", tag("code", feature.name), more)]


def _span(effects: Floats) -> tuple[float, float]:
    low, high = min(0.0, float(effects.min())), max(0.0, float(effects.max()))
    room = 0.06 * (high - low) or 0.1
    return low - room, high + room


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}…"

"""Charts as SVG in the page's own colours, so that they follow light and dark and stay sharp on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from training.report_html import Safe, join, tag

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 36


def percent(value: float) -> str:
    """A share as people write it: 0.3 %, 5.2 %, 31 %."""
    return f"{value:.0%}" if abs(value) >= 0.0995 or value == 0 else f"{value:.1%}"


def signed(value: float, form: str = ".1f") -> str:
    """A difference, with its sign: +4.3, −0.25, 0."""
    return f"{value:+{form}}".replace("-", "−") if value else "0"


def plain(value: float) -> str:
    """A number without needless digits."""
    return f"{value:,.6g}"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between two limits."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    size = 10.0 ** np.floor(np.log10(raw))
    step = size * min((m for m in (1, 2, 2.5, 5, 10) if m * size >= raw * 0.999), default=10)
    return [float(round(k * step, 12)) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


class Chart:
    """A frame with two axes; what is added later lies above.

    Args:
        x, y: the limits. size: in the drawing's own units; it grows and shrinks with the page.
        left: room for what stands at the y axis.
    """

    def __init__(self, x: Span, y: Span, size: tuple[int, int] = (420, 260), left: int = _LEFT) -> None:
        self.x, self.y, self.size, self.left = x, y, size, left
        self._parts: list[Safe] = []

    def across(self, value: float) -> float:
        """x as a place in the drawing."""
        low, high = self.x
        return self.left + (value - low) / ((high - low) or 1.0) * (self.size[0] - self.left - _RIGHT)

    def up(self, value: float) -> float:
        """y as a place in the drawing."""
        low, high = self.y
        return self.size[1] - _BOTTOM - (value - low) / ((high - low) or 1.0) * (self.size[1] - _BOTTOM - _TOP)

    def axes(
        self, xlabel: str, ylabel: str, xtext: Callable[[float], str] = plain, ytext: Callable[[float], str] = plain
    ) -> None:
        """Grid lines, their numbers, and what they count."""
        width, height = self.size
        for value in ticks(*self.y):
            self.path([(self.x[0], value), (self.x[1], value)], "grid")
            self.text(self.left - 6, self.up(value) + 4, ytext(value), "end")
        for value in ticks(*self.x):
            self.text(self.across(value), height - _BOTTOM + 15, xtext(value), "middle")
        self.text((self.left + width - _RIGHT) / 2, height - 4, xlabel, "middle")
        middle = (_TOP + height - _BOTTOM) / 2
        turned = f"rotate(-90 10 {middle:.1f})"
        self._parts.append(tag("text", ylabel, x=10, y=f"{middle:.1f}", text_anchor="middle", transform=turned))

    def path(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        """A line through points."""
        if len(points):
            told = "L".join(f"{self.across(a):.1f} {self.up(b):.1f}" for a, b in points)
            self._parts.append(tag("path", d=f"M{told}", class_=class_))

    def bar(self, low: float, high: float, bottom: float, top: float, class_: str = "bar") -> None:
        """A box between two x and two y."""
        a, b, c, d = self.across(low), self.across(high), self.up(top), self.up(bottom)
        self._parts.append(
            tag(
                "rect", x=f"{a:.1f}", y=f"{c:.1f}", width=f"{max(b - a, 0):.1f}", height=f"{d - c:.1f}", class_=class_
            )
        )

    def dot(self, x: float, y: float, title: str | None = None, radius: float = 3.6) -> None:
        """A point; its title shows under the mouse."""
        told = tag("title", title) if title else None
        place = {"cx": f"{self.across(x):.1f}", "cy": f"{self.up(y):.1f}"}
        self._parts.append(tag("circle", told, **place, r=radius, class_="fill"))

    def cloud(self, x: Floats, y: Floats, class_: str = "dots", width: float = 3.0) -> None:
        """Many points as round specks; those at one place make a larger one."""
        places = np.array([[round(self.across(a)), round(self.up(b))] for a, b in zip(x, y, strict=True)])
        at, number = np.unique(places.reshape(-1, 2), axis=0, return_counts=True)
        for least, most, wider in ((1, 3, 1.0), (3, 10, 1.6), (10, 40, 2.3), (40, np.inf, 3.2)):
            some = at[(number >= least) & (number < most)].tolist()
            self._parts.append(specks([a for a, _ in some], [b for _, b in some], class_, width * wider))

    def label(self, x: float, y: float, text: str, anchor: str = "start", class_: str | None = None) -> None:
        """A text at a point."""
        self.text(self.across(x), self.up(y), text, anchor, class_)

    def text(self, x: float, y: float, text: str, anchor: str, class_: str | None = None) -> None:
        """A text at a place in the drawing."""
        self._parts.append(tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=class_))

    def svg(self, name: str) -> Safe:
        """The drawing; `name` is what a screen reader says."""
        return drawing(self.size, name, self._parts)


def drawing(size: tuple[int, int], name: str, parts: Sequence[Safe]) -> Safe:
    """An SVG of this size; `name` is what a screen reader says."""
    return tag("svg", join(parts), viewBox=f"0 0 {size[0]} {size[1]}", role="img", aria_label=name)


def specks(x: Sequence[float], y: Sequence[float], class_: str, width: float) -> Safe:
    """Points, at places in the drawing, as one path: short, whatever their number."""
    d = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x, y, strict=True))
    return tag("path", d=d, class_=class_, stroke_width=width) if d else Safe("")

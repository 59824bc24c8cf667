"""HTML that cannot forget to escape: whatever is not `Safe` already is escaped when it enters a tag."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Safe(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(value: object) -> Safe:
    """The value as HTML; nothing for None."""
    if isinstance(value, Safe):
        return value
    return Safe("" if value is None else html.escape(str(value)))


def tag(name: str, *children: object, **attributes: object) -> Safe:
    """An element. `class_` is written `class`, `stroke_width` is `stroke-width`; None leaves an attribute out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Safe(f"<{name}{told}>{join(children)}</{name}>")


def join(parts: Iterable[object]) -> Safe:
    """Parts one after another."""
    return Safe("".join(safe(part) for part in parts))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], class_: str | None = None) -> Safe:
    """A table whose first column is text and whose others are figures; wide ones scroll on a phone."""
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = tag(
        "tbody",
        *(tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows),
    )
    return tag("div", tag("table", top, body, class_=class_), class_="wide")


def section(title: str, *children: object) -> Safe:
    """A part of the page under a heading."""
    return tag("section", tag("h2", title), *children)


def page(title: str, style: str, *children: object) -> Safe:
    """A whole document: nothing is fetched, nothing runs, and a browser that is told so will see to it."""
    head = join(
        [
            Safe('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Safe('<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'),
            Safe(
                '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
                "style-src 'unsafe-inline'; img-src data:\">"
            ),
            tag("title", title),
            tag("style", Safe(style)),
        ]
    )
    return Safe(
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>{join(children)}</main></body></html>\n'
    )

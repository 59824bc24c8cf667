"""JSON, read strictly (RFC 8259 and I-JSON): what two readers could understand differently is refused.

msgspec already refuses NaN, Infinity, numbers beyond a double, lone surrogates, trailing text and anything that
is not UTF-8. Added here: duplicate keys, NUL characters, depth and the length of strings.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from engagement.errors import shorten
from serving.problems import Problem

MAX_DEPTH = 16
MAX_STRING = 8 * 1024


def parse(body: bytes) -> Any:
    """The document as plain objects.

    Raises:
        Problem: 400, naming what is wrong.
    """
    try:
        document = msgspec.json.decode(body)
    except UnicodeDecodeError:
        raise Problem(400, "not_utf8", "The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:
        raise Problem(400, "number_out_of_range", "A number does not fit a 64-bit float.") from None
    except msgspec.DecodeError as error:
        raise Problem(400, "malformed_json", f"The body is not JSON: {error}.") from None
    pieces = _pieces(body)
    if _count_keys(document) != b"".join(pieces[::2]).count(b":"):
        raise Problem(400, "duplicate_key", f"An object names the key {_first_duplicate(body)} twice.")
    if b"u0000" in body or max(map(len, pieces)) > MAX_STRING:
        _check_texts(document)
    return document


def _pieces(body: bytes) -> list[bytes]:
    """A valid document cut at its quotes: what stands outside and inside of strings, by turns.

    A key that is given twice is written twice and held once, so colons outside of strings tell on it. Escapes keep
    their width: no string is longer than its piece.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    return body.split(b'"')


def _count_keys(document: Any) -> int:
    """How many keys the document's objects hold, level by level; refuses what is too deep."""
    keys, depth, level = 0, 0, [document]
    while True:
        objects = [node for node in level if type(node) is dict]
        arrays = [node for node in level if type(node) is list]
        if not objects and not arrays:
            return keys
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        keys += sum(map(len, objects))
        level = [value for node in objects for value in node.values()]
        for array in arrays:
            level += array


def _check_texts(document: Any) -> None:
    """Refuses NUL characters and long texts, in keys too; called when there may be some."""
    level = [document]
    while level:
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                below += node
                below += node.values()
            elif type(node) is list:
                below += node
            elif type(node) is str:
                _check_text(node)
        level = below


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Problem(400, "nul_character", "A text holds a NUL character.")
    if len(text.encode()) > MAX_STRING:
        raise Problem(400, "text_too_long", f"A text is longer than {MAX_STRING} bytes: {shorten(text, 40)}.")


def _first_duplicate(body: bytes) -> str:
    duplicates: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                duplicates.append(key)
            seen.add(key)

    json.loads(body, object_pairs_hook=note)
    return shorten(duplicates[0], 40)


def _too_deep() -> Problem:
    return Problem(400, "too_deep", f"The body nests deeper than {MAX_DEPTH} levels.")

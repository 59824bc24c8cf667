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
    if _count_keys(document, check_texts=len(body) > MAX_STRING or b"u0000" in body) != _keys_written(body):
        raise Problem(400, "duplicate_key", f"An object names the key {_first_duplicate(body)} twice.")
    return document


def _count_keys(document: Any, check_texts: bool) -> int:
    """How many keys the document's objects hold; refuses what is too deep or too long on the way."""
    keys, depth, level = 0, 0, [document]
    while level:
        below: list[Any] = []
        depth += 1
        for node in level:
            kind = type(node)
            if kind is dict or kind is list:
                if depth > MAX_DEPTH:
                    raise _too_deep()
                if kind is list:
                    below += node
                    continue
                keys += len(node)
                below += node.values()
                if check_texts:
                    below += node
            elif check_texts and kind is str:
                _check_text(node)
        level = below
    return keys


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Problem(400, "nul_character", "A text holds a NUL character.")
    if len(text) * 4 > MAX_STRING and len(text.encode()) > MAX_STRING:
        raise Problem(400, "text_too_long", f"A text is longer than {MAX_STRING} bytes: {shorten(text, 40)}.")


def _keys_written(body: bytes) -> int:
    """How many keys stand in a valid document: its colons outside of strings. A duplicate is written, not held."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return sum(part.count(b":") for part in body.split(b'"')[::2])


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

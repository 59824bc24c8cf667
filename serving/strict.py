"""JSON, read strictly (RFC 8259 and I-JSON): what two readers could understand differently is refused.

msgspec refuses NaN, Infinity, numbers beyond a double, lone surrogates, trailing text and anything that is not
UTF-8; told what a document may be, depth and long texts too, while it reads. Added here: duplicate keys and NUL.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

from engagement.errors import shorten
from serving.problems import Problem

MAX_DEPTH = 16
#: Characters of a text, keys included.
MAX_STRING = 8 * 1024


def _document(depth: int) -> Any:
    """The type of a document of at most that many levels."""
    text = Annotated[str, msgspec.Meta(max_length=MAX_STRING)]
    plain: Any = text | int | float | bool | None
    whole = plain
    for _ in range(depth):
        whole = plain | list[whole] | dict[text, whole]  # type: ignore[valid-type]
    return whole


_decoder = msgspec.json.Decoder(_document(MAX_DEPTH))


def parse(body: bytes) -> Any:
    """The document as plain objects.

    Raises:
        Problem: 400, naming what is wrong.
    """
    try:
        document = _decoder.decode(body)
    except UnicodeDecodeError:
        raise Problem(400, "not_utf8", "The body is not UTF-8.") from None
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None
    except msgspec.DecodeError as error:
        raise Problem(400, "malformed_json", f"The body is not JSON: {error}.") from None
    if _quotes(body) != _quotes(_encoded(document)):
        raise Problem(400, "duplicate_key", f"An object names the key {_first_duplicate(body)} twice.")
    if b"u0000" in body and _holds_nul(document):
        raise Problem(400, "nul_character", "A text holds a NUL character.")
    return document


def _refused(why: str) -> Problem:
    if "out of range" in why:
        return Problem(400, "number_out_of_range", "A number does not fit a 64-bit float.")
    if "of length" in why:
        return Problem(400, "text_too_long", f"A text is longer than {MAX_STRING} characters.")
    return Problem(400, "too_deep", f"The body nests deeper than {MAX_DEPTH} levels.")


def _quotes(body: bytes) -> int:
    """The quotes around the texts of a valid document. A key given twice is written twice and held once."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return body.count(b'"')


def _encoded(document: Any) -> bytes:
    try:
        return msgspec.json.encode(document)
    except OverflowError:  # an integer beyond 64 bits
        return json.dumps(document).encode()


def _holds_nul(document: Any) -> bool:
    level = [document]
    while level:
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                below += node
                below += node.values()
            elif type(node) is list:
                below += node
            elif type(node) is str and "\0" in node:
                return True
        level = below
    return False


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

"""The words that OpenAPI 3.0 schemas are written in."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TIME = "An RFC 3339 time with an offset, such as 2026-11-21T10:00:00Z."


def text(description: str = "", **more: Any) -> Schema:
    """A text."""
    return _described({"type": "string", **more}, description)


def number(description: str = "", **more: Any) -> Schema:
    """A number."""
    return _described({"type": "number", **more}, description)


def integer(description: str = "", **more: Any) -> Schema:
    """A whole number."""
    return _described({"type": "integer", **more}, description)


def listing(items: Schema, description: str = "", **more: Any) -> Schema:
    """A list."""
    return _described({"type": "array", "items": items, **more}, description)


def ref(name: str) -> Schema:
    """A reference to a schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "nullable": True}


def record(required: list[str], properties: Schema, closed: bool = False, description: str = "") -> Schema:
    """An object; a closed one (a request) takes no other fields."""
    schema: Schema = {"type": "object", "required": required, "properties": properties}
    if closed:
        schema["additionalProperties"] = False
    if not required:
        del schema["required"]
    return _described(schema, description)


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema

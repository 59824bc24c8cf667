"""The OpenAPI document as one self-contained page: no scripts, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { margin-top: 2.5rem; font-size: 1.1rem } code { background: #f2f2f2; padding: 0 .25em; border-radius: 3px }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #ddd; padding: .25rem .5rem; vertical-align: top }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } code { background: #333 } }
"""


def page(document: dict[str, Any]) -> str:
    """The page of a document."""
    info = document["info"]
    operations = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} "
        f'The document for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{''.join(operations)}<h1>Shapes</h1>{''.join(schemas)}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    scope = operation.get("x-scope")
    rows = [("needs", f"a key with the scope <code>{escape(scope)}</code>" if scope else "no key")]
    for one in operation.get("parameters", []):
        rows.append((escape(one["name"]), f"in {escape(one['in'])}: {escape(one.get('description', ''))}"))
    if body := operation.get("requestBody"):
        rows.append(("body", _type(body["content"]["application/json"]["schema"])))
    for status, response in operation["responses"].items():
        shapes = {_type(content["schema"]) for content in response.get("content", {}).values()}
        rows.append((escape(status), ", ".join(sorted(shapes))))
    return f"<h2><code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}</h2>{_table(rows)}"


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(field)}</code>{'' if field in needed else ' (optional)'}",
            f"{_type(one)} {escape(one.get('description', ''))}",
        )
        for field, one in schema.get("properties", {}).items()
    ]
    text = escape(schema.get("description", ""))
    return f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{text}</p>{_table(rows)}'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return escape(schema.get("type", "anything")) + (" or null" if schema.get("nullable") else "")


def _table(rows: list[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{name}<td>{text}" for name, text in rows) + "</table>"

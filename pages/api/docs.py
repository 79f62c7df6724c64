"""The documentation of the API as one plain page, written from the OpenAPI description; it loads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; color: #1b2430;
  background: #f4f6f9 } h1 { margin: 0 } h2 { margin-top: 2.2rem } code, pre { font: 14px ui-monospace, monospace }
section { background: #fff; border-radius: 12px; padding: .6rem 1.2rem 1rem; margin: 1rem 0; overflow-x: auto }
pre { background: #eef1f5; padding: .8rem; border-radius: 8px; overflow-x: auto } table { border-collapse: collapse }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; vertical-align: top }
b.m, a { color: #0b5fa5 }
@media (prefers-color-scheme: dark) { body { color: #e6ebf2; background: #0f1319 } section { background: #171c24 }
  pre { background: #0f1319 } b.m, a { color: #6db8f2 } }
"""


def page(openapi: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI description."""
    info = openapi["info"]
    operations = "".join(_operation(path, how, what) for path, how, what in _operations(openapi))
    schemas = "".join(_schema(name, what) for name, what in openapi["components"]["schemas"].items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(info['title'])}</h1>{_prose(info['description'])}"
        '<p>Machine-readable: <a href="openapi.json">openapi.json</a></p>'
        f"<h2>What can be asked</h2>{operations}<h2>What is answered</h2>{schemas}</main></body></html>"
    )


def _operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method, what in methods.items():
            yield path, method.upper(), what


def _operation(path: str, method: str, what: Mapping[str, Any]) -> str:
    rows = [_row(p["name"], p["in"], p.get("schema", {}), p.get("description", "")) for p in what.get("parameters", ())]
    body = next(iter(what.get("requestBody", {}).get("content", {}).items()), None)
    sent = f"<p>Sent as <code>{escape(body[0])}</code>: {_type(body[1]['schema'])}</p>" if body else ""
    answers = "".join(
        f"<tr><th scope=row>{escape(code)}</th><td>{escape(answer['description'])}</td></tr>"
        for code, answer in what["responses"].items()
    )
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    return (
        f'<section><h3><b class="m">{method}</b> <code>/api{escape(path)}</code></h3>'
        f"{_prose(what.get('description', ''))}{table}{sent}<details><summary>Answers</summary><table>{answers}</table>"
        "</details></section>"
    )


def _row(name: str, where: str, schema: Mapping[str, Any], words: str) -> str:
    return (
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(where)}</td><td>{_type(schema)}</td>"
        f"<td>{escape(words or schema.get('description', ''))}</td></tr>"
    )


def _schema(name: str, what: Mapping[str, Any]) -> str:
    rows = "".join(
        _row(field, "", how, how.get("description", "")) for field, how in what.get("properties", {}).items()
    )
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{_prose(what.get("description", ""))}'
        f"{f'<table>{rows}</table>' if rows else _type(what)}</section>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    values = schema.get("enum")
    return escape(", ".join(json.dumps(v) for v in values) if values else str(schema.get("type", "any")))


def _prose(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())

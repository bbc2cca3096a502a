"""A self-contained HTML page that documents the API, made from its OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

_LIVE = """The client sends binary messages of 16-bit little-endian mono samples, and the text
`{"event": "end"}` to finish. It gets JSON: `ready`, then `partial` (the utterance so far) and
`final` (what will not change any more), each with `text` and `words`, at the end `done`; or
`error`, with `code` and `message`."""
_LIVE_PARAMETERS = (
    ("sample_rate", "in the query", "of the audio, in Hz; the model's by default"),
    ("pause", "in the query", "seconds of silence that end an utterance; 0: all is one"),
)


def api_page(description: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        description: OpenAPI description, the result of `FastAPI.openapi()`.
    """
    page = files(__package__).joinpath("api.html").read_text(encoding="utf-8")
    return page.replace("SECTIONS", "\n".join(_sections(description)))


def _sections(description: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield _section(
                f"{method.upper()} {path}",
                operation.get("summary", ""),
                operation.get("description", ""),
                [*_query(operation), *_body(operation)],
                {
                    status: answer["description"]
                    for status, answer in operation.get("responses", {}).items()
                    if status.isdigit()
                },
            )
    yield _section("WebSocket /live", "Transcribe live audio", _LIVE, _LIVE_PARAMETERS, {})


def _query(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for parameter in operation.get("parameters", ()):
        yield parameter["name"], f"in the {parameter['in']}", _schema_text(parameter["schema"])


def _body(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        fields = content["schema"].get("properties", {})
        if not fields:
            yield "the body itself", kind, _schema_text(content["schema"])
        for name, schema in fields.items():
            yield name, f"field of {kind}", _schema_text(schema)


def _schema_text(schema: Mapping[str, Any]) -> str:
    parts = [str(schema[key]) for key in ("description", "type") if key in schema][:1]
    if "enum" in schema:
        parts.append(f"one of {', '.join(map(str, schema['enum']))}")
    if "default" in schema:
        parts.append(f"default {schema['default']}")
    return "; ".join(parts)


def _section(
    name: str,
    summary: str,
    text: str,
    parameters: Any,
    answers: Mapping[str, str],
) -> str:
    paragraphs = "".join(f"<p>{_as_html(part)}</p>" for part in text.split("\n\n") if part)
    rows = "".join(
        f"<tr><th scope=row><code>{escape(one)}</code></th><td>{escape(place)}</td>"
        f"<td>{_as_html(what)}</td></tr>"
        for one, place, what in parameters
    )
    table = f"<table>{rows}</table>" if rows else ""
    terms = "".join(
        f"<dt>{escape(status)}</dt><dd>{escape(answers[status])}</dd>" for status in sorted(answers)
    )
    return (
        f"<section><h2><code>{escape(name)}</code></h2><p><b>{escape(summary)}</b></p>"
        f"{paragraphs}{table}{f'<dl>{terms}</dl>' if terms else ''}</section>"
    )


def _as_html(text: str) -> str:
    """Return text as HTML; text between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))

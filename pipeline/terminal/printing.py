"""Print text and JSON for people and programs. Untrusted text reaches a terminal only here. Imports only click."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from operators.core.text import printable

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print `text`, of one or more lines, with terminal control characters escaped."""
    click.echo(printable(text, lines=True), err=err, nl=nl)


def echo_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a JSON value: readable characters as they are, terminal control characters as JSON escapes."""
    click.echo(json_text(value, indent=indent))


def echo_written(paths: list[str], *, as_json: bool) -> None:
    """Print the files that a command has written: one per line, or `{"written": [...]}`."""
    if as_json:
        echo_json({"written": paths})
    else:
        echo("\n".join(paths))


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return what `echo_json` prints. It parses to the same value."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(c if c == "\n" or printable(c) == c else _escaped(c) for c in text)


def without_colours(text: str) -> str:
    """Remove the colour codes that a log's writer set; `echo` would escape them."""
    return _COLOURS.sub("", text)


def _escaped(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1] if character != "\x7f" else "\\u007f"

"""Printing for people and programs: the one edge at which untrusted text reaches a terminal. Only click is imported."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from operators.core.text import printable

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print `text`, of one or more lines, with all that a terminal would obey spelled out."""
    click.echo(printable(text, lines=True), err=err, nl=nl)


def echo_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a JSON value: readable characters as they are, those that a terminal would obey as JSON's own escapes."""
    click.echo(json_text(value, indent=indent))


def echo_written(paths: list[str], *, as_json: bool) -> None:
    """Say which files a command has written: a line each, or `{"written": [...]}`."""
    if as_json:
        echo_json({"written": paths})
    else:
        echo("\n".join(paths))


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """As `echo_json`, as text. It reads back as the same value."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(c if c == "\n" or printable(c) == c else _escaped(c) for c in text)


def without_colours(text: str) -> str:
    """A log's text without the colours that its writer set, which `echo` would spell out."""
    return _COLOURS.sub("", text)


def _escaped(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1] if character != "\x7f" else "\\u007f"

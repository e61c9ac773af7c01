"""The one tolerant reader of JSON that a model wrote."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

_COMMENT = re.compile(r"//[^\n\"]*(?=\n)|/\*.*?\*/", re.S)
_TRAILING = re.compile(r",(\s*[}\]])")
_MISSING = re.compile(r"([}\]\"])(\s*\n\s*)(?=[{\"])")  # a comma between two lines
_SMART = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "＂": '"'})
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_DEPTH = 64
_LONGEST = 400_000  # characters: more is no answer


def read_json(text: str) -> Any:
    """The JSON object or array in an answer: the largest one, whatever stands before and behind it.

    Trailing commas, comments, Python literals, curly quotes around names and line breaks inside strings are let pass.
    What breaks off is no JSON.

    Raises:
        ValueError: in one line: there is none.
    """
    return find_json(text)[0]


def find_json(text: str) -> tuple[Any, str]:
    """As `read_json`, and the part of the text that it was read from."""
    text = text[:_LONGEST]
    value, part = None, ""
    for candidate in _candidates(text):
        if len(candidate) > len(part) and isinstance(read := _value(candidate), dict | list):
            value, part = read, candidate
    if value is None:
        raise ValueError("there is no whole JSON object in it")
    return value, part


def _candidates(text: str) -> Iterator[str]:
    """Parts of the text that begin and end with matching brackets, outermost first."""
    at = 0
    for _ in range(_DEPTH):
        starts = [k for k in (text.find("{", at), text.find("[", at)) if k >= 0]
        if not starts:
            return
        start = min(starts)
        end = _end(text, start)
        if end is not None:
            yield text[start:end]
            at = end
        else:
            close = text.rfind("}" if text[start] == "{" else "]")
            if close > start:
                yield text[start : close + 1]
            at = start + 1


def _end(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at `start`; brackets in strings do not count."""
    depth, quoted, escaped = 0, False, False
    for k in range(start, len(text)):
        c = text[k]
        if quoted:
            quoted = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            quoted = True
        elif c in "{[":
            depth += 1
        elif c in "}]":
            depth -= 1
            if depth == 0:
                return k + 1
    return None


def _value(text: str) -> Any:
    for repaired in (text, _repaired(text), _repaired(text.translate(_SMART))):
        try:
            return json.loads(repaired, strict=False)
        except (ValueError, RecursionError):
            continue
    try:
        return ast.literal_eval(_repaired(text))  # {'same': True, 'name': None}
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _repaired(text: str) -> str:
    """Without comments and trailing commas, and with commas between lines; what stands in strings stays."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found.group(0))
        return f'"{len(held) - 1}"'

    bare = _STRING.sub(hold, text)
    bare = _TRAILING.sub(r"\1", _MISSING.sub(r"\1,\2", _COMMENT.sub("", bare)))
    return re.sub(r'"(\d+)"', lambda found: held[int(found.group(1))], bare)

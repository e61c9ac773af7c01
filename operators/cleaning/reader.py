"""The one tolerant reader of JSON that a model wrote."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_COMMENT = re.compile(r"//[^\n\"]*(?=\n)|/\*.*?\*/", re.S)
_TRAILING = re.compile(r",(\s*[}\]])")
_MISSING = re.compile(r"([}\]\"])(\s*\n\s*)(?=[{\"])")  # a comma between two lines
_SMART = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "＂": '"'})
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_DEPTH = 64
_LONGEST = 400_000  # characters: more is no answer

Pairs = Callable[[list[tuple[Any, Any]]], Any]
"""Makes an object of its names and values in order, as `object_pairs_hook` of `json.loads`."""


def read_json(text: str, pairs: Pairs | None = None) -> Any:
    """The JSON object or array in an answer: the largest one, whatever stands before and behind it.

    Trailing commas, comments, Python literals, curly quotes around names and line breaks inside strings are let pass.
    What breaks off is no JSON.

    Raises:
        ValueError: in one line: there is none.
    """
    return find_json(text, pairs)[0]


def find_json(text: str, pairs: Pairs | None = None) -> tuple[Any, str]:
    """As `read_json`, and the part of the text that it was read from."""
    text = text[:_LONGEST]
    value, part = None, ""
    for candidate in _candidates(text):
        if len(candidate) > len(part) and isinstance(read := _value(candidate, pairs), dict | list):
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


def _value(text: str, pairs: Pairs | None) -> Any:
    for repaired in (text, _repaired(text), _repaired(text.translate(_SMART))):
        try:
            return json.loads(repaired, strict=False, object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            continue
    try:
        value = _literal(ast.parse(_repaired(text), mode="eval").body, pairs)  # {'same': True, 'name': None}
        json.dumps(value)  # not sets, nor [...] where a model left something out
        return value
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _literal(node: Any, pairs: Pairs | None) -> Any:
    if isinstance(node, ast.Dict) and pairs is not None:
        names = map(ast.literal_eval, node.keys)  # type: ignore[arg-type]  # None, of `**`, is a ValueError
        return pairs([(name, _literal(value, pairs)) for name, value in zip(names, node.values, strict=True)])
    if isinstance(node, ast.List):
        return [_literal(item, pairs) for item in node.elts]
    return ast.literal_eval(node)


def _repaired(text: str) -> str:
    """Without comments and trailing commas, and with commas between lines; what stands in strings stays."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found.group(0))
        return f'"{len(held) - 1}"'

    bare = _STRING.sub(hold, text)
    bare = _TRAILING.sub(r"\1", _MISSING.sub(r"\1,\2", _COMMENT.sub("", bare)))
    return re.sub(r'"(\d+)"', lambda found: held[int(found.group(1))], bare)

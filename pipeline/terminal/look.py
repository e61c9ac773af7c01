"""Formats shared by all commands: tables in columns, name-value lists, counts with their nouns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from operators.core.text import printable
from pipeline.terminal.printing import echo

_GAP = "  "


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, such as `1 video` or `2 videos`."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format a table: numbers right-aligned, text left-aligned, the last column unbounded; each cell on one line."""
    cells = [[_cell(value) for value in row] for row in rows]
    numbers = [bool(cells) and all(_is_number(row[k]) for row in cells) for k in range(len(head))]
    widths = [max(len(row[k]) for row in (list(head), *cells)) for k in range(len(head))]

    def line(row: Sequence[str]) -> str:
        last = len(row) - 1
        parts = [
            text.rjust(width) if number else text if k == last else text.ljust(width)
            for k, (text, width, number) in enumerate(zip(row, widths, numbers, strict=True))
        ]
        return _GAP.join(parts).rstrip()

    return "\n".join(line(row) for row in (head, *cells))


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Format one fact per line, with the values aligned."""
    known = [(name, _cell(value)) for name, value in pairs]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{value}".rstrip() for name, value in known)


def hint(*commands: str, label: str = "next") -> None:
    """Print commands to run next, on a terminal only; nothing is printed to a pipe."""
    if sys.stdout.isatty():
        echo(f"\n{label}:")
        for command in commands:
            echo(f"  {command}")


def _cell(value: object) -> str:
    return printable(str(value)) if value is not None else "-"


def _is_number(text: str) -> bool:
    return text == "-" or (text[:1].isdigit() and all(c.isdigit() or c in ".,:%" for c in text))

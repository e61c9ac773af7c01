"""The one look of what commands print: tables in columns, facts by name, counts with their nouns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from operators.core.text import printable
from pipeline.terminal.printing import echo

_GAP = "  "


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 video`, `2 videos`."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table: numbers to the right, text to the left, the last column as long as it is. Cells stay on one line."""
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
    """One fact a line, the values below each other."""
    known = [(name, _cell(value)) for name, value in pairs]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{value}".rstrip() for name, value in known)


def hint(*commands: str, label: str = "next") -> None:
    """Say which commands come next: to a person at a terminal, and to nobody who reads through a pipe."""
    if sys.stdout.isatty():
        echo(f"\n{label}:")
        for command in commands:
            echo(f"  {command}")


def _cell(value: object) -> str:
    return printable(str(value)) if value is not None else "-"


def _is_number(text: str) -> bool:
    return text == "-" or (text[:1].isdigit() and all(c.isdigit() or c in ".,:%" for c in text))

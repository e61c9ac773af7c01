"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a table; cells are text, code is inserted unchanged."""
    yield _row(head)
    yield "|" + "---|" * len(head)
    for cells in body:
        yield _row([cell(text) for text in cells])


def cell(text: str) -> str:
    """Return text as one cell: on one line, without column separators."""
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

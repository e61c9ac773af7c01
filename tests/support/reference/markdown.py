"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; cells are text, code is put into them as it is."""
    yield _row(head)
    yield "|" + "---|" * len(head)
    for cells in body:
        yield _row([cell(text) for text in cells])


def cell(text: str) -> str:
    """Text as one cell: on one line, with no border in it."""
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""The fenced blocks of Markdown pages, and the comment above a block that says what it needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import ROOT

PAGES = (
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "bench/README.md", "examples/longcap-example/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
)
NEEDS = ("gpu", "cluster", "cloud", "network", "time", "server", "files")
"""Words of `<!-- needs: … -->`: a GPU, a Ray cluster, storage or an account elsewhere, a package registry, minutes, a
server of another program, files that the reader has."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- needs: ([\w, ]+) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: `needs` are the words of the comment above it."""

    page: Path
    line: int
    language: str
    text: str
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Commands of a console block: the lines after `$ `, continued ones joined."""
        found = re.findall(r"^\$ ((?:.*\\\n)*.*)$", self.text, re.MULTILINE)
        return [line.replace("\\\n", " ") for line in found]


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of a page in some languages, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found["language"] in languages:
            mark = _MARK.search(text[: found.start()])
            needs = tuple(word.strip() for word in mark[1].split(",")) if mark else ()
            indent = found["indent"]
            body = re.sub(f"^{indent}", "", found["text"], flags=re.MULTILINE)
            yield Block(page, text.count("\n", 0, found.start()) + 1, found["language"], body, needs)


def programs(command: str) -> Iterator[list[str]]:
    """The programs that a shell line starts, each as its words; redirections and comments are left out."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    program: list[str] = []
    redirected = False
    for word in lexer:
        if word == "#":
            break
        if set(word) <= set("|&;"):
            yield program
            program = []
        elif set(word) <= set("<>"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            program.append(word)
    yield program

"""The reference pages of the docs, and the types of rows, written from the types and schemas that they describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.config.docs import fill_page
from tests.support.command import ROOT
from tests.support.reference.columns import columns_page
from tests.support.reference.commands import commands_page
from tests.support.reference.exports import exports_page
from tests.support.reference.metrics import metrics_page
from tests.support.reference.published import published_page
from tests.support.reference.typed import typed_module

DOCS = ROOT / "docs"
_HEAD = "<!-- generated: python -m tests.support.reference -->\n"
PAGES: dict[str, Callable[[], str]] = {
    "published.md": published_page,
    "reference/cli.md": commands_page,
    "reference/columns.md": columns_page,
    "reference/exports.md": exports_page,
    "reference/metrics.md": metrics_page,
}


def current() -> dict[Path, str]:
    """Return path -> current text of each page that is generated, completely or in part."""
    whole = {DOCS / name: _HEAD + page() for name, page in PAGES.items()}
    config = DOCS / "config.md"
    typed = ROOT / "operators" / "core" / "typed.py"
    return {**whole, typed: typed_module(), config: fill_page(config.read_text(encoding="utf-8"))}

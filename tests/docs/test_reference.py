"""The reference pages say what the types of today say, and their columns, commands and metrics are all there."""

from __future__ import annotations

import pytest

from operators.core import rows
from operators.core.annotation import ANNOTATION
from pipeline.export.registry import EXPORTS
from tests.support.command import ROOT
from tests.support.reference import current


@pytest.mark.parametrize("path", sorted(current()), ids=lambda path: path.name)
def test_generated_pages_are_current(path: object) -> None:
    (page,) = [p for p in current() if p == path]
    assert page.read_text(encoding="utf-8") == current()[page], "run: python -m tests.support.reference"


def test_every_column_export_and_comment_is_there() -> None:
    columns = (ROOT / "docs" / "reference" / "columns.md").read_text()
    for schema in (rows.LONG_CAPTION, rows.CAPTIONED_SEGMENT, rows.FAILED, rows.VIDEO, ANNOTATION):
        assert all(f"| `{name}`" in columns or f"| `{name}[]`" in columns for name in schema.names)
    assert "| `sections[].sentences[].windows[]` | int32 |" in columns
    assert "first presented frame to the end of the last" in columns  # a comment of a list that is spread into others
    exports = (ROOT / "docs" / "reference" / "exports.md").read_text()
    assert all(f"\n## {name}\n" in exports for name in EXPORTS)


def test_the_page_about_outputs_names_every_column() -> None:
    page = (ROOT / "docs" / "output.md").read_text()
    hidden = {"parts", "timings"}
    for schema in (rows.LONG_CAPTION, rows.CAPTIONED_SEGMENT, rows.FAILED, ANNOTATION):
        assert not [name for name in schema.names if name not in hidden and f"`{name}`" not in page]

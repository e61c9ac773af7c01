"""Conditions: what they mean, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from operators.core import rows
from pipeline.export.where import parse
from pipeline.terminal.errors import UsageError

TABLES = {"marks": ["video_id", "mark"]}
ROW: dict[str, Any] = {
    "coverage": 0.95,
    "shots": None,
    "codec": "h264",
    "words": 120,
    "caption": "A red boat.",
    "metadata": json.dumps({"license": "cc-by", "views": 7}),
    "provenance": {"model": "m1"},
    "integrity": True,
    "marks": {"mark": 4},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("coverage >= 0.9", True),
        ("0.9 <= coverage < 0.95", False),
        ("codec == 'h264' and words > 100", True),
        ("codec in ('vp9', 'av1') or metadata.license == 'cc-by'", True),
        ("metadata.views * 2 > 13", True),
        ("metadata.absent == 'x'", False),
        ("shots > 1", False),
        ("not shots > 1", False),  # as in SQL: what is not known is not true, negated or not
        ("shots is None", True),
        ("shots is not None", False),
        ("'boat' in lower(caption) and len(caption) < 20", True),
        ("provenance.model != 'm1'", False),
        ("marks.mark >= 4", True),
        ("-words < 0", True),
        ("integrity", True),
        ("codec = 'h264' and caption != 'a = b'", True),
        ("'=' in caption", False),
        ("words / 0 > 1", False),
    ],
)
def test_a_condition_means_what_it_says(text: str, holds: bool) -> None:
    assert parse(text, rows.LONG_CAPTION, TABLES).holds(ROW) is holds


def test_it_says_which_columns_it_reads() -> None:
    found = parse("coverage > 0.5 and metadata.license == 'x' and marks.mark > 1", rows.LONG_CAPTION, TABLES)
    assert found.columns == {"coverage", "metadata"} and found.tables == {"marks": frozenset({"mark"})}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("coverge > 1", "no column 'coverge'; did you mean coverage?"),
        ("codec = 'h264", "cannot be read"),
        ("provenance.modl == 'x'", "did you mean model?"),
        ("marks.score > 1", "marks.score is no column of table marks"),
        ("coverage.x > 1", "coverage has no fields"),
        ("__import__('os').system('x')", "is not allowed"),
        ("[c for c in caption]", "is not allowed"),
        ("caption.__class__ == 1", "has no fields"),
        ("words ** 99999", "is not allowed"),
        ("(" * 300 + "words" + ")" * 300, "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_what_is_no_condition_is_one_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text, rows.LONG_CAPTION, TABLES)
    assert line in str(error.value) and "\n" not in str(error.value)


def test_values_that_cannot_be_compared_are_one_line() -> None:
    with pytest.raises(UsageError, match="not supported between"):
        parse("codec > 3", pa.schema([("codec", pa.string())]), {}).holds(ROW)

"""Chapters from descriptions: what counts, and why others do not."""

from __future__ import annotations

import pytest

from operators.talk.chapter_lines import parse_chapters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Hello\n0:00 Intro\n1:30 - The cake\n2:05 | End\nBye",
            [(0, 90, "Intro"), (90, 125, "The cake"), (125, 200, "End")],
        ),
        ("(00:00:05) One\n[00:01:05] Two", [(5, 65, "One"), (65, 200, "Two")]),
        ("Start 0:10\nMiddle at 1:00 now", [(10, 60, "Start"), (60, 200, "Middle at now")]),
    ],
)
def test_lines_with_a_time_are_chapters(text: str, expected: list[tuple[float, float, str]]) -> None:
    found, problem = parse_chapters(text, 200.0)
    assert problem is None and [(c["start_s"], c["end_s"], c["title"]) for c in found] == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no time at all", "0 lines with a time"),
        ("0:00 alone", "1 line with a time"),
        ("0:00 a b\n2:00 c d\n1:00 e f", "do not increase"),
        ("0:00 a b\n0:00 c d", "do not increase"),
        ("0:00 a b\n3:20 c d", "begins at 200 s"),
        ("0:00 -\n1:00 .", "no chapter has a title"),
        ("score 1:2:3:4:5\nratio 16:99", "0 lines"),
    ],
)
def test_others_are_none_with_the_reason(text: str, why: str) -> None:
    found, problem = parse_chapters(text, 200.0)
    assert found == [] and problem is not None and why in problem

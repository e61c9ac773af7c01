"""Subtitles as facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.base import ItemError
from operators.measure.subtitles import read_lines
from tests.operators.measure.reel import measure, reel

SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Good
morning.</i>

2
00:00:08,000 --> 00:00:09,000
Who is there?
"""
VTT = "WEBVTT\n\n00:01.000 --> 00:03.500\nGood morning.\n"


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.vtt", VTT)])
def test_lines_come_without_mark_up_and_only_those_of_the_span(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert [(x.text, x.start_s, x.end_s) for x in read_lines(str(path), 2.0, 8.0)] == [("Good morning.", 1.0, 3.5)]


def test_old_files_in_latin_letters_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.srt"
    path.write_bytes("1\n00:00:01,000 --> 00:00:03,500\nÇa va ?\n".encode("cp1252"))
    assert read_lines(str(path), 0.0, 9.0)[0].text == "Ça va ?"


def test_the_facts_hold_them_clipped(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT, "utf-8")
    row, _, _ = reel()
    facts = measure({**row, "subtitles_uri": str(path), "decode_start_s": 0.0, "decode_end_s": 3.0, "signals": None})
    assert [(x.text, x.start_s, x.end_s) for x in facts.subtitles or ()] == [("Good morning.", 1.0, 3.0)]


def test_what_is_missing_or_no_subtitles_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="unreadable"):
        read_lines(str(tmp_path / "none.srt"), 0.0, 1.0)
    path = tmp_path / "noise.srt"
    path.write_text("nothing of the kind", "utf-8")
    with pytest.raises(ItemError, match="unreadable"):
        read_lines(str(path), 0.0, 1.0)

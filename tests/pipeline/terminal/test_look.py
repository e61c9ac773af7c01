from __future__ import annotations

import shlex

import pytest

from pipeline.terminal.commands import longcap
from pipeline.terminal.look import columns, counted, facts, hint


def test_numbers_stand_to_the_right_and_text_to_the_left() -> None:
    rows = [["a", 5, "1:10:00", "short.mp4"], ["bcd", None, "0:03", "\x1b[2Jlonger name.mp4"]]
    assert columns(("id", "words", "length", "file"), rows).splitlines() == [
        "id   words   length  file",
        "a        5  1:10:00  short.mp4",
        "bcd      -     0:03  \\x1b[2Jlonger name.mp4",
    ]


def test_facts_stand_below_each_other() -> None:
    assert facts([("videos", 3), ("long captions", None)]) == "videos         3\nlong captions  -"


def test_a_noun_goes_with_its_count() -> None:
    assert [counted(n, "video") for n in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
    assert counted(2, "index", "indices") == "2 indices"


def test_shown_commands_can_be_copied() -> None:
    line = longcap("retry", "it's out/$(x)", "--segment", 3)
    assert shlex.split(line) == ["longcap", "retry", "it's out/$(x)", "--segment", "3"]


def test_what_comes_next_is_for_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hint("longcap show out")
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    hint("longcap show out")
    assert capsys.readouterr().out == "\nnext:\n  longcap show out\n"

"""Text that cannot be stored is repaired, and text that a terminal would obey is spelled out."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.text import nearest, printable, repaired, repaired_value

ANY = st.text(st.characters())  # surrogates included


@pytest.mark.parametrize(
    ("raw", "right"),
    [
        ("plain", "plain"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("end \ud83d", "end \ufffd"),
        ("\ude00 low first", "\ufffd low first"),
        ("whole \ud83d\ude00", "whole 😀"),
        ("naïve 😀", "naïve 😀"),
    ],
)
def test_repaired(raw, right):
    assert repaired(raw) == right


@given(ANY)
def test_whatever_is_repaired_can_be_stored_and_stays_as_it_is(text):
    once = repaired(text)
    pa.array([once], pa.string())
    assert repaired(once) == once


def test_values_are_repaired_in_depth():
    assert repaired_value({"a\ud800": ["x\udfff", 1, None, {"b": True}]}) == {
        "a\ufffd": ["x\ufffd", 1, None, {"b": True}]
    }


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("title\x1b]0;PWN\x07", "title\\x1b]0;PWN\\x07"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("rtl \u202e txt", "rtl \\u202e txt"),
        ("two\nlines", "two\\x0alines"),
        ("half \ud83d", "half \\ud83d"),
        ("Grüße 世界 👩‍👧", "Grüße 世界 👩‍👧"),
    ],
)
def test_printable(raw, shown):
    assert printable(raw) == shown


def test_printable_text_of_several_lines():
    assert printable("a\n\tb\r\x1b", lines=True) == "a\n\tb\\x0d\\x1b"


@given(ANY)
def test_nothing_that_a_terminal_obeys_is_printed(text):
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in printable(text))


def test_nearest_is_a_tail_of_a_sentence():
    assert nearest("windw_s", ["window_s", "stride_s"]) == "; did you mean window_s?"
    assert nearest("Window_S", ["window_s"]) == "; did you mean window_s?"
    assert nearest("zzz", ["window_s"]) == "."
    assert nearest("zzz", []) == "."

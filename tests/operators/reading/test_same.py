"""Which readings say the same: letters may be misread, numbers and words may not differ."""

from __future__ import annotations

import pytest

from operators.reading.same import relation


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Hello world", "Helio world"),
        ("Hello world", "Helloworld"),
        ("The quick brown fox", "Thequick brown  fox."),
        ("REDS 1 BLUES 0", "REDS l BLUES O"),
        ("Total 12.50 EUR", "Total 12,5O EUR"),
        ("Departs 12:05", "Departs 12 05"),
        ("Room 205", "Room2O5"),
        ("STOP here", "stop here"),
        ("Directed by Maria Jensen", "Directed bv Mariə Jensen"),
        ("第三章 能量", "第三章能量"),
    ],
)
def test_a_misread_letter_or_space_changes_nothing(first: str, second: str) -> None:
    assert relation(first, second) == relation(second, first) == "same"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Step 1: preheat the oven", "Step 2: preheat the oven"),
        ("REDS 1 BLUES 12", "REDS 11 BLUES 2"),
        ("Abfahrt 12:05 Gleis 7", "Abfahrt 12:15 Gleis 9"),
        ("Turn left at the next junction", "Turn right at the next junction"),
        ("The market is on today", "The market is off today"),
        ("Gate A opens at noon", "Gate B opens at noon"),
        ("第一章：能量和水", "第二章：能量和水"),
    ],
)
def test_another_number_or_word_is_another_text(first: str, second: str) -> None:
    assert relation(first, second) == relation(second, first) == "other"


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("Do not open the door", "Do open the door"),
        ("Do not open the door", "Do 0pen the door"),
        ("Do nottouch the door", "Do touch the door"),
        ("Chapter 12 Energy", "Chapter Energy"),
        ("请勿打开这扇门", "请打开这扇门"),
    ],
)
def test_a_missing_word_or_number_is_less(whole: str, part: str) -> None:
    assert relation(whole, part) == "less" and relation(part, whole) == "more"

from __future__ import annotations

import pytest

from operators.language.words import count_words, stems


def test_stems_join_the_forms_of_a_word() -> None:
    assert set(stems("walking walked")) == {"walki", "walke"} or set(stems("walking walked")) == {"walk"}
    assert stems("Jackets, jacket") == ["jacke", "jacke"]
    assert stems("It is 7 m") == ["7"]
    assert stems("红夹克") == ["红夹", "夹克"]
    assert stems("红") == ["红"]


@pytest.mark.parametrize(("text", "count"), [("A dog runs.", 3), ("一个男人走", 3), ("", 0), ("A 男人 runs", 3)])
def test_words_are_counted_where_there_are_no_spaces_too(text: str, count: int) -> None:
    assert count_words(text) == count

from __future__ import annotations

import pytest

from operators.language.shorten import first_words, last_words
from operators.language.words import count_words


@pytest.mark.parametrize(
    ("text", "most", "first", "last"),
    [
        ("A man  opens a door.", 5, "A man  opens a door.", "A man  opens a door."),
        ("A man  opens a door.", 3, "A man opens", "opens a door."),
        ("一个男人打开门，走进房间。", 7, "一个男人打开门，走进房间。", "一个男人打开门，走进房间。"),
        ("一个男人打开门，走进房间。", 2, "一个男人", "进房间。"),
        ("A 男人走进房间 slowly", 3, "A 男人走进", "走进房间 slowly"),
        ("", 3, "", ""),
        ("A man", 0, "", ""),
    ],
)
def test_texts_are_cut_at_words_and_without_spaces_at_characters(text: str, most: int, first: str, last: str) -> None:
    assert (first_words(text, most), last_words(text, most)) == (first, last)
    assert max(count_words(first), count_words(last)) <= most

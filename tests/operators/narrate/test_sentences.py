from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.narrate.sentences import count_words, split_sentences, stems


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n ", []),
        ("A dog runs", ["A dog runs"]),
        ("A dog runs. It barks!  Why? Nobody knows…\nNight falls.", ["A dog runs.", "It barks!", "Why?"]),
        ("It is 3.5 m high, approx. as high as a house.", ["It is 3.5 m high, approx. as high as a house."]),
        ('He says "Go." Then he leaves.', ['He says "Go."', "Then he leaves."]),
        ("一个男人走路。他敲门！谁开门？一个女人。", ["一个男人走路。", "他敲门！", "谁开门？", "一个女人。"]),
        ("他说：“好。”然后他走了。", ["他说：“好。”", "然后他走了。"]),
        ("एक आदमी चलता है। वह रुकता है।", ["एक आदमी चलता है।", "वह रुकता है।"]),
        ("Élan. Ágnes fut. Она бежит.", ["Élan.", "Ágnes fut.", "Она бежит."]),
        ("A dog runs. [3] It barks [4]. [5-6] It sits.", ["A dog runs. [3]", "It barks [4]. [5-6]", "It sits."]),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split_sentences(text)[: len(sentences)] == sentences
    assert len(split_sentences(text)) == len(sentences) or "…" in text


@settings(deadline=None)
@given(st.text(alphabet='aA .!?。…"”[]3-,\n走'))
def test_splitting_loses_nothing(text: str) -> None:
    parts = split_sentences(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and part == part.strip() for part in parts)


def test_stems_join_the_forms_of_a_word() -> None:
    assert set(stems("walking walked")) == {"walki", "walke"} or set(stems("walking walked")) == {"walk"}
    assert stems("Jackets, jacket") == ["jacke", "jacke"]
    assert stems("It is 7 m") == ["7"]
    assert stems("红夹克") == ["红夹", "夹克"]
    assert stems("红") == ["红"]


@pytest.mark.parametrize(("text", "count"), [("A dog runs.", 3), ("一个男人走", 3), ("", 0), ("A 男人 runs", 3)])
def test_words_are_counted_where_there_are_no_spaces_too(text: str, count: int) -> None:
    assert count_words(text) == count

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.narrate.outline import brief, outline_schema, parse_outline, share_words, topics_of


def outline(*sections: object) -> str:
    return json.dumps({"sections": list(sections)})


GOOD = {"topic": "A walk", "words": 100}


def test_an_outline_has_a_topic_and_words_for_each_section() -> None:
    found = parse_outline(outline(GOOD, {"topic": "A door", "words": 0}), 2)
    assert [(s.topic, s.words) for s in found.sections] == [("A walk", 100), ("A door", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The outline is: a walk, a door.",
        "[]",
        "{}",
        outline(GOOD),
        outline(GOOD, GOOD, GOOD),
        outline(GOOD, {"topic": "A door"}),
        outline(GOOD, {"topic": "", "words": 3}),
        outline(GOOD, {"topic": "t" * 161, "words": 3}),
        outline(GOOD, {"topic": "A door", "words": -1}),
        outline(GOOD, {"topic": "A door", "words": 5001}),
        outline(GOOD, GOOD)[:-3],
    ],
)
def test_anything_else_is_no_outline_of_two_sections(text: str) -> None:
    with pytest.raises(ValueError):
        parse_outline(text, 2)


def test_the_schema_asks_for_so_many_sections() -> None:
    schema = json.loads(outline_schema(7))
    assert (schema["properties"]["sections"]["minItems"], schema["properties"]["sections"]["maxItems"]) == (7, 7)
    assert outline_schema(7) == outline_schema(7) != outline_schema(8)


def test_topics_that_sections_share_count_once() -> None:
    assert topics_of(parse_outline(outline(GOOD, GOOD, {"topic": "A door", "words": 1}), 3)) == "A walk. A door"


WEIGHTS = st.lists(st.floats(0, 5000), min_size=1, max_size=60)


@settings(deadline=None)
@given(st.integers(50, 20_000), WEIGHTS)
def test_shares_stay_within_bounds_and_add_up(total: int, weights: list[float]) -> None:
    shares = share_words(total, weights)
    even = total / len(weights)
    assert len(shares) == len(weights)
    assert all(share >= 25 for share in shares)
    # each is within half and twice the even share, and then all are scaled, by at most two, to what is wanted
    assert all(share <= max(25, 4 * even + 1) for share in shares)
    assert sum(shares) >= total - len(shares)
    if even >= 120:  # far from the least
        assert abs(sum(shares) - total) <= len(shares)


@settings(deadline=None)
@given(st.integers(50, 5000), WEIGHTS)
def test_who_weighs_more_gets_no_less(total: int, weights: list[float]) -> None:
    shares = [share for _, share in sorted(zip(weights, share_words(total, weights), strict=True))]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (1200, [60.0, 60.0, 60.0], [400, 400, 400]),
        (300, [0.0, 0.0], [150, 150]),
        (100, [], []),
        (50, [1.0] * 10, [25] * 10),
        (300, [1.0, 2.0], [100, 200]),
    ],
)
def test_shares(total: int, weights: list[float], shares: list[int]) -> None:
    assert share_words(total, weights) == shares


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ("A man opens the door. He sits.", 3, "A man opens."),
        ("A man opens the door. He sits.", 5, "A man opens the door."),
        ("一个男人打开门，走进房间，坐在椅子上喝咖啡。", 3, "一个男人打开."),
    ],
)
def test_an_outlines_sentences_are_cut_in_every_script(text: str, words: int, wanted: str) -> None:
    assert brief([text], words) == wanted

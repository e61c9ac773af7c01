"""Lines over time, from readings as a reader gives them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.analysis.text import ReadLine
from operators.reading.lines import follow, joined, stitched


def line(text: str, left: float = 0.1, top: float = 0.1, confidence: float = 0.9) -> ReadLine:
    right, bottom = min(1.0, left + 0.012 * len(text)), top + 0.05
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return ReadLine(text, confidence, corners, left, top, right, bottom)


def frames(*lines: list[ReadLine]) -> list[tuple[float, float, list[ReadLine]]]:
    return [(float(k), k + 1.0, some) for k, some in enumerate(lines)]


def spans(items: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    return [(i["start_s"], i["end_s"], i["text"]) for i in items]


def test_a_misread_letter_does_not_part_a_line_and_the_majority_counts() -> None:
    found = follow(frames([line("Hello world")], [line("Helio world")], [line("Hello world")]))
    assert spans(found) == [(0, 3, "Hello world")] and found[0]["frames"] == 3
    assert found[0]["role"] == "painted"


def test_a_line_that_is_missed_once_is_one_and_missed_twice_is_two() -> None:
    sign = line("EXIT 42")
    assert spans(follow(frames([sign], [], [sign]))) == [(0, 3, "EXIT 42")]
    assert spans(follow(frames([sign], [], [], [sign]))) == [(0, 1, "EXIT 42"), (3, 4, "EXIT 42")]


def test_equal_lines_in_two_places_are_two() -> None:
    two = [line("Score 10", top=0.1), line("Score 10", top=0.8)]
    assert spans(follow(frames(two, two))) == [(0, 2, "Score 10")] * 2


def test_another_line_in_the_same_place_is_another_item() -> None:
    found = follow(frames([line("First slide")], [line("Second thought")]))
    assert spans(found) == [(0, 1, "First slide"), (1, 2, "Second thought")]


@pytest.mark.parametrize(
    ("shown", "items"),
    [
        (["Step 1: preheat"] * 3 + ["Step 2: preheat"] * 2 + ["Step 3: preheat"], [(0, 3), (3, 5), (5, 6)]),
        ([f"Time left 00:1{k}" for k in (5, 4, 3)], [(0, 1), (1, 2), (2, 3)]),
        (["Do not open the door"] * 2 + ["Do open the door"] * 2, [(0, 2), (2, 4)]),
        (["Step 1: preheat"] * 2 + ["Step 7: preheat"] + ["Step 1: preheat"], [(0, 4)]),  # read wrong once
        (["Open the"] + ["Open the door"] * 2 + ["Open door"], [(0, 4)]),  # it fades in and out
    ],
)
def test_texts_with_other_numbers_or_words_are_items_of_their_own(shown: list[str], items: list[Any]) -> None:
    found = follow(frames(*([line(text)] for text in shown)))
    assert [(i["start_s"], i["end_s"]) for i in found] == items
    assert [i["text"] for i in found] == [max(shown[a:b], key=shown[a:b].count) for a, b in items]
    parts = joined([*follow(frames(*([line(text)] for text in shown[:3]))), *found])
    assert [i["text"] for i in parts] == [i["text"] for i in found], "a seam changes nothing"


def test_lines_of_a_roll_that_differ_in_a_number_keep_apart() -> None:
    songs = [f"Song {k} by Maria Jensen and the others" for k in range(1, 5)]
    rolled = [
        [line(n, top=0.9 - 0.3 * (k - j)) for j, n in enumerate(songs) if 0 <= 0.9 - 0.3 * (k - j) <= 0.9]
        for k in range(7)
    ]
    assert [i["text"] for i in follow(frames(*rolled))] == songs


def test_what_sways_in_an_upright_frame_does_not_scroll() -> None:
    swaying = frames(*([line("My cat video", left=0.1 + 0.04 * k)] for k in range(4)))  # 0.12 of the width, 1.4 heights
    (wide,), (upright,) = follow(swaying), follow(swaying, aspect=9 / 16)
    assert (wide["role"], upright["role"]) == ("scrolling", "painted")


def test_rolling_credits_keep_their_order() -> None:
    names = ["Directed by Ann", "Written by Bob", "Music by Carla", "Edited by Dan"]
    rolled = [
        [line(n, top=0.9 - 0.2 * (k - j)) for j, n in enumerate(names) if 0 <= 0.9 - 0.2 * (k - j) <= 0.9]
        for k in range(8)
    ]
    found = follow(frames(*rolled))
    assert [i["text"] for i in found] == names
    assert all(i["role"] == "scrolling" for i in found)
    came_s = [0.0, *(k + 1 - 0.075 / 0.2 for k in range(3))]  # when half of each can be seen
    went_s = [k + 0.925 / 0.2 for k in range(4)]
    assert [i["start_s"] for i in found] == pytest.approx(came_s) and found[0]["start_s"] == 0
    assert [i["end_s"] for i in found] == pytest.approx(went_s)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("the market fell by n", "et fell by nine points", "the market fell by nine points"),
        ("BREAKING: the mark", "BREAKING: the market fell", "BREAKING: the market fell"),
        (
            "BREAKING: the market fell by nine",
            "BREAKiNG: the market fell by nine points",
            "BREAKING: the market fell by nine points",
        ),
        ("the market fell by nine points", "ints", "the market fell by nine points"),
        ("the market fell by nine points", "ts", None),
        ("the market fell", "a different sentence", None),
        ("nine points today", "the market fell by nine points", None),
    ],
)
def test_parts_of_a_ticker_are_put_together(before: str, after: str, whole: str | None) -> None:
    found = stitched(before, after)
    assert (found[0] if found else None) == whole
    found = stitched(before[::-1], after[::-1], rightwards=True)
    assert (found[0] if found else None) == (whole and whole[::-1])


def test_a_ticker_to_the_right_is_one_line_of_all_that_ran_by() -> None:
    text, letter = "the market fell by nine points today", 0.02
    shown = []
    for gone in (-30, -20, -10, 10, 30, 46):  # letters that its beginning stands right of the frame's left side
        first, last = max(0, -gone), min(len(text), 50 - gone)
        left, part = (gone + first) * letter, text[first:last].strip()
        shown.append([ReadLine(part, 0.9, (), left, 0.9, min(1.0, left + len(part) * letter), 0.95)])
    (item,) = follow(frames(*shown))
    assert (item["text"], item["role"]) == (text, "scrolling")
    assert (item["start_s"], item["end_s"]) == (0.0, 6.0)


def test_a_shorter_text_that_ends_alike_in_the_same_place_is_no_ticker() -> None:
    total = ReadLine("Total 1250 EUR", 0.9, (), 0.71, 0.5, 0.99, 0.55)
    price = ReadLine("EUR", 0.9, (), 0.93, 0.5, 0.99, 0.55)
    found = follow(frames([total], [price], [price]))
    assert [(i["text"], i["role"], i["start_s"], i["end_s"]) for i in found] == [
        ("Total 1250 EUR", "painted", 0.0, 1.0),
        ("EUR", "painted", 1.0, 3.0),
    ]


def test_subtitles_stand_one_after_another_in_one_place() -> None:
    def low(text: str) -> ReadLine:
        return line(text, left=0.5 - 0.006 * len(text), top=0.86)

    found = follow(frames([low("Where are you?")], [low("I am at home.")], [low("I am at home.")], [line("EXIT 42")]))
    assert [i["role"] for i in found] == ["subtitle", "subtitle", "painted"]
    alone = follow(frames([low("Where are you?")], [line("EXIT 42")]))
    assert [i["role"] for i in alone] == ["painted", "painted"], "one alone may be a caption of any kind"


TOPS = {"EXIT 42": 0.1, "Open door": 0.5, "Chapter one": 0.8}


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(sorted(TOPS)), st.sampled_from([0.1, 0.4, 0.7])),
            max_size=3,
        ),
        max_size=8,
    )
)
def test_items_lie_in_the_frames_and_a_seam_changes_nothing_but_gaps(shown: list[list[tuple[str, float]]]) -> None:
    made = frames(*([line(text, left, TOPS[text]) for text, left in dict.fromkeys(some)] for some in shown))
    found = follow(made)
    assert sum(i["frames"] for i in found) == sum(len(lines) for _, _, lines in made)
    for item in found:
        assert 0 <= item["start_s"] < item["end_s"] <= len(made)
    half = len(made) // 2
    parts = joined([*follow(made[: half + 1]), *follow(made[half:])])  # of two segments that share a frame
    for k, some in enumerate(shown):
        for text, _ in some:
            assert any(i["text"] == text and i["start_s"] <= k and k + 1 <= i["end_s"] for i in parts)

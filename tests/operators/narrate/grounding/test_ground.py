from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core.grid import Span
from operators.narrate.grounding.ground import Ground

CAPTIONS = {
    2: ["A man in a red jacket walks along a narrow street."],
    3: ["The man in the red jacket knocks at a wooden door."],
    4: ["A woman in a green dress opens the door."],
    5: ["Three children sit around a kitchen table."],
}


ALL = " ".join(text for texts in CAPTIONS.values() for text in texts)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("A man knocks at a wooden door [3].", (3,)),
        ("A man knocks at a wooden door [2-3].", (3,)),  # of the two the one that bears it out
        ("A man knocks at a wooden door. [3]", (3,)),
        ("A man knocks at a wooden door [99].", (3,)),  # no such window: it is looked for
        ("Elephants dance [0-999999999].", ()),
        ("Elephants dance on Jupiter [3].", ()),  # a mark is a claim
    ],
)
def test_marks_are_taken_out_and_verified(text: str, windows: tuple[int, ...]) -> None:
    (made,) = Ground(CAPTIONS).sentences(text)
    assert made.windows == windows
    assert "[" not in made.text


def test_marks_may_stand_for_several_windows() -> None:
    (made,) = Ground(CAPTIONS).sentences("A man knocks at a wooden door [1].", {1: (3, 4)})
    assert made.windows == (3,)


def test_without_marks_words_find_the_windows() -> None:
    ground = Ground(CAPTIONS)
    for window, texts in CAPTIONS.items():
        (made,) = ground.sentences(texts[0])
        assert window in made.windows and ground.ranked(texts[0])[0] == window
    (walk,) = ground.sentences("A man was walking along the narrow street.")
    assert walk.windows == (2,)
    assert set(walk.scores) == {"support", "lexical"}


@pytest.mark.parametrize(
    "text", ["Elephants dance on Jupiter.", "…", "It is.", "[7]", "The images are not visible to me."]
)
def test_what_no_caption_says_rests_on_nothing(text: str) -> None:
    assert all(not s.windows for s in Ground(CAPTIONS).sentences(text))


def test_nothing_rests_on_no_captions() -> None:
    (made,) = Ground({}).sentences("A dog runs [1].")
    assert (made.text, made.windows) == ("A dog runs.", ())
    assert Ground({}).ranked("A dog runs.") == []


@pytest.mark.parametrize(
    ("text", "left", "why"),
    [
        (
            "A man walks along a narrow street, and a dragon burns the castle.",
            "A man walks along a narrow street.",
            "unsupported",
        ),
        (
            "Three children sit around a kitchen table while a rocket leaves the planet.",
            "Three children sit around a kitchen table.",
            "unsupported",
        ),
        ("Four children sit around a kitchen table.", "", "number"),
        ("A man in a blue jacket walks along a narrow street.", "", "colour"),
        ("The man in the red jacket does not knock at a wooden door.", "", "negation"),
        ("A woman in a green dress closes the door.", "", "opposite"),
        ("A narrow street walks along a man in a red jacket.", "", "roles"),
    ],
)
def test_the_clause_that_captions_do_not_support_is_cut(text: str, left: str, why: str) -> None:
    (made,) = Ground(CAPTIONS).sentences(text)
    assert (made.text if made.windows else "") == left
    assert [c.why for c in made.cut] == [why]


def test_another_caption_of_the_same_moment_sets_the_first_one_right() -> None:
    ground = Ground({1: ["Two men carry a long ladder."], 2: ["Three men carry a long ladder."], 3: ["A cat sleeps."]})
    for count in ("Two", "Three"):
        assert ground.sentences(f"{count} men carry a long ladder.")[0].windows
    assert not ground.sentences("Five men carry a long ladder.")[0].windows


def test_details_of_frames_support_what_windows_do_not_say() -> None:
    details = {5: ["A yellow teapot stands beside a stack of plates."], 4: ["A brass bell hangs above the door."]}
    ground = Ground(CAPTIONS, None, None, details)
    (made,) = ground.sentences("A yellow teapot stands beside some plates.")
    assert made.windows == (5,)
    (wrong,) = ground.sentences("A blue teapot stands beside a stack of plates.")
    assert (wrong.windows, [c.why for c in wrong.cut]) == ((), ["colour"])
    assert not Ground(CAPTIONS).sentences("A yellow teapot stands beside some plates.")[0].windows


@pytest.mark.parametrize(
    "captions",
    [
        {0: "一个穿红夹克的男人走在街上。", 1: "三个孩子坐在厨房里。"},
        {0: "一名男子が赤い上着を着て歩く。", 1: "三人の子供が台所に座る。"},
        {0: "लाल जैकेट वाला आदमी सड़क पर चलता है।", 1: "तीन बच्चे रसोई में बैठे हैं।"},
        {0: "ผู้ชายใส่เสื้อแดงเดินบนถนน", 1: "เด็กสามคนนั่งในครัว"},
        {0: "Человек в красной куртке идёт по улице.", 1: "Трое детей сидят на кухне."},
        {0: "رجل يرتدي سترة حمراء يمشي في الشارع.", 1: "ثلاثة أطفال يجلسون في المطبخ."},
        {0: "빨간 재킷을 입은 남자가 거리를 걷는다.", 1: "세 아이가 부엌에 앉아 있다."},
    ],
)
def test_any_script_finds_its_windows(captions: dict[int, str]) -> None:
    for window, text in captions.items():
        (sentence,) = Ground({k: [t] for k, t in captions.items()}).sentences(text)
        assert (sentence.text, sentence.windows) == (text, (window,))


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 900), st.sampled_from(list(CAPTIONS.values())), max_size=6),
    st.lists(
        st.sampled_from(
            [
                *(t for ts in CAPTIONS.values() for t in ts),
                "It rains [3].",
                "It snows [1-9].",
                "Up, up [900].",
                "走 [2]。",
            ]
        )
    ),
)
def test_windows_are_always_given_ones(captions: dict[int, list[str]], told: list[str]) -> None:
    for sentence in Ground(captions).sentences(" ".join(told)):
        assert set(sentence.windows) <= set(captions)
        assert list(sentence.windows) == sorted(set(sentence.windows))
        assert "[" not in sentence.text


SPANS = {k: Span(5.0 * k, 5.0 * k + 10) for k in (2, 3, 12, 20)}
AGAIN = {2: ["A dog barks. A cat sleeps."], 3: ["A cat sleeps."], 12: ["A dog barks."], 20: ["A bird sings."]}


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("A dog barks.", [(2, 12)]),
        ("From 0:10 to 0:20, a dog barks.", [(2,)]),
        ("At 1:03 a dog barks.", [(12,)]),
        ("From 1:00 to 1:10: a dog barks. A dog barks.", [(12,), (12,)]),  # it holds for what follows
        ("From 1:00 to 1:10: a dog barks. From 0:10 to 0:20: A dog barks.", [(12,), (2,)]),
        ("From 1:00 to 1:10: a bird sings.", [(20,)]),  # where no window of that time says so, it says nothing
        ("A dog barks, a dog barks, at 1:03.", [(2, 12)]),
    ],
)
def test_a_time_that_is_named_tells_which_window_is_meant(text: str, windows: list[tuple[int, ...]]) -> None:
    assert [s.windows for s in Ground(AGAIN, SPANS).sentences(text)] == windows


def test_a_text_that_needs_no_proof_is_never_cut() -> None:
    told = Ground(CAPTIONS).cited("A narrow street. Elephants dance on Jupiter.")
    assert [(s.text, s.windows) for s in told] == [("A narrow street.", (2,)), ("Elephants dance on Jupiter.", ())]


def test_a_number_that_no_caption_has_is_wrong_where_others_count_the_same() -> None:
    ground = Ground({1: ["Two women walk into the hall."], 2: ["The women dance on the mat with batons."]})
    assert ground.sentences("Two women dance on the mat with batons.")[0].windows
    assert [c.why for c in ground.sentences("Three women dance on the mat with batons.")[0].cut] == ["number"]
    assert ground.sentences("The women dance on the mat with batons.")[0].windows

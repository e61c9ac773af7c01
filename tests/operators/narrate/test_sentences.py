from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.grid import Span
from operators.narrate.sentences import Ground, Sentence, count_words, fresh, stems

CAPTIONS = {
    2: "A man in a red jacket walks along a narrow street.",
    3: "The man in the red jacket knocks at a wooden door.",
    4: "A woman in a green dress opens the door.",
    5: "Three children sit around a kitchen table.",
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Somebody moves [3].", [("Somebody moves.", (3,))]),
        ("Somebody moves. [3] Somebody sits [5].", [("Somebody moves.", (3,)), ("Somebody sits.", (5,))]),
        ("Somebody moves [2-4].", [("Somebody moves.", (2, 3, 4))]),
        ("Somebody moves [2 – 3].", [("Somebody moves.", (2, 3))]),
        ("Somebody moves [2, 4].", [("Somebody moves.", (2, 4))]),
        ("Somebody moves [2-3, 5] slowly.", [("Somebody moves slowly.", (2, 3, 5))]),
        ("Somebody moves [4][2].", [("Somebody moves.", (2, 4))]),
        ("He knocks at wood [99].", [("He knocks at wood.", (3,))]),  # no such window: it is looked for
        ("Somebody moves [5-2].", [("Somebody moves.", (2, 5))]),
        ("Elephants dance [0-999999999].", [("Elephants dance.", ())]),
    ],
)
def test_marks_name_the_windows(text: str, wanted: list[tuple[str, tuple[int, ...]]]) -> None:
    there = {k: f"{caption} Somebody is there." for k, caption in CAPTIONS.items()}
    assert [(s.text, s.windows) for s in Ground(there).sentences(text)] == wanted


def test_a_mark_that_its_captions_do_not_bear_out_proves_nothing() -> None:
    (invented,) = Ground(CAPTIONS).sentences("Elephants dance on Jupiter [3].")
    assert invented == Sentence("Elephants dance on Jupiter.", ())


def test_without_marks_rare_words_find_the_windows() -> None:
    ground = Ground(CAPTIONS)
    found = {s.text: s.windows for s in ground.sentences(" ".join(CAPTIONS.values()))}
    assert all(window in found[text] for window, text in CAPTIONS.items())
    assert found[CAPTIONS[5]] == (5,)
    (walk,) = ground.sentences("He was walking down the narrow street.")
    assert walk.windows == (2,)


@pytest.mark.parametrize("text", ["Elephants dance on Jupiter.", "…", "It is.", "[7]"])
def test_what_no_caption_says_rests_on_nothing(text: str) -> None:
    assert all(not s.windows for s in Ground(CAPTIONS).sentences(text))


def test_nothing_rests_on_no_captions() -> None:
    assert Ground({}).sentences("A dog runs [1].") == [Sentence("A dog runs.", ())]


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
        (sentence,) = Ground(captions).sentences(text)
        assert sentence == Sentence(text, (window,))


def test_stems_join_the_forms_of_a_word() -> None:
    assert set(stems("walking walked")) == {"walki", "walke"} or set(stems("walking walked")) == {"walk"}
    assert stems("Jackets, jacket") == ["jacke", "jacke"]
    assert stems("It is 7 m") == ["7"]
    assert stems("红夹克") == ["红夹", "夹克"]
    assert stems("红") == ["红"]


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 900), st.sampled_from(list(CAPTIONS.values())), max_size=6),
    st.lists(st.sampled_from([*CAPTIONS.values(), "It rains [3].", "It snows [1-9].", "Up, up [900].", "走 [2]。"])),
)
def test_windows_are_always_given_ones(captions: dict[int, str], told: list[str]) -> None:
    for sentence in Ground(captions).sentences(" ".join(told)):
        assert set(sentence.windows) <= set(captions)
        assert list(sentence.windows) == sorted(set(sentence.windows))
        assert "[" not in sentence.text


def test_fresh_takes_out_what_is_told_already() -> None:
    a, b, part = (Sentence(t, (1,)) for t in ("A dog runs home.", "A cat sleeps.", "A dog runs."))
    assert fresh([a, b, a, part], [], []) == [a, b]
    assert fresh([part, a], [], []) == [part, a]  # the second says more
    assert fresh([a, b], [Sentence("A dog runs, a brown one, home.", ())], []) == [b]
    assert fresh([a, b, part], [], ["a dog runs home."]) == [b, part]  # there only the same sentence counts
    assert fresh([], ["A."], ["B."]) == []
    hit = Sentence("The man hits the car.", (1,))
    assert fresh([hit], [Sentence("The car hits the man.", ())], []) == [hit]


@pytest.mark.parametrize(("text", "count"), [("A dog runs.", 3), ("一个男人走", 3), ("", 0), ("A 男人 runs", 3)])
def test_words_are_counted_where_there_are_no_spaces_too(text: str, count: int) -> None:
    assert count_words(text) == count


@settings(deadline=None)
@given(st.lists(st.sampled_from([Sentence(t, (1,)) for t in (*CAPTIONS.values(), "A man walks.", "Walks a man!")])))
def test_nothing_fresh_is_there_twice(sentences: list[Sentence]) -> None:
    kept = fresh(sentences, [], [])
    assert len({s.text for s in kept}) == len(kept)
    assert fresh(kept, [], []) == kept
    assert [s for s in sentences if s in kept][:1] == kept[:1]
    assert bool(kept) is bool(sentences)


SPANS = {k: Span(5.0 * k, 5.0 * k + 10) for k in (2, 3, 12, 20)}
AGAIN = {2: "A dog barks. A cat sleeps.", 3: "A cat sleeps.", 12: "A dog barks.", 20: "A bird sings."}


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


def test_what_happens_again_in_other_windows_is_told_again() -> None:
    first, again = Sentence("A dog barks.", (2,)), Sentence("A dog barks.", (12,))
    assert fresh([first, again, again], [], []) == [first, again]
    assert fresh([again], [first], []) == [again]
    assert fresh([Sentence("A dog barks.", (2, 3))], [first], []) == []

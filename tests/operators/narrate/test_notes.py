from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.narrate import notes as module
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Sentence
from operators.narrate.notes import Note, fit, tail

merge_alike, once, quoted = (partial(f, alike=Alike()) for f in (module.merge_alike, module.once, module.quoted))

WORDS = ("man", "woman", "street", "door", "red", "walks", "opens", "table", "child", "tram")
LINE = 12  # tokens that a note takes beside its words


def count(text: str) -> int:
    return len(text.split())


def tokens(notes: Sequence[Note]) -> int:
    return sum(count(n.text) + LINE for n in notes)


def note(k: int, text: str) -> Note:
    return Note(text=text, start_s=5.0 * k, end_s=5.0 * k + 10, windows=(k,))


def nothing(notes: Sequence[Note], words: int) -> str | None:
    return None


def longer(notes: Sequence[Note], words: int) -> str | None:
    return " ".join(n.text for n in notes) + " and so on"


def shorter(notes: Sequence[Note], words: int) -> str | None:
    return " ".join(" ".join(n.text for n in notes).split()[:words])


def blank(notes: Sequence[Note], words: int) -> str | None:
    return ""


NOTES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join), max_size=40).map(
    lambda texts: [note(k, text.capitalize() + ".") for k, text in enumerate(texts)]
)


@settings(deadline=None)
@given(NOTES, st.integers(1, 500), st.integers(1, 300), st.sampled_from([nothing, longer, shorter, blank]))
def test_it_fits_in_order_and_no_window_is_lost(notes: list[Note], budget: int, room: int, digest: object) -> None:
    left = fit(notes, budget, room=room, count=count, digest=digest)  # type: ignore[arg-type]
    assert [w for n in left for w in n.windows] == [w for n in notes for w in n.windows]
    assert tokens(left) <= max(budget, LINE + 1)  # one word is the least
    assert [n.start_s for n in left] == sorted(n.start_s for n in left)
    if notes:
        assert (left[0].start_s, left[-1].end_s) == (notes[0].start_s, notes[-1].end_s)
    if tokens(notes) <= budget:
        assert left == notes


def test_what_fits_is_not_rewritten() -> None:
    def never(notes: Sequence[Note], words: int) -> str | None:
        raise AssertionError("asked for a digest")

    notes = [note(k, "a man walks") for k in range(10)]
    assert fit(notes, 150, room=90, count=count, digest=never) == notes
    assert len(fit(notes, 149, room=90, count=count, digest=shorter)) < 10


def test_a_digest_gets_what_its_prompt_has_room_for() -> None:
    asked: list[int] = []

    def digest(notes: Sequence[Note], words: int) -> str | None:
        asked.append(tokens(notes))
        return shorter(notes, words)

    fit([note(k, "one two three four five six") for k in range(64)], 100, room=60, count=count, digest=digest)
    assert max(asked) <= 60 and len(asked) > 10


def test_without_a_good_digest_first_sentences_stand_for_the_notes() -> None:
    notes = [note(0, "A man walks. He is tall and thin."), note(1, "A door opens. It is made of dark wood.")]
    (left,) = fit(notes, 20, room=100, count=count, digest=nothing)
    assert (left.text, left.windows, left.start_s, left.end_s) == ("A man walks. A door opens.", (0, 1), 0.0, 15.0)


def test_a_text_without_spaces_is_cut_too() -> None:
    notes = [note(k, "一个穿红夹克的男人走在街上然后他敲门" * 20) for k in range(3)]
    left = fit(notes, 200, room=100, count=len, digest=longer)
    assert sum(len(n.text) + LINE for n in left) <= 200
    assert [w for n in left for w in n.windows] == [0, 1, 2]
    assert left[0].text.startswith("一个穿红夹克")


def test_an_hour_of_captions_fits_four_thousand_tokens() -> None:
    # LongCaption-Agent's hour: 719 windows of about 300 words, 3,600 frames of about 60
    story = [" ".join(WORDS[(k * 7 + i * i) % 10] for i in range(14)).capitalize() + f" {k}." for k in range(719)]
    windows = [note(k, " ".join([story[k]] * 20)) for k in range(719)]
    frames = [
        Note(text=f"Frame {t}. " + story[t % 719] * 4, start_s=t, end_s=t, windows=(min(718, t // 5),))
        for t in range(3600)
    ]
    assert tokens(windows) + tokens(frames) > 340_000
    asked: list[int] = []

    def digest(notes: Sequence[Note], words: int) -> str | None:
        asked.append(tokens(notes))
        return shorter(notes, words)

    left = [
        *fit(windows, 2400, room=3500, count=count, digest=digest),
        *fit(frames, 1600, room=3500, count=count, digest=digest),
    ]
    assert tokens(left) <= 4096
    assert {w for n in left for w in n.windows} == set(range(719))
    assert max(asked) <= 3500
    assert sum(asked) < 3 * 400_000  # each level halves what the one before had to read


@settings(deadline=None)
@given(NOTES)
def test_alike_neighbours_are_told_once(notes: list[Note]) -> None:
    merged = merge_alike(notes)
    assert [w for n in merged for w in n.windows] == [w for n in notes for w in n.windows]
    assert [n.start_s for n in merged] == sorted(n.start_s for n in merged)
    assert {w for n in notes for w in n.text.lower().strip(".").split()} == {
        w for n in merged for w in n.text.lower().strip(".").split()
    }  # no word is lost
    assert {n.text for n in merged} <= {n.text for n in notes}


def test_a_still_scene_is_one_note_and_a_changing_one_is_not() -> None:
    still = [note(k, "An empty street.") for k in range(60)]
    (one,) = merge_alike(still)
    assert (one.text, one.start_s, one.end_s, one.windows) == ("An empty street.", 0.0, 305.0, tuple(range(60)))
    fuller = [note(0, "A red cross."), note(1, "A red cross on a white wall."), note(2, "A white wall.")]
    assert [n.text for n in merge_alike(fuller)] == ["A red cross on a white wall."]
    turns = [note(k, ("A red cross.", "A blue cross.")[k % 2]) for k in range(6)]
    assert merge_alike(turns) == turns
    assert merge_alike([]) == []


@pytest.mark.parametrize(
    ("room", "kept"),
    [(0, ""), (2, ""), (3, "A cat sleeps."), (5, "A cat sleeps."), (6, "A dog runs. A cat sleeps."), (99, None)],
)
def test_the_tail_is_whole_sentences_from_the_end(room: int, kept: str | None) -> None:
    text = "Night falls over town. A dog runs. A cat sleeps."
    assert tail(text, room, count) == (text if kept is None else kept)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["A dog runs.", "It rains.", "Night falls over the town."])), st.integers(0, 60))
def test_a_tail_fits_and_ends_the_text(sentences: list[str], room: int) -> None:
    text = " ".join(sentences)
    end = tail(text, room, count)
    assert text.endswith(end)
    assert count(end) <= room


def test_what_two_overlapping_windows_both_say_is_said_once() -> None:
    notes = [note(0, "A man walks. A door opens."), note(1, "A door opens. A tram comes."), note(2, "A TRAM comes.")]
    assert [n.text for n in once(notes)] == ["A man walks. A door opens.", "A tram comes.", "A TRAM comes."]
    apart = [note(0, "A door opens."), note(2, "A door opens. A tram comes.")]
    assert once(apart) == apart  # it opened twice


def test_what_lasts_does_not_carry_a_later_event_to_its_beginning() -> None:
    still = [note(k, "The picture is without colour.") for k in range(4)]
    later = note(4, "At 0:27 a new shot begins: the picture is without colour.")
    made = once([*still, later])
    assert made[0].text == "The picture is without colour."
    assert made[4].text == later.text
    near = once([note(0, "A man walks."), note(1, "A man in a red coat walks slowly.")])
    assert near[0].text == "A man in a red coat walks slowly."  # seen by two windows that overlap


def test_quotations_have_their_time_and_lose_no_window() -> None:
    notes = once([note(0, "A man walks. A door opens."), note(1, "A door opens."), note(2, "A tram comes.")])
    assert quoted(notes) == [
        Sentence("From 0:00 to 0:15: A man walks.", (0, 1)),
        Sentence("A door opens.", (0, 1)),
        Sentence("From 0:10 to 0:20: A tram comes.", (2,)),
    ]


def test_a_quotation_that_has_a_time_gets_no_second_one() -> None:
    notes = [note(0, "From 0:02 to 0:05 a man walks. He sits."), note(2, "At 0:11 a tram comes.")]
    texts = [s.text for s in quoted(notes)]
    assert texts == ["From 0:02 to 0:05 a man walks.", "He sits.", "At 0:11 a tram comes."]
    assert module.untimed("From 0:10 to 1:00:20: A tram comes.") == "A tram comes."
    assert module.untimed("From here to there: a tram.") == "From here to there: a tram."


def test_words_of_two_sentences_do_not_make_a_third() -> None:
    notes = [note(0, "The man sits. The woman stands."), note(1, "The man stands.")]
    assert merge_alike(notes) == notes
    assert len(merge_alike([notes[0], note(1, "The woman stands.")])) == 1


def test_the_same_event_in_other_words_is_told_once_and_a_different_one_twice() -> None:
    notes = [
        note(0, "A man throws a ball. It rains."),
        note(1, "He throws the ball. A dog runs."),
        note(2, "The man throws a ball. A tram comes."),
    ]
    assert [n.text for n in once(notes)] == ["A man throws a ball. It rains.", "A dog runs.", "A tram comes."]
    for other in (
        "A man does not throw a ball.",
        "Two men throw a ball.",
        "A ball throws a man.",
        "A man throws a ball again.",
    ):
        assert once([note(0, "A man throws a ball. It rains."), note(1, f"{other} It rains.")])[1].text == other
    fuller = [note(0, "A man walks. It rains."), note(1, "A man with a hat walks. A dog barks.")]
    assert [n.text for n in once(fuller)] == ["A man with a hat walks. It rains.", "A dog barks."]

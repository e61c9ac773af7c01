from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.analysis.facts import Camera, Colour, Facts, Light, Piece, Transition
from operators.engines.ask import ask
from operators.engines.base import Generation, Request
from operators.engines.gates import (
    ALWAYS,
    GENERATIVE,
    About,
    empty,
    ends_in_loop,
    first_failed,
    gates_of,
    looping,
    outside_video,
    refusal,
    repetitive,
    truncated,
    wrong_language,
)
from operators.engines.template import MeasureEngine
from tests.support.engines import LOOP, Model

WAIT_S = 120.0

ORDINARY = """
A man in a red jacket walks along a narrow street. Houses with white walls stand on both sides of the street, and
between them hang lamps. He stops in front of a door, looks up, and knocks. The door is opened by a woman in a green
dress, who lets him in. The camera follows him through a dark corridor into a bright kitchen, where three children sit
at a table. One of the children pours water into a glass; another draws on a sheet of paper; the third looks out of
the window. The man sits down, takes off his jacket and hangs it over the chair. The woman puts a pot on the stove.
The camera pans to the left over the table. The camera pans to the left over the stove. The man in the red jacket
walks to the window and opens it. Outside a tram passes. The camera pans to the left over the street.
"""


@settings(deadline=None)
@given(st.text(alphabet=" \t\n\u00a0\u3000"))
def test_nothing_but_white_space_is_empty(text: str) -> None:
    assert empty(Generation(text=text)) == "the answer is empty"


def test_a_good_answer_passes_every_gate() -> None:
    generation = Generation(text=ORDINARY)
    assert (empty(generation), truncated(generation), looping(generation)) == (None, None, None)


def test_an_answer_at_its_token_limit_is_truncated() -> None:
    assert truncated(Generation(text=ORDINARY, finish_reason="length")) == "the answer was cut at its token limit"


@pytest.mark.parametrize("text", [LOOP, ORDINARY + LOOP, "no " * 40, ("left right " * 30)])
def test_a_text_that_goes_round_in_circles_is_looping(text: str) -> None:
    assert looping(Generation(text=text)) == "the answer repeats itself in a loop"


@pytest.mark.parametrize("period", [1, 7, 8, 60, 200])
def test_a_loop_may_be_of_any_length_and_begin_anywhere(period: int) -> None:
    once = " ".join(f"w{k}" for k in range(period)) + " "
    times = max(4, -(-32 // period))
    assert looping(Generation(text=ORDINARY + once * times)) is not None
    assert looping(Generation(text=ORDINARY + once * 3 + "and so on")) is None


def test_a_refrain_and_a_short_text_are_no_loop() -> None:
    refrain = "The camera pans slowly to the left over the hills."
    told = " ".join(f"At {k} o'clock: {refrain}" for k in range(12))
    assert looping(Generation(text=told)) is None
    assert looping(Generation(text="no no no no no no no no")) is None


def test_an_interview_of_two_frames_in_turn_can_be_told_by_measurements() -> None:
    looks = (
        {"light": Light(level="bright", mean=0.7, contrast=0.1), "colours": (Colour(name="grey", share=0.8),)},
        {"light": Light(level="dark", mean=0.3, contrast=0.1), "colours": (Colour(name="blue", share=0.6),)},
    )
    pieces = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, camera=Camera(state="still"), **looks[k % 2]) for k in range(24)
    )
    cuts = tuple(Transition(kind="cut", start_s=5.0 * k, end_s=5.0 * k) for k in range(1, 24))
    facts = Facts(start_s=0.0, end_s=120.0, pieces=pieces, transitions=cuts)
    with MeasureEngine().open() as engine:
        for kind in ("section", "video"):
            request = Request(kind=kind, start_s=0.0, end_s=120.0, prompt="", facts=facts, texts=("A talk.",))
            answers = [ask(engine, replace(request, seed=seed), tries=1).result(WAIT_S) for seed in range(20)]
            assert [a.problem for a in answers] == [None] * 20


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=50, max_size=400, unique=True))
def test_a_long_text_without_repeats_is_no_loop(words: list[int]) -> None:
    assert looping(Generation(text=" ".join(map(str, words)))) is None


# -- what language models do -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "As an AI, I do not watch videos.",
        "As a language model I see a street.",
        "I'm sorry, but the frames are too dark.",
        "I cannot see any pictures.",
        "Here is a caption of the video: a dog runs.",
        "A dog runs. Based on the provided captions, it is happy.",
        "作为一个人工智能，我无法观看视频。",
    ],
)
def test_a_model_that_speaks_of_itself_is_sent_back(text: str) -> None:
    assert "about the model" in (refusal(Generation(text=text)) or "")


@pytest.mark.parametrize(
    "text",
    [
        ORDINARY,
        "Here a man stops and looks into a window: it is dark.",
        'A woman says "I\'m sorry" and leaves; the subtitle reads: "I cannot see you any more."',
        "A sign shows an image of a dog. Sure of his step, he walks on.",
        "Of course the camera follows him.",
    ],
)
def test_people_may_be_sorry(text: str) -> None:
    assert refusal(Generation(text=text)) is None


@pytest.mark.parametrize(
    ("language", "text", "good"),
    [
        ("English", ORDINARY, True),
        ("French", ORDINARY, False),
        (
            "German",
            "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält an.",
            True,
        ),
        (
            "English",
            "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält an.",
            False,
        ),
        (
            "Brazilian Portuguese",
            "Um homem de jaqueta vermelha caminha por uma rua estreita e para.",
            True,
        ),
        ("English", "一个穿红夹克的男人沿着狭窄的街道走着，停在一扇门前。", False),
        ("Chinese", "一個穿紅夾克的男人沿著狹窄的街道走著，停在一扇門前。", True),
        ("English", 'The banner reads "Herzlich willkommen zum Tag der offenen Tür der Feuerwehr".', True),
        (
            "English",
            "A woman says “Je ne sais pas pourquoi il est parti sans me dire au revoir hier soir”. She cries.",
            True,
        ),
        ("French", "La pancarte dit « Please keep off the grass and respect the wildlife of this park ».", True),
        ("German", "Auf der Folie steht „How to build a neural network from scratch in Python, part one“.", True),
        ("Chinese", "标题写着“How to Build a Neural Network from Scratch in Python: Part One of the Series”。", True),
        ("English", "„Herzlich willkommen zum Tag der offenen Tür der Feuerwehr“", False),  # nothing but a quotation
        ("English", 'Un homme marche dans la rue étroite et lit "Open" sur une porte.', False),
        ("English", '"Open the door," says the man to the woman.', True),
        ("English", "Hotel Sacher, Wien.", True),  # too short to tell
        ("Klingon as sung at sea", ORDINARY, True),  # nobody can tell
        ("Maori", ORDINARY, True),
        ("Bokmål", "En kvinne i rød jakke går langsomt over gaten, og barnet hennes venter ved døren.", True),
        ("no", "En kvinne i rød jakke går langsomt over gaten, og barnet hennes venter ved døren.", True),
        ("Danish", "En kvinne i rød jakke går langsomt over gaten, og barnet hennes venter ved døren.", True),
        ("Bokmål", "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält an.", False),
    ],
)
def test_another_language_is_sent_back(language: str, text: str, good: bool) -> None:
    found = wrong_language(Generation(text=text), About(language=language))
    assert (found is None) is good
    assert good or "is in another language" in (found or "")


def test_a_time_behind_the_end_is_sent_back() -> None:
    assert outside_video(Generation(text="At 2:05 it ends."), About(duration_s=120.0)) == (
        "the answer names 125 s, and the video ends at 120 s"
    )
    assert outside_video(Generation(text="At 2:00 it ends."), About(duration_s=119.4)) is None
    assert outside_video(Generation(text="At 2:05 it ends.")) is None


def test_what_the_server_calls_a_refusal_is_one_whatever_its_words() -> None:
    generation = Generation(text="A man walks\nin the park.", finish_reason="refusal")
    assert refusal(generation) == "the model or its server refused to answer ('A man walks in the park.')"
    # said before anything else of a model's answer: that it is no JSON then matters no more
    assert first_failed(GENERATIVE, generation, About(parse=json.loads))[0] == "refusal"  # type: ignore[index]


@settings(deadline=None)
@given(st.floats(0, 5000), st.floats(1, 5000))
def test_only_times_behind_the_end_are_outside(at_s: float, duration_s: float) -> None:
    clock = f"{int(at_s) // 60}:{int(at_s) % 60:02}"
    found = outside_video(Generation(text=f"At {clock} a dog barks."), About(duration_s=duration_s))
    assert (found is not None) is (int(at_s) > duration_s + 1 and int(at_s) // 60 < 1000)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(4, 12))
def test_a_loop_is_seen_while_it_is_being_written(period: int, times: int) -> None:
    times = max(times, -(-32 // period))
    once = " ".join(f"w{k}" for k in range(period)) + " "
    assert ends_in_loop(ORDINARY + once * times)
    assert not ends_in_loop(ORDINARY + once)


def test_white_space_without_end_is_a_loop_and_a_gap_is_none() -> None:
    assert ends_in_loop('{"caption": ' + " \n" * 50)
    assert not ends_in_loop('{"caption": ' + " \n" * 50 + '"A dog')
    assert not ends_in_loop("A dog.\n\n" + " " * 40)


def test_a_loop_without_spaces_is_seen() -> None:
    assert ends_in_loop("ab" * 80) and looping(Generation(text="的一" * 60))
    assert looping(Generation(text="A dog.", finish_reason="loop")) is not None


def test_the_first_gate_that_says_no_is_named() -> None:
    assert first_failed(ALWAYS, Generation(text=""), About()) == ("empty", "the answer is empty")
    assert first_failed(GENERATIVE, Generation(text="As an AI I see."), About())[0] == "refusal"  # type: ignore[index]
    assert first_failed((*ALWAYS, *GENERATIVE), Generation(text=ORDINARY), About(language="English")) is None
    nothing = About(covers=lambda text: "nothing is said")
    assert first_failed(GENERATIVE, Generation(text=ORDINARY), nothing) == ("covers_nothing", "nothing is said")


def test_what_measures_is_not_suspected_of_being_a_model() -> None:
    assert gates_of(MeasureEngine()) == ALWAYS
    assert gates_of(Model()) == (*ALWAYS, *GENERATIVE)


# -- the same few words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "He walks and " + "walks " * 10,
        "Up Up up UP up up up up up up and away.",
        " ".join(("a red car", "a blue car", "a red bus")[(k * k + k // 5) % 3] for k in range(60)),
    ],
)
def test_a_text_of_the_same_few_words_is_sent_back(text: str) -> None:
    assert repetitive(Generation(text=text)) == "the answer says the same few words again and again"


@pytest.mark.parametrize("text", ["", "no " * 9, "Left, right, left, right, left, right.", ORDINARY, ORDINARY * 2])
def test_a_refrain_or_a_long_text_is_not(text: str) -> None:
    assert repetitive(Generation(text=text)) is None


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 14))
def test_any_part_of_an_ordinary_text_in_any_order_passes(seed: int, count: int) -> None:
    sentences = [s for s in ORDINARY.replace("\n", " ").split(". ") if s.strip()]
    told = random.Random(seed).sample(sentences, min(count, len(sentences)))
    assert repetitive(Generation(text=". ".join(told))) is None


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["bright", "dark"]), st.sampled_from(["grey", "blue", "red"]), st.booleans()),
        min_size=1,
        max_size=36,
    ),
    st.integers(0, 1000),
)
def test_what_is_told_by_measurements_would_pass(cells: list[tuple[str, str, bool]], seed: int) -> None:
    pieces = tuple(
        Piece(
            start_s=5.0 * k,
            end_s=5.0 * k + 5,
            camera=Camera(state="still"),
            light=Light(level=level, mean=0.5, contrast=0.1),  # type: ignore[arg-type]
            colours=(Colour(name=colour, share=0.7),),
        )
        for k, (level, colour, _) in enumerate(cells)
    )
    cuts = tuple(
        Transition(kind="cut", start_s=5.0 * k, end_s=5.0 * k) for k, (_, _, cut) in enumerate(cells) if cut and k
    )
    facts = Facts(start_s=0.0, end_s=5.0 * len(cells), pieces=pieces, transitions=cuts)
    with MeasureEngine().open() as engine:
        for kind in ("frame", "window", "section", "video"):
            request = Request(
                kind=kind,  # type: ignore[arg-type]
                start_s=0.0,
                end_s=min(facts.end_s, 10.0) if kind in ("frame", "window") else facts.end_s,
                prompt="",
                facts=facts,
                texts=("A talk.",),
                seed=seed,
            )
            assert repetitive(engine.submit(request).result(WAIT_S)) is None


# -- structured answers ------------------------------------------------------------------------------------------------


def _told(caption: str) -> tuple[Generation, About]:
    generation = Generation(
        text=json.dumps({"caption": caption, "sign": "Achtung, hier wird heute um 23:59:00 gebaut"})
    )
    return generation, About(language="English", duration_s=60.0, parse=json.loads, prose=lambda v: v["caption"])


@pytest.mark.parametrize(
    ("caption", "gate"),
    [
        (ORDINARY, None),
        (" ", "empty"),
        ("I'm sorry, but I cannot see it.", "refusal"),
        ("Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält an.", "wrong_language"),
        ("At 2:00 it ends.", "outside_video"),
        ("walks " * 12, "repetitive"),
    ],
)
def test_of_a_structured_answer_the_prose_is_looked_at(caption: str, gate: str | None) -> None:
    found = first_failed((*ALWAYS, *GENERATIVE), *_told(caption))
    assert (found and found[0]) == gate


def test_what_does_not_parse_is_malformed_and_nothing_else() -> None:
    _, about = _told("")
    assert first_failed(GENERATIVE, Generation(text="A man walks."), about)[0] == "malformed"  # type: ignore[index]
    assert refusal(Generation(text="As an AI I see."), about) is not None

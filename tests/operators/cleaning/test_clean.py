"""Cleaning and gates together, on lists of defects and of human text that looks like one."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.caption.structure import WindowFields, parse_window
from operators.cleaning.clean import SENTENCES, TEXT, clean
from operators.cleaning.context import Context
from operators.cleaning.tokens import roles
from operators.coreference.names import Same, parse_same
from operators.engines.base import Generation
from operators.engines.gates import ALWAYS, GENERATIVE, About, first_failed
from operators.narrate.outline import Outline, parse_outline
from operators.prompts import load_prompt
from tests.support.defects import CAPTION, DEFECTS, DURATION_S, FIRST, PROMPT, SECOND, STRUCTURED, Defect, filled
from tests.support.ordinary import ORDINARY

ABOUT = About(language="English", duration_s=DURATION_S, instructions=PROMPT)


def accepted(answer: str, about: About = ABOUT) -> str | None:
    """What an answer leaves in a row; None where it is sent back."""
    text = clean(Generation(text=answer).text, about).text
    return None if first_failed((*ALWAYS, *GENERATIVE), Generation(text=text), about) else text


def test_the_list_is_long_and_of_many_kinds() -> None:
    kinds = Counter(d.kind for d in DEFECTS)
    assert len({d.answer for d in DEFECTS}) == len(DEFECTS) >= 150
    assert len(kinds) >= 20


@pytest.mark.parametrize("kind", sorted({d.kind for d in DEFECTS}))
def test_no_defect_lands_in_a_row(kind: str) -> None:
    landed = [(d.answer, left) for d in DEFECTS if d.kind == kind and (left := _landed(d)) is not None]
    assert landed == []


def _about(defect: Defect) -> About:
    return replace(ABOUT, cites=defect.cites)


def _landed(defect: Defect) -> str | None:
    left = accepted(defect.answer, _about(defect))
    return left if left is not None and defect.left_in(left) else None


def test_what_stands_around_a_caption_costs_no_answer() -> None:
    lost = [d.answer for d in DEFECTS if d.kept and accepted(d.answer, _about(d)) is None]
    assert lost == []


def test_the_caption_itself_stays_whole() -> None:
    whole = [
        d.answer
        for d in DEFECTS
        if d.kept and CAPTION in d.answer and FIRST not in (accepted(d.answer, _about(d)) or "")
    ]
    assert whole == []


@pytest.mark.parametrize(
    "text",
    [
        "A slide has two columns. Input: images. Output: captions. The presenter points at the first one.",
        "A bar chart appears. Human: 95 %. Robot: 80 %. The engineer points at the taller bar.",
        "A chat is open on the laptop. User: Where is my parcel? A man scrolls down and frowns.",
        "The poster lists:\nInput: two eggs\nOutput: one omelette\nA cook taps on it with a spoon.",
    ],
)
def test_names_of_roles_that_may_be_in_the_video_end_no_caption(text: str) -> None:
    assert roles(text, ABOUT) == text


@pytest.mark.parametrize("text", ORDINARY)
def test_human_text_is_left_as_it_is(text: str) -> None:
    assert clean(text, ABOUT).text == text
    assert first_failed((*ALWAYS, *GENERATIVE), Generation(text=text), ABOUT) is None


def test_what_was_removed_is_named_once_and_in_order() -> None:
    answer = f"<think>Hm.</think>**Caption:** {CAPTION} (Word count: 18) Overall, it rains."
    assert clean(answer, ABOUT).text == CAPTION
    assert clean(answer, ABOUT).rules == ("thinking", "markdown", "labels", "notes", "closing")
    assert clean(CAPTION, ABOUT).rules == ()
    assert clean(f"\n {FIRST}\n{SECOND} \n", ABOUT) == clean(CAPTION, ABOUT), "white space is no removal"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(ORDINARY), min_size=1, max_size=6, unique=True))
def test_paragraphs_of_human_text_pass(sentences: list[str]) -> None:
    text = " ".join(s if s[-1] in '.!?"' else s + "." for s in sentences)
    assert accepted(text) is not None


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [*(d.answer for d in DEFECTS), "<think>", "</think>", "```", "{", "[", "**", '"', "\n", "【", "<|", "1."]
        ),
        max_size=5,
    )
)
def test_whatever_comes_is_cleaned_without_an_error_and_once_is_mostly_enough(parts: list[str]) -> None:
    text = Generation(text=" ".join(parts)).text
    once = clean(text, ABOUT)
    again = clean(once.text, ABOUT)
    assert len(again.text) <= len(once.text)
    assert set(once.rules) <= {rule.__name__ for rule in (*TEXT, *SENTENCES)}


# -- structured answers ------------------------------------------------------------------------------------------------

FIELDS = {
    "caption": f"In this video, {FIRST[:1].lower()}{FIRST[1:]} {SECOND} Overall, it rains.",
    "subjects": [{"name": "**a man**", "looks": "N/A"}, {"name": "None", "looks": ""}],
    "actions": ["walks", "N/A", "knocks<|im_end|>"],
    "camera": "N/A",
    "scene": "Scene: a wet &amp; dark street",
    "on_screen_text": ["**SALE** [1]", "12:34"],
    "confidence": 0.9,
}
FORM = About(
    language="English",
    duration_s=DURATION_S,
    form=WindowFields,
    parse=parse_window,
    prose=lambda fields: fields.caption,
)


@pytest.mark.parametrize(
    "wrap",
    [
        "{}",
        "\ufeff{}",
        "```json\n{}\n```",
        "Here is the JSON:\n{}\nLet me know if you need more.",
        "<think>I need {{braces}}.</think>\n{}",
        "Sure! ```\n{}\n``` I hope this helps.",
        "{}<|im_end|>",
        "[{}]",
        '{"window": {}}',
    ],
)
def test_fields_are_found_and_cleaned_one_by_one(wrap: str) -> None:
    cleaned = clean(wrap.replace("{}", json.dumps(FIELDS)), FORM)
    assert json.loads(cleaned.text) == {
        "caption": CAPTION,
        "subjects": [{"name": "a man", "looks": ""}],
        "actions": ["walks", "knocks"],
        "camera": "",
        "scene": "a wet & dark street",
        "on_screen_text": ["**SALE** [1]", "12:34"],
    }
    assert {"form", "framing", "closing", "markdown", "entities", "labels"} <= set(cleaned.rules)
    assert first_failed((*ALWAYS, *GENERATIVE), Generation(text=cleaned.text), FORM) is None


@pytest.mark.parametrize(
    "broken",
    [
        '{"sections": [{"topic": "A walk", "words": 40,}, {"topic": "A door", "words": "about 60 words"},]}',
        "{'sections': [{'topic': 'A walk', 'words': 40}, {'topic': 'A door', 'words': 60.0}]}",
        '[{"topic": "A walk", "words": 40}, {"topic": "A door", "words": 60}]',
        '{"outline": {"Sections": [{"Topic": "A walk", "Words": 40}, {"Topic": "A door", "Words": 60, "mood": "x"}]}}',
        '// the plan\n{"sections": [{"topic": "A walk", "words": 40} /* short */, {"topic": "A door", "words": 60}]}',
        "{“sections”: [{“topic”: “A walk”, “words”: 40}, {“topic”: “A door”, “words”: 60}]}",
        '{"sections": [\n{"topic": "A walk", "words": 40}\n{"topic": "A door", "words": 60}\n]}',
        '{"sections": [{"topic": "Section 1: A walk", "words": 40}, {"topic": "**A door**", "words": 60}]}',
    ],
)
def test_json_that_is_nearly_right_is_read(broken: str) -> None:
    about = About(form=Outline, parse=lambda text: parse_outline(text, 2))
    text = clean(broken, about).text
    assert [(s.topic, s.words) for s in parse_outline(text, 2).sections] == [("A walk", 40), ("A door", 60)]


OUTLINE = About(language="English", form=Outline, parse=lambda text: parse_outline(text, 2))
NAMES = About(form=Same, parse=parse_same)


@pytest.mark.parametrize(("form", "answer", "gone"), STRUCTURED)
def test_no_defect_of_a_structured_answer_lands(form: str, answer: str, gone: tuple[str, ...]) -> None:
    left = accepted(filled(answer), {"fields": FORM, "outline": OUTLINE, "names": NAMES}[form])
    assert left is not None
    assert [mark for mark in gone if mark in left] == []


def test_a_value_under_another_name_is_taken_where_only_one_fits() -> None:
    named = (
        '{"sections": [{"title": "A walk", "word_count": "40 words"}, {"topic": "A door", "words": 60, "mood": "x"}]}'
    )
    assert [(s.topic, s.words) for s in parse_outline(named, 2).sections] == [("A walk", 40), ("A door", 60)]
    with pytest.raises(ValueError, match="topic"):
        parse_outline('{"sections": [{"title": "A walk", "mood": "calm", "words": 40}, {"topic": "x", "words": 1}]}', 2)
    assert parse_same('{"same_person": "yes, by the jacket", "name": ""}').same is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A man walks.",
        '{"caption": "A man wal',
        "{",
        '{"a": {"b": [1, 2}',
        "[" * 500,
        '{"caption": "A man walks.", "subjects": [{"name": "a man", "looks": "tall"}, ...], "actions": []}',
        '{"caption": "A man walks.", "subjects": [], "actions": {"walks", "sits"}}',
    ],
)
def test_what_is_no_json_or_breaks_off_is_malformed(text: str) -> None:
    cleaned = clean(text, FORM).text
    found = first_failed(GENERATIVE, Generation(text=cleaned), FORM)
    assert found is not None and found[0] == "malformed"


def test_a_caption_of_nothing_but_thoughts_is_empty() -> None:
    cleaned = clean(json.dumps({**FIELDS, "caption": "<think>Let me see"}), FORM).text
    assert first_failed((*ALWAYS, *GENERATIVE), Generation(text=cleaned), FORM) == ("empty", "the answer is empty")


def test_marks_stay_where_they_were_asked_for() -> None:
    text = "A man walks. [3] He knocks [4-5]."
    assert clean(text, Context(cites=True)).text == text
    assert clean(text, Context()).text == "A man walks. He knocks."


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (f"{FIRST} The description so far ending so: {SECOND}", f"{FIRST} {SECOND}"),
        (f"The description so far ended so: {FIRST}", FIRST),
        (f"{FIRST} Already written of this part: a dog runs.", f"{FIRST} A dog runs."),
    ],
)
def test_labels_of_the_prompt_are_removed_in_front_of_any_sentence(answer: str, left: str) -> None:
    about = replace(ABOUT, instructions=load_prompt("section").instructions)
    assert clean(answer, about).text == left


@pytest.mark.parametrize("prompt", ["section", "window", "frame", "lvd_clip", "window_evidence"])
@pytest.mark.parametrize(
    "text",
    [
        "The sign over the door reads: OPEN.",
        "One thing is clear: the door is red.",
        "What happens in this kitchen while the dough rests: a boy cleans the table.",
        "A girl reads. On the door one word is written: EXIT.",
        "A shelf stands there. The people on it, from left to right: a cup, a doll, a clown.",
        "Three people sit there. From left to right: a man, a woman and a child.",
        "T-34 – a Soviet tank – rolls through the mud.",
        "T-34: a tank rolls through the mud.",
        "The answer is 42 - a student writes it on the board.",
        "One video - 12 frames - plays on the phone that he holds.",
        "Alt - F4 is pressed on the keyboard.",
        "Looking at the pictures from left to right, a woman walks along the gallery.",
        "Moving the pictures left to right, a curator hangs the show.",
    ],
)
def test_words_in_front_of_colons_and_dashes_of_captions_stay(prompt: str, text: str) -> None:
    about = replace(ABOUT, instructions=load_prompt(prompt).instructions)
    assert clean(text, about).text == text


@pytest.mark.parametrize(
    ("marked", "left"),
    [
        ("**Video** games fill the shelf.", "Video games fill the shelf."),
        ("__Text__ in red letters appears on screen.", "Text in red letters appears on screen."),
        ("**Caption** A man walks along the shore.", "A man walks along the shore."),
    ],
)
def test_an_emphasised_word_is_a_label_only_in_front_of_a_sentence(marked: str, left: str) -> None:
    assert clean(marked, ABOUT).text == left


def test_an_answer_of_nothing_but_announcements_takes_no_quadratic_time() -> None:
    began = time.process_time()
    clean("Here we go: " * 3000, ABOUT)
    assert time.process_time() - began < 5

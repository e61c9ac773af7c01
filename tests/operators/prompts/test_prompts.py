from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from operators.prompts import load_prompt

BLANKS: dict[str, dict[str, Any]] = {
    "frame": {"language": "English"},
    "window": {
        "language": "English",
        "start_s": 5.0,
        "end_s": 15.0,
        "fields": False,
        "previous": "",
        "subtitles": [],
        "evidence": "",
    },
    "section": {
        "language": "English",
        "start_s": 0.0,
        "end_s": 60.0,
        "words": None,
        "topic": None,
        "plan": [],
        "number": 1,
        "told": "",
        "notes": [{"number": 1, "start_s": 5.0, "end_s": 15.0, "text": "a", "details": []}],
        "details": [],
        "more": "",
    },
    "video": {"language": "English", "duration_s": 60.0, "words": None, "texts": ["a"]},
    "digest": {"language": "English", "start_s": 0.0, "end_s": 60.0, "words": None, "texts": ["a"]},
    "outline": {"language": "English", "duration_s": 60.0, "words": 100, "texts": ["a"]},
    "repair": {
        "language": "English",
        "text": "A cat.",
        "texts": ["a"],
        "faults": [{"text": "A cat", "why": "unsupported"}],
    },
    "names": {
        "language": "English",
        "first": {"start_s": 0.0, "name": "a dog", "looks": ""},
        "second": {"start_s": 9.0, "name": "a brown dog", "looks": "with a collar"},
    },
}


@pytest.mark.parametrize("name", sorted(BLANKS))
def test_packaged_prompts_have_a_version_and_name_the_language(name: str) -> None:
    prompt = load_prompt(name)
    assert prompt.version.isdecimal()
    text = prompt.render(**{**BLANKS[name], "language": "Klingon"}).text
    assert "Klingon" in text
    assert "version" not in text
    assert "{" not in text


def test_optional_parts_stand_only_where_there_is_something_to_say() -> None:
    window = load_prompt("window")
    assert window.render(**BLANKS["window"]).text.count("\n") == 1
    full = window.render(
        **{**BLANKS["window"], "previous": "A dog barks.", "subtitles": ["Sit!"], "evidence": "The camera pans."}
    ).text
    assert "- Sit!" in full.splitlines()
    assert "JSON" not in full and "JSON" in window.render(**{**BLANKS["window"], "fields": True}).text
    assert full.splitlines()[-1] == "Measured in this stretch: The camera pans."
    assert "A dog barks." in full.splitlines()
    seen = [{"start_s": 3.0, "end_s": 3.0, "text": "seen"}]
    notes = [
        {"number": 1, "start_s": 0.0, "end_s": 10.0, "text": "one", "details": seen},
        {"number": 2, "start_s": 3605.0, "end_s": 3615.0, "text": "two", "details": []},
    ]
    section = load_prompt("section").render(**{**BLANKS["section"], "notes": notes, "words": 80}).text
    assert section.splitlines()[-3:] == ["[1] 0:00 to 0:10: one", "- at 0:03: seen", "[2] 1:00:05 to 1:00:15: two"]
    assert "About 80 words." in section
    plan = [{"start_s": 0.0, "end_s": 60.0, "topic": "Dogs"}, {"start_s": 60.0, "end_s": 120.0, "topic": "Cats"}]
    planned = load_prompt("section").render(**{**BLANKS["section"], "plan": plan, "number": 2}).text
    assert "you write number 2:\n1. 0:00 to 1:00: Dogs\n2. 1:00 to 2:00: Cats" in planned
    more = load_prompt("section").render(**{**BLANKS["section"], "told": "T.", "topic": "Dogs", "more": "So far."}).text
    assert "T." in more.splitlines() and "This part is about: Dogs" in more and more.splitlines()[-1] == "So far."


def test_the_frames_stand_behind_what_is_always_the_same() -> None:
    window = load_prompt("window")
    first = window.render(**BLANKS["window"])
    other = window.render(**{**BLANKS["window"], "start_s": 40.0, "end_s": 50.0, "previous": "A dog barks."})
    at = first.images_at
    assert at is not None and at == other.images_at
    assert first.text[:at] == other.text[:at]
    assert "A dog barks." in other.text[at:] and "40.0 s" in other.text[at:]
    # with nothing behind them they stand behind everything
    assert load_prompt("frame").render(**BLANKS["frame"]).images_at is None


def test_a_caption_is_never_read_as_a_template() -> None:
    text = (
        load_prompt("section")
        .render(
            **{**BLANKS["section"], "notes": [{**BLANKS["section"]["notes"][0], "text": "{{ language }} <b> & 'x'"}]}
        )
        .text
    )
    assert "0:15: {{ language }} <b> & 'x'" in text


def test_a_blank_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"prompt 'frame': 'language' is undefined"):
        load_prompt("frame").render()


def test_a_prompt_file_works_like_a_packaged_one_and_an_edit_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.j2"
    path.write_text("{#- version: 2024-b -#}\nTell it in {{ language }}.")
    first = load_prompt(str(path))
    assert (first.version, first.render(language="French").text) == ("2024-b", "Tell it in French.")
    before = path.stat()
    path.write_text("{#- version: 2024-b -#}\nSay it in {{ language }}!!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert load_prompt(str(path)).hash != first.hash


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Tell it.", "must begin with a line such as {# version: 1 #}"),
        ("{# version: 1 #}\nline\n{% if %}", "line 3"),
    ],
)
def test_a_broken_prompt_file_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.j2"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        load_prompt(str(path))
    assert says in str(error.value)
    assert str(path) in str(error.value)


def test_an_unknown_prompt_lists_the_packaged_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"no prompt 'widow': neither a file nor one of .*digest, .*frame, ",
    ):
        load_prompt("widow")


def changes(*notes: tuple[int, float, float, float, str], invalid: int | None = None) -> dict[str, Any]:
    """Notes of `sharegpt4video`: index in the segment, time of the key frame, start and end of the item, text."""
    spans = [{"start_s": start_s, "end_s": end_s} for _, _, start_s, end_s, _ in notes]
    return {
        "keyframes": [{**span, "at_s": note[1]} for span, note in zip(spans, notes, strict=True)],
        "changes": [
            {**span, "index": note[0], "text": note[4], "valid": k != invalid}
            for k, (span, note) in enumerate(zip(spans, notes, strict=True))
        ],
    }


NOTES = (
    (0, 0.0, 0.0, 4.0, "A man stands at a table."),
    (1, 4.0, 0.0, 20.0, "The man has left."),
    (2, 20.0, 4.0, 70.0, "A dog has come in."),
    (3, 70.0, 20.0, 120.0, "The light has gone out."),
    (0, 120.0, 120.0, 240.0, "A room is dark."),
)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 10), ["0:00: A man stands at a table.", "0:04: The man has left."]),
        ((30, 40), ["0:00: A man stands at a table.", "0:04: The man has left.", "0:20: A dog has come in."]),
        ((60, 71), [f"{at}: {note[4]}" for at, note in zip(("0:00", "0:04", "0:20", "1:10"), NOTES, strict=False)]),
        ((130, 140), ["2:00: A room is dark."]),  # a segment begins with a full description
    ],
)
def test_a_summary_gets_every_change_before_its_end_and_none_after_it(
    span: tuple[float, float], expected: list[str]
) -> None:
    blanks = {"language": "English", "start_s": span[0], "end_s": span[1]}
    prompt = load_prompt("summarise")
    assert prompt.names == {*blanks, "changes", "keyframes", "shrunk"}
    assert prompt.render(**blanks, **changes(*NOTES), shrunk=0).text.splitlines()[1:] == expected
    shorter = prompt.render(**blanks, **changes(*NOTES), shrunk=1).text.splitlines()[1:]
    assert shorter == expected[len(expected) - len(expected) // 2 :]
    invalid = prompt.render(**blanks, **changes(*NOTES, invalid=2), shrunk=0).text
    assert "dog" not in invalid


MEN = [
    {"name": "man", "mentions": [{"item": 0, "name": "man", "looks": "red coat"}]},
    {"name": "man (2)", "mentions": [{"item": k, "name": "man", "looks": "blue coat"} for k in (0, 1)]},
    {"name": "dog", "mentions": [{"item": k, "name": "puppy", "looks": ""} for k in (0, 1)]},
]


def test_two_of_a_scene_with_one_name_are_renamed_by_their_looks() -> None:
    def told(index: int, entities: list[dict[str, Any]]) -> list[str]:
        blanks = {"language": "English", "index": index, "item": {"text": "A man gives a man a bag."}}
        return load_prompt("mr_rewrite").render(**blanks, entities=entities).text.splitlines()[1:-1]

    puppy = '"puppy" is called "dog".'
    looks = [f'"man" that looks so: "{x} coat" is called "{n}".' for x, n in (("red", "man"), ("blue", "man (2)"))]
    assert told(0, MEN) == [*looks, puppy]
    assert told(1, MEN) == ['"man" is called "man (2)".', puppy]
    twins = [MEN[0], {"name": "man (2)", "mentions": [{"item": 0, "name": "Man", "looks": "Red coat"}]}, MEN[2]]
    assert told(0, twins) == [puppy], "no name may be given to the wrong one"

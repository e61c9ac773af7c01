from __future__ import annotations

import os
from pathlib import Path

import pytest

from operators.prompts import load_prompt

BLANKS = {
    "frame": {"language": "English"},
    "window": {"language": "English", "start_s": 5.0, "end_s": 15.0, "previous": "", "evidence": ""},
    "section": {"language": "English", "start_s": 0.0, "end_s": 60.0, "words": None, "texts": ["a"], "details": []},
    "video": {"language": "English", "duration_s": 60.0, "words": None, "texts": ["a"]},
}


@pytest.mark.parametrize("name", sorted(BLANKS))
def test_packaged_prompts_have_a_version_and_name_the_language(name: str) -> None:
    prompt = load_prompt(name)
    assert prompt.version == "1"
    text = prompt.render(**{**BLANKS[name], "language": "Klingon"})
    assert "Klingon" in text
    assert "version" not in text
    assert "{" not in text


def test_optional_parts_stand_only_where_there_is_something_to_say() -> None:
    window = load_prompt("window")
    assert window.render(**BLANKS["window"]).count("\n") == 0
    full = window.render(**{**BLANKS["window"], "previous": "A dog barks.", "evidence": "The camera pans."})
    assert full.splitlines()[-1] == "Measured in this stretch: The camera pans."
    assert "A dog barks." in full.splitlines()
    section = load_prompt("section").render(**{**BLANKS["section"], "texts": ["one", "two"], "words": 80})
    assert section.splitlines()[-2:] == ["- one", "- two"]
    assert "About 80 words." in section
    assert "Details" not in section
    assert "- seen" in load_prompt("section").render(**{**BLANKS["section"], "details": ["seen"]})


def test_a_caption_is_never_read_as_a_template() -> None:
    text = load_prompt("section").render(**{**BLANKS["section"], "texts": ["{{ language }} <b> & 'x'"]})
    assert "- {{ language }} <b> & 'x'" in text


def test_a_blank_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"prompt 'frame': 'language' is undefined"):
        load_prompt("frame").render()


def test_a_prompt_file_works_like_a_packaged_one_and_an_edit_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.j2"
    path.write_text("{#- version: 2024-b -#}\nTell it in {{ language }}.")
    first = load_prompt(str(path))
    assert (first.version, first.render(language="French")) == ("2024-b", "Tell it in French.")
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
    with pytest.raises(ValueError, match="no prompt 'widow': neither a file nor one of frame, section, video, window"):
        load_prompt("widow")

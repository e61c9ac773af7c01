"""The row of a long caption: sections, details, sums, provenance."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import pytest

from operators.core import rows
from operators.core.base import ItemError
from operators.core.grid import Span
from operators.narrate.narrate import Narrate
from operators.prompts import load_prompt
from tests.operators.narrate.films import facts, loaded, run
from tests.support.engines import say, video_seed
from tests.support.rows import captioned


def test_sections_tile_the_video_and_each_rests_on_its_windows() -> None:
    made, requests = run("tile", loaded())
    assert [(s["section_index"], s["start_s"], s["end_s"]) for s in made["sections"]] == [
        (0, 0.0, 50.0),
        (1, 50.0, 100.0),
    ]
    assert [s["windows"] for s in made["sections"]] == [list(range(10)), list(range(10, 19))]
    assert [r.kind for r in requests] == ["section", "section", "video"]
    assert [r.texts for r in requests[:2]] == [
        tuple(f"Window {k} is told." for k in range(10)),
        tuple(f"Window {k} is told." for k in range(10, 19)),
    ]
    assert [s["text"] for s in made["sections"]] == [say(r) for r in requests[:2]]


def test_the_whole_is_an_opening_and_the_sections() -> None:
    made, requests = run("whole", loaded())
    opening = requests[-1]
    assert (opening.start_s, opening.end_s) == (0.0, 100.0)
    assert opening.texts == tuple(s["text"] for s in made["sections"])
    assert made["caption"].split("\n\n") == [say(opening), *opening.texts]
    assert made["words"] == len(made["caption"].split())


def test_a_section_begins_where_something_changes() -> None:
    row = loaded(
        [
            captioned("v", 0, facts=facts(0.0, 60.0, 41.0)),
            captioned("v", 1, facts=facts(60.0, 100.0)),
        ]
    )
    made, requests = run("cut", row)
    assert [(s["start_s"], s["end_s"]) for s in made["sections"]] == [(0.0, 40.0), (40.0, 100.0)]
    for request in requests:
        assert request.facts is not None
        assert (request.facts.start_s, request.facts.end_s) == (request.start_s, request.end_s)


def test_details_are_the_frames_of_the_section() -> None:
    _, requests = run("details", loaded())
    first, second = (re.findall(r"^- at (\S+): (.*)$", r.prompt, re.MULTILINE) for r in requests[:2])
    assert first == [(f"0:{t:02}", f"A frame at {t} s.") for t in range(50)]
    assert second == [(f"{t // 60}:{t % 60:02}", f"A frame at {t} s.") for t in range(50, 100)]


def test_details_stand_below_the_caption_of_their_window() -> None:
    _, requests = run("below", loaded())
    blocks = requests[0].prompt.split("\n[")[1:]
    assert blocks[2].splitlines()[0] == "3] 0:10 to 0:20: Window 2 is told."
    assert re.findall(r"at (\S+): ", blocks[2]) == [f"0:{t}" for t in range(10, 15)]


def test_what_has_no_caption_is_never_told() -> None:
    bad = captioned("v", 1, invalid=(16, 17, 18))
    bad["frames"][2].update(valid=False, text="")
    made, requests = run("gaps", loaded([captioned("v", 0, invalid=(0, 4)), bad]))
    first, second = made["sections"]
    assert (first["start_s"], first["end_s"], first["windows"]) == (5.0, 50.0, [1, 2, 3, 5, 6, 7, 8, 9])
    assert (second["start_s"], second["end_s"], second["windows"]) == (50.0, 80.0, [10, 11, 12, 13, 14, 15])
    for request in requests[:2]:
        assert "" not in request.texts
        assert "- \n" not in request.prompt + "\n"
    assert "A frame at 85 s." not in requests[1].prompt
    assert "A frame at 2 s." not in requests[0].prompt
    assert (made["windows"], made["windows_captioned"], made["coverage"]) == (19, 14, 0.7)
    assert made["integrity"] is False


def test_a_section_of_which_nothing_was_seen_is_left_out() -> None:
    made, _ = run("half", loaded([captioned("v", 0)]))
    # what is known of the first segment reaches to 60 s
    assert [(s["section_index"], s["start_s"], s["end_s"]) for s in made["sections"]] == [
        (0, 0.0, 50.0),
        (1, 50.0, 60.0),
    ]
    assert (made["segments_captioned"], made["coverage"], made["integrity"]) == (1, 0.6, False)
    made, _ = run("half", loaded([captioned("v", 1)]), section_s=20.0)
    assert [(s["section_index"], s["start_s"]) for s in made["sections"]] == [(0, 60.0), (1, 75.0)]


def test_sums_over_the_segments() -> None:
    segments = [captioned("v", 0, missing=[Span(10, 14)], damaged=3), captioned("v", 1, damaged=2)]
    made, _ = run("sums", loaded(segments))
    assert (made["decoded_s"], made["damaged_packets"], made["coverage"], made["integrity"]) == (96.0, 5, 0.96, False)
    made, _ = run("sums", loaded())
    assert (made["decoded_s"], made["damaged_packets"], made["coverage"], made["integrity"]) == (100.0, 0, 1.0, True)
    made, _ = run("sums", loaded() | {"incomplete": "the header claims 3.6e+11 s and the file holds 100 s"})
    assert (made["coverage"], made["integrity"]) == (1.0, False)


@pytest.mark.parametrize(
    ("rule", "failure_class", "what"),
    [
        (
            {"kind": "section", "start_s": 50.0, "do": "empty"},
            "gate",
            "the section from 50 s to 100 s could not be narrated",
        ),
        (
            {"kind": "section", "start_s": 0.0, "do": "engine"},
            "engine",
            "the section from 0 s to 50 s could not be narrated",
        ),
        ({"kind": "video", "do": "loop"}, "gate", "the video from 0 s to 100 s could not be narrated"),
        ({"kind": "video", "do": "internal"}, "internal", "RuntimeError: the engine has a bug"),
    ],
)
def test_one_bad_section_fails_the_video(rule: dict[str, Any], failure_class: str, what: str) -> None:
    with pytest.raises(ItemError, match=what) as error:
        run("bad", loaded(), script=[rule], tries=2, fallback="fail")
    assert (error.value.failure_class, error.value.attempts) == (failure_class, 2)


def test_a_section_may_be_told_at_the_second_try() -> None:
    made, _ = run("second", loaded(), script=[{"kind": "section", "do": "truncate", "times": 1}])
    assert f"seed {video_seed('v') + 1}" in made["sections"][0]["text"]


def test_a_video_without_any_caption_has_nothing_to_tell() -> None:
    empty = [captioned("v", 0, invalid=tuple(range(12))), captioned("v", 1, invalid=tuple(range(12, 19)))]
    with pytest.raises(ItemError, match="nothing to tell") as error:
        run("nothing", loaded(empty))
    assert error.value.failure_class == "gate"


def test_wanted_words_and_language_reach_the_prompts() -> None:
    _, requests = run("words", loaded(), target_words=154, language="French")
    sections, opening = requests[:-1], requests[-1]
    assert all("About 77 words." in r.prompt and "in French" in r.prompt for r in sections)
    assert [r.words for r in requests] == [77, 77, None]
    assert "in French" in opening.prompt


def test_equal_input_gives_an_equal_row_that_fits_its_schema() -> None:
    made, _ = run("equal", loaded())
    again, _ = run("equal", loaded())
    assert made == again
    kept = {n: made.get(n) for n in rows.LONG_CAPTION.names}
    assert pa.Table.from_pylist([kept], schema=rows.LONG_CAPTION).to_pylist() == [kept]
    assert set(made) >= Narrate.writes


def test_the_provenance_says_by_what_and_how() -> None:
    made, _ = run("provenance", loaded())
    about = made["provenance"]
    assert (about["engine"], about["model"]) == ("Scripted", "scripted")
    prompts = {name: load_prompt(name) for name in ("section", "video", "digest", "outline", "repair")}
    assert json.loads(about["prompts"]) == {n: {"version": p.version, "hash": p.hash} for n, p in prompts.items()}
    assert json.loads(about["sampling"]) == {"seed": video_seed("v"), "tries": 3}


def test_the_built_in_engine_tells_a_whole_video() -> None:
    row = loaded([captioned("v", 0, facts=facts(0.0, 60.0, 41.0)), captioned("v", 1, facts=facts(60.0, 100.0))])
    with Narrate().open() as apply:
        made = apply(row)
    assert len(made["sections"]) == 2
    assert all(s["text"] for s in made["sections"])
    assert made["integrity"] is True

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest

from operators.analysis.facts import Camera, Facts, Light, Piece, Transition
from operators.core import rows
from operators.core.base import ItemError, Row
from operators.core.grid import Span
from operators.engines.base import Request, RunningEngine
from operators.narrate.narrate import Narrate
from operators.prompts import load_prompt
from tests.support.engines import Model, Scripted, asked, say, video_seed
from tests.support.rows import LAYOUT, captioned, told, usage

# 100 s in segments of 60 and 40 s; two sections of 50 s where no cut draws the boundary elsewhere


def loaded(segments: list[Row] | None = None, *, count: int = 2) -> Row:
    """The row that a narrator gets: facts of the video, and its captioned segments."""
    captions = [captioned("v", 0), captioned("v", 1)] if segments is None else segments
    return {**told("v"), "captioned": captions, "segments": count, **LAYOUT}


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    engine = Scripted(script=json.dumps(script or []), log=f"narrate {log}")
    with Narrate(engine=engine, **options).open() as apply:
        return apply(row), asked(f"narrate {log}")


def facts(start_s: float, end_s: float, *cuts_s: float) -> str:
    pieces = tuple(
        Piece(
            start_s=t, end_s=t + 5.0, camera=Camera(state="still"), light=Light(level="bright", mean=0.7, contrast=0.1)
        )
        for t in range(int(start_s), int(end_s), 5)
    )
    cuts = tuple(Transition(kind="cut", start_s=t, end_s=t) for t in cuts_s)
    return Facts(start_s=start_s, end_s=end_s, transitions=cuts, pieces=pieces).dump()


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
            "the section from 50 s to 100 s could not be told",
        ),
        (
            {"kind": "section", "start_s": 0.0, "do": "engine"},
            "engine",
            "the section from 0 s to 50 s could not be told",
        ),
        ({"kind": "video", "do": "loop"}, "gate", "the video from 0 s to 100 s could not be told"),
        ({"kind": "video", "do": "internal"}, "internal", "RuntimeError: the engine has a bug"),
    ],
)
def test_one_bad_section_fails_the_video(rule: dict[str, Any], failure_class: str, what: str) -> None:
    with pytest.raises(ItemError, match=what) as error:
        run("bad", loaded(), script=[rule], tries=2, untold="fail")
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


# -- with a model ------------------------------------------------------------------------------------------------------

PLACES = ("kitchen", "garden", "harbour", "station", "market", "library", "workshop", "stairway", "bridge", "bakery")
PEOPLE = ("baker", "sailor", "painter", "nurse", "drummer", "gardener", "pilot", "tailor", "farmer", "waiter", "judge")
DEEDS = ("lifts a heavy crate", "counts silver coins", "folds a paper map", "waves to the crowd", "ties a long rope")
COLOURS = ("red", "blue", "green", "yellow", "grey", "violet", "orange")


def varied(k: int) -> str:
    """The caption of window `k` of a film in which much happens."""
    person, colour, place = PEOPLE[k % 11], COLOURS[k % 7], PLACES[k // 6 % 10]
    return (
        f"A {person} with a {colour} hat number {k} {DEEDS[k % 5]} in the {place}. "
        f"Behind the {person} hangs a {COLOURS[(k + 3) % 7]} lamp beside poster {k + 200}."
    )


def film(*, minutes: int = 10, text: Callable[[int], str] = varied, frame: str | None = "A lamp at {t} s.") -> Row:
    """A whole video in segments of a minute, its windows told by `text`."""
    duration_s = 60.0 * minutes
    segments = [captioned("v", k, duration_s=duration_s) for k in range(minutes)]
    for segment in segments:
        for window in segment["windows"]:
            window["text"] = text(window["window_index"])
        segment["frames"] = [{**f, "text": frame.format(t=f["time_s"])} for f in segment["frames"]] if frame else []
    return {**loaded(segments, count=minutes), "duration_s": duration_s}


def model(
    log: str, row: Row, *, script: list[dict[str, Any]] | None = None, context: int | None = None, **options: Any
) -> tuple[Row, list[Request]]:
    engine = Model(script=json.dumps(script or []), log=f"model {log}", context=context)
    with Narrate(engine=engine, **options).open() as apply:
        return apply(row), asked(f"model {log}")


def check_citations(made: Row, windows: range) -> None:
    """Every sentence rests on windows of its section, and sections take the windows in turn."""
    assert [w for s in made["sections"] for w in s["windows"]] == list(windows)
    for section in made["sections"]:
        assert section["text"] == " ".join(s["text"] for s in section["sentences"])
        assert section["sentences"]
        for sentence in section["sentences"]:
            assert sentence["windows"] and set(sentence["windows"]) <= set(section["windows"])


def test_ten_minutes_become_more_than_a_thousand_words_without_repetition() -> None:
    made, requests = model("long", film(), words_per_minute=120.0)
    assert made["words"] > 1000
    assert sum(len(s["text"].split()) for s in made["sections"]) > 1000
    check_citations(made, range(119))
    for section in made["sections"]:
        told = [s["text"] for s in section["sentences"]]
        assert len(set(told)) == len(told)
    assert made["integrity"] is True
    assert [s["problem"] for s in made["sections"]] == [None] * 10
    kinds = [r.kind for r in requests]
    # the last request is for an opening that does not repeat the sections: this model knows no other words
    assert (kinds[0], kinds[-2:], set(kinds[1:-2])) == ("outline", ["video", "repair"], {"section"})
    assert (made["wanted_words"], made["repeated_sentences"]) == (sum(s["wanted_words"] for s in made["sections"]), 0)
    for section in made["sections"]:
        assert section["length"] is None
        assert 0.9 <= len(section["text"].split()) / section["wanted_words"] <= 1.25


def test_sentences_cite_the_window_that_says_them() -> None:
    made, _ = model("cite", film(), words_per_minute=120.0)
    for section in made["sections"]:
        for sentence in section["sentences"]:
            for number in re.findall(r"number (\d+)", sentence["text"]):
                assert int(number) in sentence["windows"]


def test_the_text_so_far_is_in_the_next_prompt() -> None:
    made, requests = model("so far", film(), words_per_minute=60.0, continuations=0)
    sections = [r for r in requests if r.kind == "section"]
    assert "The description so far ends so:" not in sections[0].prompt
    for before, request in zip(made["sections"], sections[1:], strict=False):
        assert before["sentences"][-1]["text"] in request.prompt


@pytest.mark.parametrize("context", [600, 400])
def test_a_small_context_reduces_everything_and_keeps_the_citations(context: int) -> None:
    made, requests = model(f"small {context}", film(), context=context, words_per_minute=60.0)
    check_citations(made, range(119))
    engine = Model(context=context)
    with engine.open() as running:
        fitting = [r for r in requests if r.kind == "section"]
        assert fitting and all(len(r.prompt.split()) + running.answer_tokens(r) <= context for r in fitting)
    assert any(r.kind == "digest" for r in requests)
    assert made["coverage"] == 1.0


@pytest.mark.parametrize("context", [60, 150, 250])
def test_a_context_too_small_for_any_prompt_lets_the_captions_stand(context: int) -> None:
    made, _ = model(f"tiny {context}", film(minutes=2), context=context, words_per_minute=60.0)
    check_citations(made, range(23))
    assert made["caption"].split("\n\n")[0]
    if context == 60:
        assert made["integrity"] is False
        assert all("the model has room for" in s["problem"] for s in made["sections"])


class Stingy(Model):
    """Counts fewer tokens than a prompt takes, as a tokenizer does that sees the parts of it apart."""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with Model.open(self) as running:
            running.count_tokens = lambda text: len(text.split()) * 2 // 3  # type: ignore[method-assign]
            yield running


def test_a_prompt_too_long_in_spite_of_counting_is_made_smaller() -> None:
    with Narrate(engine=Stingy(context=700, log="stingy"), words_per_minute=60.0).open() as apply:
        made = apply(film())
    check_citations(made, range(119))
    assert [s["problem"] for s in made["sections"]] == [None] * 10
    assert made["integrity"] is True


# -- planning ----------------------------------------------------------------------------------------------------------


def test_the_outline_gives_topics_and_words() -> None:
    made, requests = model("outline", film(), words_per_minute=60.0, continuations=0)
    outline, *sections = [r for r in requests if r.kind not in ("video", "repair")]
    assert outline.schema is not None and len(outline.texts) == 10
    assert "600 words" in outline.prompt
    planned = [t.split(".")[0][:100] for t in outline.texts]
    assert [s["topic"] for s in made["sections"]] == planned
    for number, request in enumerate(sections, 1):  # each section sees the whole plan
        assert f"you write number {number}:" in request.prompt
        assert all(topic in request.prompt for topic in planned)
    words = [s["wanted_words"] for s in made["sections"]]
    assert all(25 <= w <= 120 for w in words)
    assert abs(sum(words) - 600) <= 10


def test_the_outline_sees_one_sentence_of_every_window() -> None:
    _, requests = model("every window", film(), words_per_minute=60.0)
    (outline,) = [r for r in requests if r.kind == "outline"]
    assert all(f"number {k} " in outline.prompt or f"poster {k + 200}." in outline.prompt for k in range(119))
    _, requests = model("every window", film(), words_per_minute=60.0, context=2400)
    (outline,) = [r for r in requests if r.kind == "outline"][-1:]
    assert sum(len(t.split(". ")) for t in outline.texts) == 119  # shorter sentences, of all the same
    assert len(outline.prompt.split()) < 2400


@pytest.mark.parametrize("rule", [{"do": "empty"}, {"do": "engine"}, {"do": "say", "text": '{"sections": []}'}])
def test_without_a_good_outline_time_shares_the_words_out(rule: dict[str, Any]) -> None:
    script = [{"kind": "outline", **rule}]
    made, requests = model(f"even {rule}", film(), script=script, words_per_minute=60.0, continuations=0, tries=2)
    words = [s["wanted_words"] for s in made["sections"]]
    # a section is 11 or 12 cells of 5 s, the last one more
    assert set(words) <= {55, 60, 65} and abs(sum(words) - 600) <= 10
    assert [s["topic"] for s in made["sections"]] == [None] * 10
    assert [r.kind for r in requests].count("outline") == 2
    assert made["integrity"] is True  # a plan is a help, no part of what is told


@pytest.mark.parametrize(
    "options", [{"outline": False, "words_per_minute": 60.0}, {"outline": True}, {"section_s": 600.0}]
)
def test_no_outline_is_asked_for_where_there_is_nothing_to_plan(options: dict[str, Any]) -> None:
    _, requests = model(f"unplanned {options}", film(), **options)
    assert not any(r.kind == "outline" for r in requests)


# -- sections ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Writer(Model):
    """Writes `factor` times what it is asked for, and begins every section alike."""

    factor: float = 1.0

    def good(self, request: Request) -> str:
        if request.kind == "repair":
            return request.prompt.split("The paragraph:\n")[1].split("\n\nWhat is wrong")[0]
        if request.kind == "outline":
            return super().good(request)
        told = super().good(replace(request, words=round((request.words or 100) * self.factor)))
        return f"In this part of the video, {told[:1].lower()}{told[1:]}"


@pytest.mark.parametrize("factor", [0.35, 0.7, 1.6, 2.5])
def test_sections_are_as_long_as_wanted_whatever_a_model_makes_of_a_number(factor: float) -> None:
    def rich(k: int) -> str:
        return f"{varied(k)} The {PEOPLE[(k + 4) % 11]} at table {k + 500} drinks from a cup with the number {k + 900}."

    with Narrate(engine=Writer(factor=factor), words_per_minute=120.0).open() as apply:
        made = apply(film(text=rich))
    for section in made["sections"]:
        assert 0.9 <= len(section["text"].split()) / section["wanted_words"] <= 1.25, section["length"]
        assert section["length"] is None
    assert 0.9 <= made["words"] / made["wanted_words"] <= 1.25
    assert "In this part" not in made["caption"]
    assert made["repeated_sentences"] == 0


def test_a_short_section_is_gone_on_with() -> None:
    short = varied(0).split(". ")[0] + "."
    script = [{"kind": "section", "start_s": 0.0, "do": "say", "text": short, "times": 1}]
    made, requests = model("short", film(minutes=2), script=script, target_words=200, outline=False)
    first = [r for r in requests if r.kind == "section" and r.start_s == 0.0]
    assert f"go on from there with details of the captions that it leaves out:\n{short}" in first[1].prompt
    assert first[0].words == 100
    assert (first[1].words or 0) > 100  # of one who writes 15 words for 100, more is asked
    told = made["sections"][0]
    assert told["text"].startswith(short) and 90 <= len(told["text"].split()) <= 125
    assert len({s["text"] for s in told["sentences"]}) == len(told["sentences"])
    check_citations(made, range(23))


@pytest.mark.parametrize(
    "again",
    [
        {"do": "say", "text": "A baker with a red hat number 0 lifts a heavy crate in the kitchen."},  # the same
        {"do": "say", "text": "Elephants dance on Jupiter in purple clouds of gas."},  # rests on nothing
        {"do": "engine"},
    ],
)
def test_a_continuation_that_adds_nothing_is_the_end(again: dict[str, Any]) -> None:
    short = varied(0).split(". ")[0] + "."
    script = [
        {"kind": "section", "start_s": 0.0, "do": "say", "text": short, "times": 1},
        {"kind": "section", "start_s": 0.0, **again},
    ]
    made, requests = model(f"end {again}", film(minutes=2), script=script, target_words=200, outline=False)
    assert made["sections"][0]["text"] == short
    assert made["sections"][0]["length"] == (
        f"{len(short.split())} of 100 words: a continuation added nothing new that the captions support"
    )
    assert len([r for r in requests if r.kind == "section" and r.start_s == 0.0]) == 1 + 3  # tries
    assert (made["sections"][0]["problem"], made["integrity"]) == (None, True)


def test_continuations_are_bounded() -> None:
    row = film(minutes=2)
    parts = [varied(k).split(". ")[0] + "." for k in range(4)]
    script = [{"kind": "section", "start_s": 0.0, "do": "say", "text": t, "times": 1} for t in parts]
    made, requests = model("bounded", row, script=script, target_words=2000, outline=False, continuations=2)
    assert len([r for r in requests if r.kind == "section" and r.start_s == 0.0]) == 3
    assert len(made["sections"][0]["sentences"]) == 3


def test_sentences_that_no_caption_supports_are_left_out() -> None:
    good = varied(3).split(". ")[0] + "."
    text = f"Elephants dance on Jupiter. {good} Nobody knows why submarines sing opera."
    script = [{"kind": "section", "start_s": 0.0, "do": "say", "text": text}]
    made, _ = model("unsupported", film(minutes=2), script=script, continuations=0, repair=False)
    assert made["sections"][0]["text"] == good
    assert [c["why"] for c in made["sections"][0]["cut"]] == ["unsupported"] * 2
    assert 3 in made["sections"][0]["sentences"][0]["windows"]
    assert "Elephants" not in made["caption"]


def test_marks_of_the_model_are_taken_as_citations_and_out_of_the_text() -> None:
    text = (
        "A sailor with a blue hat number 1 counts silver coins in the kitchen [2]. A tailor with a red hat waves [8]."
    )
    script = [{"kind": "section", "start_s": 0.0, "do": "say", "text": text}]
    made, requests = model("marks", film(minutes=2), script=script, continuations=0, repair=False)
    assert "\n[2] 0:05 to 0:15: A sailor" in requests[0].prompt  # the mark names the caption of window 1
    one, two = made["sections"][0]["sentences"]
    assert (one["text"], one["windows"]) == (text.split(" [2]", maxsplit=1)[0] + ".", [1])
    assert two["text"] == "A tailor with a red hat waves." and 7 in two["windows"]


def test_a_sentence_that_says_how_well_it_is_supported() -> None:
    made, _ = model("scores", film(minutes=2), words_per_minute=60.0)
    for sentence in (s for section in made["sections"] for s in section["sentences"]):
        scores = sentence["grounding"]
        assert scores["support"] > 0.5 and scores["lexical"] > 0.5
        assert scores["embedding"] is None and scores["entailment"] is None


def test_unsupported_clauses_are_repaired_by_one_request_and_cut_where_that_fails() -> None:
    good = varied(3).split(". ")[0]
    script = [
        {"kind": "section", "start_s": 0.0, "do": "say", "text": f"{good}, and a dragon burns the castle down."},
        {"kind": "repair", "start_s": 0.0, "do": "say", "text": f"{good}. {varied(4)}", "times": 1},
    ]
    made, requests = model("repair", film(minutes=1), script=script)
    repair, *_ = [r for r in requests if r.kind == "repair"]
    assert '- "a dragon burns the castle down." (no note says so)' in repair.prompt
    assert made["sections"][0]["text"] == f"{good}. {varied(4)}"
    script[1]["text"] = f"{good} [4]. {varied(4)} [5]"  # the repaired paragraph may cite, too
    made, _ = model("repair cites", film(minutes=1), script=script)
    assert made["sections"][0]["text"] == f"{good}. {varied(4)}"
    assert made["sections"][0]["sentences"][0]["windows"] == [3]
    script[1] |= {"do": "engine"}
    made, requests = model("repair fails", film(minutes=1), script=script)
    assert made["sections"][0]["text"] == f"{good}."
    assert made["sections"][0]["cut"] == [{"text": "a dragon burns the castle down.", "why": "unsupported"}]
    assert len([r for r in requests if r.kind == "repair" and "dragon" in r.prompt]) == 1
    assert made["integrity"] is True


def test_the_opening_is_grounded_in_the_sections_and_does_not_repeat_them() -> None:
    own = "The baker lifts a crate and the sailor counts coins in the kitchen."
    text = f"{varied(0).split('. ')[0]}. {own} A rocket flies to the moon."
    script = [{"kind": "video", "do": "say", "text": text}]
    made, _ = model("opening", film(minutes=1), script=script, repair=False)
    assert made["opening"]["text"] == made["caption"].split("\n\n")[0] == own
    assert [c["text"] for c in made["opening"]["cut"]] == ["A rocket flies to the moon."]
    (sentence,) = made["opening"]["sentences"]
    assert {0, 1} <= set(sentence["windows"])


def test_what_fits_is_not_digested() -> None:
    row = film(minutes=2, frame="A lamp numbered {t} hangs over shelf {t}.")
    taken = []
    model("count", row, words_per_minute=60.0)
    for request in asked("model count"):
        taken.append(len(request.prompt.split()))
    made, requests = model("fits", row, words_per_minute=60.0, context=max(taken) + 48 + 12 * 80 + 400)
    assert not any(r.kind == "digest" for r in requests)
    details = [d for r in requests if r.kind == "section" for d in re.findall(r"over shelf ([\d.]+)\.", r.prompt)]
    assert {int(float(d)) for d in details} == set(range(120))
    assert made["integrity"] is True


BAD = {
    "loop": {"do": "loop"},
    "refusal": {"do": "say", "text": "I'm sorry, but I cannot see the video."},
    "unsupported": {"do": "say", "text": "Elephants dance on Jupiter."},
    "language": {"do": "say", "text": "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält dort an."},
    "late": {"do": "say", "text": varied(0).replace("in the", "at 59:10 in the").replace("Behind", "At 59:10 behind")},
}


@pytest.mark.parametrize("bad", BAD)
def test_captions_stand_for_a_section_that_a_model_cannot_tell(bad: str) -> None:
    script = [{"kind": "section", "start_s": 0.0, **BAD[bad]}]
    made, requests = model(f"untold {bad}", film(minutes=2), script=script, words_per_minute=60.0, tries=2)
    first, second = made["sections"]
    assert first["problem"] and second["problem"] is None
    assert first["attempts"] == 2
    assert first["length"].endswith(
        f"of {first['wanted_words']} words: the model gave no good answer, and the captions' own sentences stand for it"
    )
    assert second["length"] is None
    assert first["text"].startswith("From 0:00 to 0:10: A baker with a red hat number 0 lifts a heavy crate")
    check_citations(made, range(23))
    assert made["integrity"] is False
    assert made["coverage"] == 1.0
    assert len(made["usage"]["rejected"]) >= 2
    assert len([r for r in requests if r.kind == "section" and r.start_s == 0.0]) == 2


@pytest.mark.parametrize("bad", BAD)
def test_or_the_video_fails(bad: str) -> None:
    script = [{"kind": "section", "start_s": 0.0, **BAD[bad]}]
    with pytest.raises(ItemError, match="the section from 0 s to 60 s could not be told: ") as error:
        model(f"fail {bad}", film(minutes=2), script=script, tries=2, untold="fail")
    assert (error.value.failure_class, error.value.attempts) == ("gate", 2)


@pytest.mark.parametrize("kind", ["section", "video"])
@pytest.mark.parametrize("untold", ["captions", "fail"])
@pytest.mark.parametrize("do", ["engine", "out_of_memory", "internal"])
def test_a_failing_engine_fails_the_video_whatever_may_stand_in(kind: str, untold: str, do: str) -> None:
    with pytest.raises(ItemError) as error:
        model(f"dead {kind} {untold} {do}", film(minutes=2), script=[{"kind": kind, "do": do}], tries=2, untold=untold)
    assert (error.value.failure_class, error.value.attempts) == (do, 2)


def test_first_sentences_stand_for_an_opening_that_a_model_cannot_tell() -> None:
    script = [{"kind": "video", "do": "loop"}]
    made, _ = model("no opening", film(), script=script, words_per_minute=60.0, opening_words=40)
    opening = made["caption"].split("\n\n")[0]
    assert opening.startswith(made["sections"][0]["sentences"][0]["text"])
    assert len(opening.split()) <= 40
    assert made["integrity"] is False
    with pytest.raises(ItemError, match="the video from 0 s to 600 s could not be told"):
        model("no opening fails", film(), script=script, untold="fail")


# -- what videos are like ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["An empty street in the rain.", "雨中空无一人的街道。", "बारिश में एक खाली सड़क।", "Hm."]
)
def test_a_video_in_which_nothing_changes_still_gets_a_row(text: str) -> None:
    row = film(text=lambda k: text, frame=text)
    made, _ = model(f"static {text}", row, words_per_minute=120.0, language="any")
    assert len(made["sections"]) == 10
    # what is too short for a model's answer stands as a quotation, with its time
    assert {s["text"].split(": ")[-1] for s in made["sections"]} == {text}
    check_citations(made, range(119))


def test_a_film_in_another_language_reaches_every_prompt() -> None:
    def french(k: int) -> str:
        return f"Un homme portant un chapeau numéro {k} marche lentement dans la rue vers la gare de la ville."

    row = film(text=french, frame="Une lampe éclaire le mur de la rue.")
    made, requests = model("french film", row, context=600, words_per_minute=60.0, language="French")
    assert {r.kind for r in requests} == {"outline", "digest", "section", "video"}
    assert all("in French" in r.prompt for r in requests)
    assert made["integrity"] is True


def test_equal_films_give_equal_rows() -> None:
    first, _ = model("film one", film(), context=800, words_per_minute=60.0)
    second, _ = model("film two", film(), context=800, words_per_minute=60.0)
    assert first == second
    kept = {n: first.get(n) for n in rows.LONG_CAPTION.names}
    assert pa.Table.from_pylist([kept], schema=rows.LONG_CAPTION).to_pylist() == [kept]


def test_usage_is_summed_over_all_requests_and_what_came_before() -> None:
    row = {**film(), "usage": usage()}
    made, requests = model("usage", row, context=800, words_per_minute=60.0)
    answered = made["usage"]["output_tokens"] - 5
    assert 12 <= answered <= len(requests)
    assert made["usage"]["prompt_tokens"] == 10


def quoting(row: Row) -> Row:
    with Narrate(section_s=50.0).open() as tell:
        return tell(row)


def test_measure_quotes_the_captions_of_another_engine() -> None:
    made = quoting(loaded())
    assert made["sections"][0]["text"].startswith("From 0:00 to 0:10: Window 0 is told. From 0:05 to 0:15: Window 1 is")
    said = [s for section in made["sections"] for s in section["sentences"]]
    assert [s["windows"] for s in said] == [[k] for k in range(19)]
    assert made["caption"].startswith(
        "Window 0 is told. Window 10 is told.\n\n"
    )  # nothing was measured: it quotes, too


def test_what_both_sides_of_a_section_say_is_quoted_once() -> None:
    segments = [captioned("v", k) for k in range(2)]
    for window in (w for s in segments for w in s["windows"]):
        window["text"] = "A dog barks. A cat sleeps." if window["window_index"] in (9, 10) else "It rains."
    text = quoting(loaded(segments))["caption"]
    assert text.count("A dog barks. A cat sleeps.") == 1


def test_where_it_measured_itself_it_tells_from_what_was_measured() -> None:
    provenance = {"engine": "measure", "model": "m", "revision": "1", "prompts": "{}", "sampling": "{}"}
    segments = [
        captioned("v", 0, facts=facts(0.0, 60.0), provenance=provenance),
        captioned("v", 1, facts=facts(60.0, 100.0), provenance=provenance),
    ]
    assert "is told" not in quoting(loaded(segments))["caption"]


def test_captions_come_to_a_model_with_their_times() -> None:
    _, requests = run("times", loaded())
    assert "[2] 0:05 to 0:15: Window 1 is told." in requests[0].prompt.splitlines()

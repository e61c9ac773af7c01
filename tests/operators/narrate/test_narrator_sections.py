"""Sections that a model writes: lengths, continuations, grounding, and what stands in where it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from operators.core.base import ItemError, Row
from operators.engines.base import Request
from operators.language.sentences import split_sentences
from operators.narrate.narrate import Narrate
from pipeline.output.annotations import opening_of
from tests.operators.narrate.films import PEOPLE, check_citations, film, model, varied
from tests.support.engines import Model, asked


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


@pytest.mark.parametrize(
    ("minutes", "factor"), [*((10, factor) for factor in (0.35, 0.6, 1.0, 1.6, 2.5)), (60, 0.35), (60, 1.0), (60, 2.5)]
)
def test_sections_are_as_long_as_wanted_whatever_a_model_makes_of_a_number(minutes: int, factor: float) -> None:
    def rich(k: int) -> str:
        return f"{varied(k)} The {PEOPLE[(k + 4) % 11]} at table {k + 500} drinks from a cup with the number {k + 900}."

    log = f"length {minutes} {factor}"
    with Narrate(engine=Writer(factor=factor, context=20_000, log=log), words_per_minute=120.0).open() as apply:
        made = apply(film(minutes=minutes, text=rich))
    assert len(made["sections"]) == minutes
    for section in made["sections"]:
        assert 0.9 <= len(section["text"].split()) / section["wanted_words"] <= 1.25, section["length"]
        assert section["length"] is None
    assert 0.9 <= made["words"] / made["wanted_words"] <= 1.25
    assert "In this part" not in made["caption"]
    openings = [split_sentences(section["text"])[0] for section in made["sections"]]
    assert len(set(openings)) == minutes
    assert made["repeated_sentences"] == 0
    assert not any(request.kind == "digest" for request in asked(log)), "all of it fits"


@dataclass(frozen=True, kw_only=True)
class Citing(Model):
    """Cites two captions in every sentence."""

    def good(self, request: Request) -> str:
        told = super().good(request)
        return told if request.kind != "section" else told.replace(". ", " [1] [2]. ")


def test_marks_are_no_words_that_a_model_has_written() -> None:
    def words(spec: type[Model]) -> list[int | None]:
        with Narrate(engine=spec(log=spec.__name__), words_per_minute=120.0, outline=False).open() as apply:
            apply(film(minutes=3))
        return [r.words for r in asked(spec.__name__) if r.kind in ("section", "video")]

    assert words(Citing) == words(Model)


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
    script[1] |= {"do": "loop"}
    made, requests = model("repair fails", film(minutes=1), script=script)
    assert made["sections"][0]["text"] == f"{good}."
    assert made["sections"][0]["cut"] == [{"text": "a dragon burns the castle down.", "why": "unsupported"}]
    assert len([r for r in requests if r.kind == "repair" and "dragon" in r.prompt]) == 1
    assert made["integrity"] is True


def test_the_opening_is_grounded_in_the_sections_and_does_not_repeat_them() -> None:
    own = "The baker lifts a crate and the sailor counts coins in the kitchen."
    again = f"{varied(0).split('. ')[0]}."
    text = f"{again} {own} A rocket flies to the moon."
    script = [{"kind": "video", "do": "say", "text": text}]
    made, _ = model("opening", film(minutes=1), script=script, repair=False)
    assert made["opening"]["text"] == made["caption"].split("\n\n")[0] == own
    cut = {c["text"]: c["why"] for c in made["opening"]["cut"]}
    assert cut == {"A rocket flies to the moon.": "unsupported", again: "repeated"}
    (sentence,) = made["opening"]["sentences"]
    assert {0, 1} <= set(sentence["windows"])

    script[0]["text"] = again
    made, _ = model("no opening", film(minutes=1), script=script, repair=False)
    assert made["opening"]["text"] == "" and made["opening"]["sentences"] == []
    assert made["caption"] == "\n\n".join(s["text"] for s in made["sections"]) and opening_of(made) == ""


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
    made, requests = model(f"fallback {bad}", film(minutes=2), script=script, words_per_minute=60.0, tries=2)
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
    with pytest.raises(ItemError, match="the section from 0 s to 60 s could not be narrated: ") as error:
        model(f"fail {bad}", film(minutes=2), script=script, tries=2, fallback="fail")
    assert (error.value.failure_class, error.value.attempts) == ("gate", 2)


@pytest.mark.parametrize("kind", ["outline", "section", "repair", "continuation", "video"])
def test_a_caption_does_not_depend_on_failures_of_the_engine(kind: str) -> None:
    good = varied(3).split(". ")[0] + "."
    text = f"Elephants dance on Jupiter. {good} Nobody knows why submarines sing opera."
    draft = {"kind": "section", "start_s": 0.0, "do": "say", "text": text, "times": 1}
    failing = {"kind": "section", "start_s": 0.0} if kind == "continuation" else {"kind": kind}

    def made(*failures: dict[str, Any]) -> tuple[Row, list[Request]]:
        script = [*failures, draft] if kind == "section" else [draft, *failures]
        return model(f"{kind} {failures}", film(minutes=2), script=script, target_words=200, tries=2)

    whole, requests = made()
    once, again = made({**failing, "do": "engine", "times": 1})
    assert len(again) > len(requests) and any(r.kind == "repair" for r in requests)
    assert once["caption"] == whole["caption"]
    assert [s["topic"] for s in once["sections"]] == [s["topic"] for s in whole["sections"]]
    with pytest.raises(ItemError, match="could not be narrated: the script says so") as error:
        made({**failing, "do": "engine"})
    assert (error.value.failure_class, error.value.attempts) == ("engine", 2)


@pytest.mark.parametrize("kind", ["section", "video"])
@pytest.mark.parametrize("fallback", ["captions", "fail"])
@pytest.mark.parametrize("do", ["engine", "out_of_memory", "internal"])
def test_a_failing_engine_fails_the_video_whatever_may_stand_in(kind: str, fallback: str, do: str) -> None:
    with pytest.raises(ItemError) as error:
        model(
            f"dead {kind} {fallback} {do}",
            film(minutes=2),
            script=[{"kind": kind, "do": do}],
            tries=2,
            fallback=fallback,
        )
    assert (error.value.failure_class, error.value.attempts) == (do, 2)


@pytest.mark.parametrize(
    "bad", [{"do": "loop"}, {"do": "say", "text": "The note says that it does not specify what kind of image it is."}]
)
def test_first_sentences_stand_for_an_opening_that_a_model_cannot_tell(bad: dict[str, str]) -> None:
    script = [{"kind": "video", **bad}]
    made, _ = model(f"no opening {bad['do']}", film(), script=script, words_per_minute=60.0, opening_words=40)
    opening = made["caption"].split("\n\n")[0]
    assert opening.startswith(made["sections"][0]["sentences"][0]["text"])
    assert len(opening.split()) <= 40
    assert made["integrity"] is False
    with pytest.raises(ItemError, match="the video from 0 s to 600 s could not be narrated"):
        model(f"no opening {bad['do']} fails", film(), script=script, fallback="fail")

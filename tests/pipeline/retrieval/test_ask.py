"""Answering questions about planted facts, with an engine that reads its notes and with none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

import pipeline as longcap
from operators.engines.base import Request
from operators.narrate.grounding.words import content_stems
from operators.store.store import Store
from pipeline.config.types import Config
from pipeline.retrieval.ask import NOT_FOUND
from pipeline.terminal.errors import UsageError
from tests.pipeline.retrieval.conftest import Stories
from tests.support import planted, viewed
from tests.support.engines import Scripted, asked
from tests.support.video import render

UNANSWERABLE = ("Which planet does the astronaut land on?", "What is the name of the submarine captain?")


@dataclass(frozen=True, kw_only=True)
class Reader(Scripted):
    """Searches for the question's words, then answers from the note that says most of them, or says that none does."""

    first: str = "search"

    def good(self, request: Request) -> str:
        if request.kind == "look":
            return f"A violin floats in the water in {len(request.images)} images."
        if request.kind == "digest_for_question":
            return next((s for s in request.prompt.splitlines() if "violin" in s and "Question" not in s), "nothing")
        question = re.search(r"^Question: (.*)$", request.prompt, re.M)
        assert question
        if '"search"' in request.prompt and not request.texts and "Done:" not in request.prompt:
            told = {"query": question[1], "video": "v0", "start_s": 0, "end_s": 2}
            return json.dumps({"action": self.first, **told})
        wanted = set(content_stems(question[1]))
        numbers = [int(n) for n in re.findall(r"^\[(\d+)\]", request.prompt, re.M)]
        ranked = sorted(zip(numbers, request.texts, strict=True), key=lambda n: -len(wanted & set(content_stems(n[1]))))
        if not ranked or len(wanted & set(content_stems(ranked[0][1]))) < 2:
            return json.dumps({"action": "answer", "answer": "", "cites": []})
        return f"Sure: {json.dumps({'action': 'answer', 'answer': ranked[0][1], 'cites': [ranked[0][0]]})}"


def _config(engine: Scripted) -> Config:
    config = Config()
    return replace(config, narrate=replace(config.narrate, engine=engine))


@pytest.mark.parametrize("strategy", ["agent", "clips", "evidence"])
def test_answers_cite_the_right_span(stories: Stories, strategy: str) -> None:
    out, places = stories
    questions = ["Who drops a violin into the canal?", "Who builds a snowman next to the fire truck?"]
    found = longcap.ask_output(out, [*questions, *UNANSWERABLE], config=_config(Reader()), strategy=strategy)
    for i, answer in enumerate(found[:2]):
        video, window = places[i]
        start_s, end_s = planted.span_of(window)
        (cite,) = answer.cites
        assert answer.found and answer.calls == (2 if strategy == "agent" else 1)
        assert cite.video_id == video and cite.start_s < end_s and cite.end_s > start_s
    for answer in found[2:]:
        assert (answer.answer, answer.found, answer.cites) == (NOT_FOUND, False, ())


def test_a_digest_of_one_video_answers(stories: Stories) -> None:
    out, places = stories
    question = "Who drops a violin into the canal?"
    found = longcap.ask_output(out, question, config=_config(Reader()), strategy="summary", videos=[places[0][0]])[0]
    assert found.found and "violin" in found.answer and found.cites[0].video_id == places[0][0]


SPOKEN = ("Mind the step, the cellar is flooded.", "Two tickets to Lisbon, please.")


def _with_speech(out: str, video: str) -> None:
    """Add a table `speech` with two lines, and one of numbers, in which there is nothing to find."""
    line = pa.struct([("text", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64())])
    same = [("video_id", pa.string()), ("key", pa.string()), ("content_hash", pa.string())]
    schemas = {
        "speech": pa.schema([*same, ("lines", pa.list_(line))]),
        "marks": pa.schema([*same, ("mark", pa.int64())]),
    }
    store = Store(out, tables=schemas)
    lines = [{"text": text, "start_s": 3.0 + k, "end_s": 3.5 + k} for k, text in enumerate(SPOKEN)]
    for name, more in (("speech", {"lines": lines}), ("marks", {"mark": 1})):
        store.derived[name].fence()
        row = {"video_id": video, "key": "k", "content_hash": "h", **more}
        store.derived[name].append(pa.Table.from_pylist([row], schema=schemas[name]))
    tables = {name: {"level": "video", "from": ["videos"]} for name in schemas}
    store.write_file("runs/r/tables.json", json.dumps({"run_id": "r", "tables": tables}).encode())


@dataclass(frozen=True, kw_only=True)
class Evidence(Reader):
    """Says what to look for in what is said; `wanted` is that answer."""

    wanted: str = '{"speech": "train tickets for a city in Portugal"}'

    def good(self, request: Request) -> str:
        return self.wanted if request.kind == "wanted" else super().good(request)


def test_what_is_said_answers_beside_captions_and_frames(tmp_path: Path) -> None:
    film, out = tmp_path / "film.mp4", str(tmp_path / "captions")
    render(film, count=300, fps=10.0)
    viewed.make(out, [viewed.video_row("v0", film)])
    _with_speech(out, "v0")
    longcap.index_output(out)
    engine = Evidence(log=str(tmp_path))
    question = "Where do the two tickets lead?"
    answer = longcap.ask_output(out, question, config=_config(engine), strategy="evidence")[0]
    (cite,) = answer.cites
    assert (answer.calls, cite.text, cite.start_s, cite.end_s) == (2, f"speech: {SPOKEN[1]}", 4.0, 4.5)
    wanted, ask = asked(str(tmp_path))
    assert "moments of them: speech." in wanted.prompt and question in wanted.prompt
    assert f"speech: {SPOKEN[1]}" in ask.prompt and SPOKEN[0] not in ask.prompt, "only what is near enough"
    assert len(ask.images) > 1 and all(0 <= p.time_s < 30 for p in ask.images)


@pytest.fixture(scope="module")
def long_stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    out = str(tmp_path_factory.mktemp("long") / "captions")
    texts, places = planted.planted(2, 90)
    planted.make(out, texts)
    assert longcap.index_output(out).vectors
    return out, places


@pytest.mark.parametrize("strategy", ["clips", "evidence", "agent"])
def test_the_best_notes_of_many_stay(tmp_path: Path, long_stories: Stories, strategy: str) -> None:
    out, places = long_stories
    engine = Reader(log=str(tmp_path))
    question = "Who drops a violin into the canal?"
    answer = longcap.ask_output(out, question, config=_config(engine), strategy=strategy, k=90)[0]
    (cite,) = answer.cites
    start_s, end_s = planted.span_of(places[0][1])
    assert cite.video_id == places[0][0] and cite.start_s < end_s and cite.end_s > start_s
    notes = re.findall(r"^\[(\d+)\] (\S+), ([\d.]+) s", asked(str(tmp_path))[-1].prompt, re.M)
    assert [int(n) for n, _, _ in notes] == list(range(1, 61))
    if strategy != "agent":  # its notes are in the order in which it found them
        times: dict[str, list[float]] = {}
        for _, video, start in notes:
            times.setdefault(video, []).append(float(start))
        assert next(iter(times)) == places[0][0], "the video of the best note comes first"
        assert [t for one in times.values() for t in one] == [float(s) for _, _, s in notes], "video by video"
        assert all(one == sorted(one) for one in times.values())


@pytest.mark.parametrize("wanted", ["no JSON", '{"speech": 3}', '{"speech": " "}', "{}"])
def test_the_question_itself_is_looked_for_where_the_engine_does_not_say(tmp_path: Path, wanted: str) -> None:
    film, out = tmp_path / "film.mp4", str(tmp_path / "captions")
    render(film, count=40, fps=10.0)
    viewed.make(out, [viewed.video_row("v0", film)])
    _with_speech(out, "v0")
    longcap.index_output(out, vectors=False)
    film.unlink()
    engine = Evidence(wanted=wanted)
    found = longcap.ask_output(
        out, ["Two tickets to where?", "Is the cellar dry?"], config=_config(engine), strategy="evidence"
    )
    helps = wanted != '{"speech": " "}'  # an empty text: what is said cannot help
    assert (found[0].found, found[0].calls) == (helps, 2 if helps else 1)
    assert not found[1].found


def test_without_a_model_a_moment_is_quoted(stories: Stories) -> None:
    out, places = stories
    right = 0
    for i, (fact, _) in enumerate(planted.FACTS):
        answer = longcap.ask_output(out, f"Where does this happen: {fact}")[0]
        start_s, end_s = planted.span_of(places[i][1])
        right += any(c.video_id == places[i][0] and c.start_s < end_s and c.end_s > start_s for c in answer.cites)
    assert right >= 19
    assert [a.answer for a in longcap.ask_output(out, UNANSWERABLE)] == [NOT_FOUND] * 2


def test_a_budget_holds_and_made_up_citations_do_not_count(stories: Stories) -> None:
    out, _ = stories
    for text, calls in (
        ('{"action": "search", "query": "man"}', 4),
        ('{"action": "answer", "answer": "A whale.", "cites": [99]}', 3),
        ("no JSON at all", 3),
        ('{"action": "browse", "video": "nothing of the kind"}', 3),
        ('{"action": "answer", "answer": "A whale.", "cites": "all"}', 3),
    ):
        engine = Scripted(script=json.dumps([{"kind": "ask", "do": "say", "text": text}]))
        answer = longcap.ask_output(out, "Who?", config=_config(engine), calls=4)[0]
        assert (answer.found, answer.answer, answer.calls) == (False, NOT_FOUND, calls), text


def test_the_agent_looks_at_just_those_frames(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    render(film, count=40, fps=10.0)
    out = str(tmp_path / "captions")
    viewed.make(out, [viewed.video_row("v0", film)])
    longcap.index_output(out, vectors=False)
    engine = Reader(first="inspect", log=str(tmp_path))
    answer = longcap.ask_output(out, "Does a violin float in the water?", config=_config(engine))[0]
    assert answer.found and (answer.cites[0].start_s, answer.cites[0].end_s) == (0.0, 2.0)
    (look,) = [r for r in asked(str(tmp_path)) if r.kind == "look"]
    assert len(look.images) == 8 and all(0 <= p.time_s < 2 for p in look.images)


def test_the_command_line(stories: Stories, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.cli.main import main

    out, places = stories
    assert main(["ask", out, "Who drops a violin into the canal?", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["found"] and found["cites"][0]["video_id"] == places[0][0]
    file = tmp_path / "questions.jsonl"
    file.write_text(f'{{"question": "Who drops a violin into the canal?"}}\n\n{UNANSWERABLE[0]}\n')
    assert main(["ask", out, "--questions", str(file)]) == 1
    assert NOT_FOUND in capsys.readouterr().out
    assert main(["ask", out]) == 2
    assert main(["ask", out, "Who?", "--strategy", "agent"]) == 2
    file.write_text('{"q": 1}')
    assert main(["ask", out, "--questions", str(file)]) == 2


def test_what_cannot_be_asked(stories: Stories) -> None:
    with pytest.raises(UsageError, match="empty"):
        longcap.ask_output(stories[0], "  ")
    with pytest.raises(UsageError, match="strategy"):
        longcap.ask_output(stories[0], "Who?", strategy="guess")  # type: ignore[arg-type]

"""A table of speech in a job: made once, and each word of it in the prompts of the right windows and sections."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pipeline as longcap
from operators.core.grid import Grid
from operators.engines.base import Request
from pipeline.config.load import load_config
from pipeline.output import verification
from pipeline.output.invariants import _off_grid, _Talk
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.chaos import contents, problems
from tests.support.command import run, started, wait_until
from tests.support.engines import asked
from tests.support.speech import mixed, needs_espeak, spoken, write_clip

LONG = "Yesterday evening we walked along the old harbour and watched the ships come in."
TEXTS = ["alpha bravo charlie delta", "echo foxtrot golf hotel india juliett kilo lima"]
LENGTH_S = 24.0

PLANTED = {"kind": "tests.support.speech:Planted", "texts": TEXTS}
SLOWLY = '[{"kind": "window", "do": "sleep", "sleep_s": 0.3}]'

RECIPE = """
extends: speech
tables:
  speech:
    level: video
    steps: [{{listen: {{recogniser: {recogniser}}}}}]
caption: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}, script: '{script}'}}}}
narrate: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}}}, section_s: 12}}
plan: {{segment_s: 10}}
run: {{flush_s: 0}}
"""


def recipe(tmp_path: Path, log: str, recogniser: object = PLANTED, script: str = "[]") -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(recogniser=json.dumps(recogniser), log=log, script=script))
    return path


@needs_espeak
@pytest.mark.parametrize("recogniser", [PLANTED, "pocketsphinx"], ids=["planted", "pocketsphinx"])
def test_each_word_is_in_the_prompts_of_its_windows_and_of_no_others(recogniser: object, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    said = [(1.0, spoken("Hello everybody and welcome to this talk.")), (7.5, spoken(LONG))]  # over a segment's end
    write_clip(tmp_path / "in" / "talk.mp4", [mixed(LENGTH_S, said)], length_s=LENGTH_S)
    log = "planted" if recogniser == PLANTED else "heard"
    config = longcap.load_config(recipe(tmp_path, log, recogniser))
    result = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert result.ok and result.report.tables["speech"]["done"] == 1
    (row,) = result.table("speech").to_pylist()
    words = [w for line in row["speech"] for w in line["words"]]
    assert words and (recogniser != PLANTED or [w["text"] for w in words] == " ".join(TEXTS).split())

    requests = asked(log)
    grid = Grid(LENGTH_S, 10.0, 5.0)
    windows = [r for r in requests if r.kind == "window"]
    assert {(r.start_s, r.end_s) for r in windows} == {(s.start_s, s.end_s) for s in map(grid.window, range(4))}
    sections = [r for r in requests if r.kind == "section"]
    assert len(sections) == 2
    for request in [*windows, *sections]:
        middles = ((w["text"], (w["start_s"] + w["end_s"]) / 2) for w in words)
        wanted = [text for text, middle_s in middles if request.start_s <= middle_s < request.end_s]
        assert quoted(request) == wanted, (request.kind, request.start_s)
    assert all(r.facts is not None and r.facts.heard for r in windows)
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []

    (told,) = result.table("dataset").to_pylist()
    for name in ("speech_share", "silence_share", "music_share", "speech_language"):
        assert told[name] == row[name], name
    assert told["speech_language"] == "en" and 0.2 < told["speech_share"] < 0.5 < told["silence_share"]

    before = len(requests)
    for bound in ("filter.speech_share.min=0.9", "filter.speech_language.among=[de, fr]"):
        talk = longcap.load_config(recipe(tmp_path, log, recogniser), [bound])
        left_out = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), talk, quiet=True, replace=True)
        assert left_out.table("dataset").num_rows == 0 and len(asked(log)) == before, "nothing is heard or captioned"
    assert list(left_out.report.filtered.values()) == ["speech_language is none of those that are wanted"]
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []
    again = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert again.ok and len(asked(log)) == before, "nothing is made again"


def quoted(request: Request) -> list[str]:
    """The words that a prompt says were heard, in order."""
    return " ".join(re.findall(r'heard: "(.*?)"', request.prompt)).split()


LINES = ["plan.windows=lines", "plan.line_reach_s=2.5"]


@needs_espeak
@pytest.mark.slow
@pytest.mark.parametrize(
    ("recogniser", "tables", "options"),
    [("pocketsphinx", ("speech", "segments"), []), (PLANTED, ("segments",), LINES)],
    ids=["grid", "lines"],
)
def test_a_run_that_is_killed_while_it_listens_and_while_it_captions_ends_equal(
    recogniser: object, tables: tuple[str, ...], options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for k in range(len(tables)):
        at_s = 8.8 if options else 7.5  # a line over the seam at 10 s, or none
        said = [(1.0 + k, spoken("Hello everybody and welcome to this talk.")), (at_s, spoken(LONG, pitch=30 + 10 * k))]
        said += [(18.0, spoken(LONG))] if options else []
        write_clip(tmp_path / "in" / f"talk{k}.mp4", [mixed(LENGTH_S, said)], length_s=LENGTH_S)
    config, log = recipe(tmp_path, "killed", recogniser, SLOWLY), tmp_path / "log"
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert longcap.run(str(tmp_path / "in"), str(calm), longcap.load_config(config, options), quiet=True).ok
    moved = [w["start_s"] % 5 for s in longcap.open(str(calm)).table("segments").to_pylist() for w in s["windows"]]
    assert any(moved) == bool(options), "only lines move windows off the grid"

    arguments = ["run", str(tmp_path / "in"), "-c", str(config), "-o", str(out)]
    arguments += [part for option in options for part in ("--set", option)]
    for table in tables:
        with started(*arguments, log=log) as driver:
            wait_until(lambda t=table, d=driver: rows_of(out, t) > 0 or d.poll() is not None, f"a row of {table}")
            assert driver.poll() is None, "it was killed in time"
            driver.kill()
    assert run(*arguments, log=log) == 0, log.read_text()[-2000:]
    assert problems(str(out), contents(str(calm))) == []


def rows_of(out: Path, table: str) -> int:
    """How many rows of a table are durable; 0 before it is there."""
    return len(list((out / table).glob("*.parquet")))


def test_the_shipped_recipe_fits_and_the_default_one_does_not_know_of_it() -> None:
    config = load_config("speech")
    assert set(config.tables) == {"speech", "segments", "dataset"}
    assert not load_config().tables


def test_a_narrators_prompt_must_have_a_place_for_speech() -> None:
    server = "narrate.engine={kind: openai, model: m, base_url: 'https://host/v1', api_key_env: null}"
    load_config("speech", [server])
    with pytest.raises(UsageError, match="section_prompt to section_speech"):
        load_config("speech", [server, "narrate.section_prompt=section"])


@needs_espeak
@pytest.mark.parametrize("chain", ["segment", "video"])
def test_windows_and_segments_by_lines_cut_no_line_and_verify_proves_it(chain: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    said = [(1.0, spoken("Hello everybody and welcome to this talk.")), (8.8, spoken(LONG)), (18.0, spoken(LONG))]
    write_clip(tmp_path / "in" / "talk.mp4", [mixed(LENGTH_S, said)], length_s=LENGTH_S)
    log = f"lines {chain}"
    options = ["plan.windows=lines", "plan.line_reach_s=2.5", f"caption.chain={chain}"]
    config = longcap.load_config(recipe(tmp_path, log), options)
    result = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert result.ok
    (row,) = result.table("speech").to_pylist()
    lines = [(line["start_s"], line["end_s"]) for line in row["speech"]]
    assert any(a < 10.0 < b for a, b in lines), "the grid would cut a line"
    segments = sorted(result.table("segments").to_pylist(), key=lambda s: int(s["segment_index"]))
    assert len(segments) == 2 and segments[0]["end_s"] == segments[1]["start_s"] != 10.0
    windows = [w for s in segments for w in s["windows"]]
    assert windows and all(w["valid"] for w in windows)
    for time_s in {edge for w in windows for edge in (w["start_s"], w["end_s"])}:
        assert not any(a < time_s < b and min(time_s - a, b - time_s) <= 2.5 for a, b in lines), time_s
    words = [w for line in row["speech"] for w in line["words"]]
    for request in (r for r in asked(log) if r.kind in ("window", "section")):
        middles = ((w["text"], (w["start_s"] + w["end_s"]) / 2) for w in words)
        assert quoted(request) == [text for text, middle_s in middles if request.start_s <= middle_s < request.end_s]
    (told,) = result.table("dataset").to_pylist()
    assert told["integrity"] and told["coverage"] == 1.0
    assert {s["start_s"] for s in told["sections"]} <= {w["start_s"] for w in windows}
    out = longcap.open(str(tmp_path / "out"))
    assert verify(out).findings == []
    plan = next(iter(verification._planned(out.store, verification.Verdict())[0].values()))
    shifted = {**segments[0], "end_s": 10.0}
    assert "its spoken lines say" in str(_off_grid(shifted, plan, _Talk(out.store).of(plan)))
    assert _off_grid(segments[0], plan, []) is not None, "without its lines it would be the grid's"

    before = len(asked(log))
    assert longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True).ok
    assert len(asked(log)) == before, "nothing is made again"

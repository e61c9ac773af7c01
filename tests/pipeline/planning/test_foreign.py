"""Jobs over a finished output whose segments were cut by spoken lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline as longcap
from pipeline.config.tables import parents_of
from pipeline.output.verification import verify
from pipeline.planning.foreign import cut_like
from pipeline.terminal.errors import UsageError
from tests.support.operators import calls
from tests.support.speech import RATE_HZ, write_clip

OPS = "tests.support.operators"
LENGTH_S = 24.0
SAID = [(1.0, 4.5, "Hello everybody."), (8.8, 11.5, "We walked along the harbour."), (13.5, 16.0, "The ships came in.")]

DONE = """
extends: measure
tables:
  speech: {level: video, steps: [{listen: {recogniser: null}}]}
  segments: {from: [videos, speech], steps: [decode, measure, caption]}
plan: {windows: lines, line_reach_s: 2.5, segment_s: 10}
run: {flush_s: 0}
"""

MORE = """
inputs: {{done: {done}}}
tables:
  bright: {{level: segment, from: {parents}, steps: [decode, {{{ops}:Brightness: {{log: {log}}}}}]}}
  second: {{level: segment, from: {parents}, steps: [decode, measure, caption]}}
run: {{flush_s: 0}}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished output; its lines are subtitles."""
    folder = tmp_path_factory.mktemp("lines")
    clip = write_clip(folder / "in.mp4", [np.zeros(round(LENGTH_S * RATE_HZ), np.int16)], length_s=LENGTH_S)
    cues = [f"{k}\n{clock(a)} --> {clock(b)}\n{text}\n" for k, (a, b, text) in enumerate(SAID, 1)]
    clip.with_suffix(".srt").write_text("\n".join(cues))
    made = recipe(folder, DONE)
    assert longcap.run(str(clip), str(folder / "done"), made, quiet=True).ok
    return folder / "done"


def clock(time_s: float) -> str:
    return f"00:00:{int(time_s):02d},{round(1000 * (time_s % 1)):03d}"


def recipe(folder: Path, text: str) -> longcap.Config:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return longcap.load_config(path)


def more(tmp_path: Path, done: Path, parents: str) -> longcap.Config:
    (tmp_path / "log").mkdir(exist_ok=True)
    return recipe(tmp_path, MORE.format(done=done, parents=parents, ops=OPS, log=tmp_path / "log"))


def by_index(table: Any) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: int(row["segment_index"]))


def test_tables_of_segments_over_segments_by_lines_lie_as_these_do(done: Path, tmp_path: Path) -> None:
    segments = by_index(longcap.open(str(done)).table("segments"))
    assert [s["start_s"] for s in segments] == [0.0, 8.8], "the grid would cut a line at 10 s"
    before = sorted(str(p) for p in done.rglob("*"))
    config = more(tmp_path, done, "[done.segments, done.speech]")
    result = longcap.run([], str(tmp_path / "out"), config, quiet=True)
    assert result.ok and calls(tmp_path / "log", "brightness") == 2
    for name in ("bright", "second"):
        rows = by_index(result.table(name))
        assert [(r["start_s"], r["end_s"]) for r in rows] == [(s["start_s"], s["end_s"]) for s in segments], name
    spans = [[(w["window_index"], w["start_s"], w["end_s"]) for w in s["windows"]] for s in segments]
    again = [[(w["window_index"], w["start_s"], w["end_s"]) for w in s["windows"]] for s in rows]
    assert again == spans and any(start_s % 5 for _, start_s, _ in spans[1])
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []
    assert longcap.run([], str(tmp_path / "out"), config, quiet=True).ok
    assert calls(tmp_path / "log", "brightness") == 0, "nothing is made again"
    assert sorted(str(p) for p in done.rglob("*")) == before, "the finished output is only read"

    for inputs in (f"made: {tmp_path / 'out'}, done: {done}", f"done: {done}, made: {tmp_path / 'out'}"):
        third = f"""
inputs: {{{inputs}}}
tables: {{sums: {{level: segment, from: [made.bright, done.speech], steps: [{OPS}:Summed]}}}}
"""
        out = tmp_path / f"third, {inputs[:4]} first"
        sums = longcap.run([], str(out), recipe(tmp_path, third), quiet=True)
        assert sums.ok and [r["start_s"] for r in by_index(sums.table("sums"))] == [0.0, 8.8]


def test_keys_of_such_tables_hold_how_far_edges_move(done: Path, tmp_path: Path) -> None:
    config = cut_like(more(tmp_path, done, "[done.segments, done.speech]"))
    assert (config.plan.windows, config.plan.line_reach_s, config.plan.segment_s) == ("lines", 2.5, 10.0)
    other = replace(config, plan=replace(config.plan, line_reach_s=2.0))
    by_grid = replace(config, plan=replace(config.plan, windows="grid"))
    assert len({parents_of(c, "bright") for c in (config, other, by_grid)}) == 3
    assert parents_of(by_grid, "bright") == ""


@pytest.mark.parametrize(
    ("parents", "line"),
    [
        ("[done.segments]", "add done.speech to tables.bright.from"),
        ("[videos]", "the segments of {done} follow spoken lines (plan.windows: lines): add done.speech to"),
    ],
)
def test_a_table_of_segments_without_the_lines_is_refused_in_one_line(
    parents: str, line: str, done: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as error:
        longcap.run([], str(tmp_path / "out"), more(tmp_path, done, parents), quiet=True)
    assert line.format(done=done) in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_an_output_made_from_another_one_needs_that_one_beside_it(done: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert longcap.run((), str(made), more(tmp_path, done, "[done.segments, done.speech]"), quiet=True).ok
    alone = MORE.format(done=made, ops=OPS, log=tmp_path / "log", parents="[done.second]")
    with pytest.raises(UsageError, match="no output with videos of its own"):
        longcap.plan((), config=recipe(tmp_path, alone))

"""Recipes with tables of their own: made once, made anew just where a change reaches, resumed, and sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline as longcap
from operators.store.store import Store
from pipeline.config.values import checked, config_from_dict
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.operators import calls

OPS = "tests.support.operators"


def recipe(tmp_path: Path, text: str, *overrides: str) -> longcap.Config:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return longcap.load_config(path, ["plan.segment_s=10", "run.flush_s=0", *overrides])


def run(folder: Path | None, out: Path, config: longcap.Config, **options: Any) -> longcap.Result:
    return longcap.run(str(folder) if folder else [], str(out), config, quiet=True, **options)


def embeddings(log: Path, **options: Any) -> str:
    step = {f"{OPS}:Brightness": {"log": str(log), **options}}
    return yaml.safe_dump({"tables": {"vectors": {"level": "segment", "steps": ["decode", step]}}})


def test_a_table_of_vectors_beside_the_captions_is_made_once(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(folder, out, recipe(tmp_path, embeddings(log)))
    assert result.ok and calls(log, "brightness") == 3
    assert result.report.tables == {"vectors": {"planned": 3, "done": 3, "failed": 0, "left": 0, "filtered": 0}}
    rows = result.table("vectors").sort_by([("video_id", "ascending"), ("segment_index", "ascending")]).to_pylist()
    assert [len(r["brightness"]) for r in rows] and all(0 < r["brightness"][0] < 255 for r in rows)
    assert "images" not in rows[0], "frames are handed on and never stored"
    alone = run(folder, tmp_path / "alone", longcap.load_config(None, ["plan.segment_s=10"]))
    assert hashes(result, "segments") == hashes(alone, "segments"), "what shares its decoding is what it is alone"
    assert hashes(result, "dataset") == hashes(alone, "dataset")
    assert verify(longcap.open(str(out))).findings == []
    again = run(folder, out, recipe(tmp_path, embeddings(log)))
    assert again.ok and calls(log, "brightness") == 0

    before = result.store.segments.read(["key", "run_id"]).to_pylist()
    _, left = longcap.plan(str(folder), str(out), recipe(tmp_path, embeddings(log, scale=2.0)), quiet=True)
    assert left.replaced is not None and not left.replaced.asks
    assert left.replaced.notes[0].startswith("table vectors: the rows of 2 videos are made again, because ")
    changed = run(folder, out, recipe(tmp_path, embeddings(log, scale=2.0)))
    assert changed.ok and calls(log, "brightness") == 3
    assert result.store.segments.read(["key", "run_id"]).to_pylist() == before, "nothing is captioned anew"
    twice = changed.table("vectors").to_pylist()
    assert len(twice) == 3, "rows of the other scale are gone"
    doubled = sorted(2 * r["brightness"][0] for r in rows)
    assert sorted(r["brightness"][0] for r in twice) == pytest.approx(doubled, abs=0.02)
    assert verify(longcap.open(str(out))).findings == []
    assert run(folder, out, longcap.load_config(None, ["plan.segment_s=10"])).ok, "a run without the table"
    assert verify(longcap.open(str(out))).findings == []


def hashes(output: longcap.Output, table: str) -> list[str]:
    return sorted(output.table(table)["content_hash"].to_pylist())


def test_tables_of_the_same_parents_share_a_pass(
    folder: Path, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    config = recipe(tmp_path, embeddings(log))
    assert longcap.run(str(folder), str(out), config).ok
    said = capsys.readouterr().err
    assert "one pass for 2 tables, rows to make: " in said and "vectors 3" in said and "table vectors" not in said
    late = run(folder, tmp_path / "late", longcap.load_config(None, ["plan.segment_s=10"]))
    assert late.ok and calls(log, "brightness") == 3
    assert longcap.run(str(folder), str(tmp_path / "late"), config).ok
    said = capsys.readouterr().err
    assert "one pass" not in said and "table vectors: 3 rows to make, 0 of 3 there" in said
    both = longcap.open(str(out)), longcap.open(str(tmp_path / "late"))
    assert hashes(both[0], "vectors") == hashes(both[1], "vectors")


def test_what_fails_in_one_table_of_a_pass_costs_the_others_nothing(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(folder, out, recipe(tmp_path, embeddings(log, fails="segment 1"), "run.max_failed=0.5"))
    assert result.ok and result.report.tables["vectors"] == {
        "planned": 3,
        "done": 2,
        "failed": 1,
        "left": 0,
        "filtered": 0,
    }
    assert result.store.segments.read().num_rows == 3
    assert [(f["stage"], f["segment_index"]) for f in result.failures()] == [("brightness", 1)]
    assert verify(longcap.open(str(out))).findings == []


DIFFERENTIAL = """
tables:
  differences: {{level: segment, steps: [decode, measure, {{{ops}:Difference: {{log: {log}}}}}]}}
  segments: {{from: [differences], steps: [{{{ops}:Summarise: {{log: {log}, prompt: {prompt}}}}}]}}
"""


def test_a_changed_summary_looks_at_nothing_again(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run(folder, out, recipe(tmp_path, DIFFERENTIAL.format(ops=OPS, log=log, prompt="Tell")))
    assert first.ok and (calls(log, "difference"), calls(log, "summarise")) == (3, 3)
    assert len(first.to_arrow()) == 2
    windows = [w for s in first.store.segments.read().to_pylist() for w in s["windows"]]
    assert all(w["text"].startswith("Tell ") for w in windows)
    assert verify(longcap.open(str(out))).findings == []
    config = recipe(tmp_path, DIFFERENTIAL.format(ops=OPS, log=log, prompt="Sum up"))
    _, left = longcap.plan(str(folder), str(out), config)
    assert len(left.segments) == 3 and left.tables["differences"].left == 0
    second = run(folder, out, config, replace=True)
    assert second.ok and (calls(log, "difference"), calls(log, "summarise")) == (0, 3)
    assert all(s["windows"][0]["text"].startswith("Sum up") for s in second.store.segments.read().to_pylist())
    assert verify(longcap.open(str(out))).findings == []


def test_a_segment_that_fails_in_a_parent_is_missing_in_the_child(folder: Path, log: Path, tmp_path: Path) -> None:
    text = DIFFERENTIAL.format(ops=OPS, log=log, prompt="Tell").replace(
        "Difference: {", "Difference: {fails: segment 1, "
    )
    out = tmp_path / "out"
    config = recipe(tmp_path, text, "run.max_failed=0.5")
    result = run(folder, out, config)
    assert result.ok and len(result.to_arrow()) == 2
    assert sorted(result.to_arrow()["segments_captioned"].to_pylist()) == [1, 1]
    assert [(f["stage"], f["segment_index"]) for f in result.failures()] == [("difference", 1)]
    assert verify(longcap.open(str(out))).findings == []
    calls(log, "difference")
    assert run(folder, out, config).ok and calls(log, "difference") == 0, "what failed for good is left alone"


TEACHERS = """
engines:
  loud: {{kind: "tests.support.engines:Scripted", script: '[{{"kind": "window", "do": "say", "text": "{text}"}}]'}}
tables:
  teacher_a: {{level: segment, steps: [decode, measure, {{caption: {{as: a, engine: loud}}}}]}}
  teacher_b: {{level: segment, steps: [decode, measure, {{caption: {{as: b, engine: measure}}}}]}}
  segments: {{from: [teacher_a, teacher_b], steps: [{{{ops}:Pick: {{log: {log}, longest: {longest}}}}}]}}
"""
LONG = (
    "A loud teacher believes that a red lorry passes two tall houses, that rain begins behind some distant hills, "
    "while an old fisherman mends nets beside the harbour wall, gulls circle above wet stones, children carry lanterns "
    "along narrow streets, and somebody plays slow music upon a broken accordion until evening falls over quiet roofs"
)


def test_two_captioners_of_different_engines_and_a_step_that_picks_one(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = recipe(tmp_path, TEACHERS.format(ops=OPS, log=log, longest="true", text=LONG))
    assert {op.pool for op in _steps(config, "teacher_a")} == {"decode", "loud"}
    result = run(folder, out, config)
    assert result.ok and calls(log, "pick") == 3
    texts = {w["text"] for s in result.store.segments.read().to_pylist() for w in s["windows"]}
    assert texts == {LONG}
    assert {t.num_rows for t in (result.table("teacher_a"), result.table("teacher_b"))} == {3}
    assert verify(longcap.open(str(out))).findings == []
    made = {r["run_id"] for name in ("teacher_a", "teacher_b") for r in result.table(name).to_pylist()}
    other = run(
        folder, out, recipe(tmp_path, TEACHERS.format(ops=OPS, log=log, longest="false", text=LONG)), replace=True
    )
    assert other.ok and calls(log, "pick") == 3
    assert {r["run_id"] for name in ("teacher_a", "teacher_b") for r in other.table(name).to_pylist()} == made
    assert LONG not in {w["text"] for s in other.store.segments.read().to_pylist() for w in s["windows"]}


def _steps(config: longcap.Config, name: str) -> Any:
    from pipeline.config.tables import tables_of

    return tables_of(config)[name].steps


SPEECH = """
tables:
  speech: {{level: video, steps: [{{{ops}:Listen: {{log: {log}, language: {language}{fails}}}}}]}}
  notes: {{level: segment, from: [videos, speech], steps: [{{{ops}:Heard: {{log: {log}}}}}]}}
"""


def test_a_row_made_without_a_parent_is_made_again_once_it_is_there(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fails = ", fails: video, fails_as: unreadable"
    broken = recipe(tmp_path, SPEECH.format(ops=OPS, log=log, language="en", fails=fails), "run.max_failed=1")
    result = run(folder, out, broken)
    assert result.ok and (calls(log, "listen"), calls(log, "heard")) == (2, 3)
    assert {r["heard"] for r in result.table("notes").to_pylist()} == {None}
    assert [f["stage"] for f in result.failures()] == ["listen", "listen"]
    from pipeline.cli.retry import retry_command

    mended = tmp_path / "mended.yaml"
    mended.write_text("plan: {segment_s: 10}\n" + SPEECH.format(ops=OPS, log=log, language="en", fails=""))
    assert retry_command(out=str(out), config=str(mended)) == 0
    assert (calls(log, "listen"), calls(log, "heard")) == (2, 3)
    output = longcap.open(str(out))
    assert {r["heard"][:3] for r in output.table("notes").to_pylist()} == {"en:"} and output.failures() == []
    assert output.table("notes").num_rows == 3
    assert verify(output).findings == []


JUDGE = """
inputs: {{done: {done}}}
tables:
  marks: {{level: video, from: [done.dataset, done.segments], steps: [{{{ops}:Judge: {{log: {log}, bonus: {bonus}}}}}]}}
  totals: {{level: run, from: [marks], steps: [{{{ops}:Average: {{log: {log}}}}}]}}
"""


def test_a_judge_over_a_finished_output_is_a_job_of_its_own(folder: Path, log: Path, tmp_path: Path) -> None:
    done, out = tmp_path / "done", tmp_path / "marks"
    assert run(folder, done, longcap.load_config(None, ["plan.segment_s=10"])).ok
    before = sorted(str(p) for p in done.rglob("*"))
    config = recipe(tmp_path, JUDGE.format(ops=OPS, log=log, done=done, bonus=0))
    result = run(None, out, config)
    assert result.ok and (calls(log, "judge"), calls(log, "average")) == (2, 1)
    marks = result.table("marks").to_pylist()
    (total,) = result.table("totals").to_pylist()
    assert total["videos"] == 2 and total["mean"] == pytest.approx(sum(r["mark"] for r in marks) / 2)
    assert not (out / "segments").exists() or Store(str(out)).segments.read().num_rows == 0
    assert verify(longcap.open(str(out))).findings == []
    assert run(None, out, config).ok and (calls(log, "judge"), calls(log, "average")) == (0, 0)
    other = run(None, out, recipe(tmp_path, JUDGE.format(ops=OPS, log=log, done=done, bonus=1)))
    assert other.ok and (calls(log, "judge"), calls(log, "average")) == (2, 1)
    assert sorted(str(p) for p in done.rglob("*")) == before, "the finished output is only read"

    broken = JUDGE.replace("bonus: {bonus}", "bonus: 2, fails: video").replace(
        "Average: {{", "Average: {{fails: video, "
    )
    failing = run(None, out, recipe(tmp_path, broken.format(ops=OPS, log=log, done=done), "run.max_failed=1"))
    assert [f["stage"] for f in failing.failures()] == ["judge", "judge"]
    from pipeline.cli.retry import retry_command

    mended = tmp_path / "mended.yaml"
    mended.write_text(JUDGE.format(ops=OPS, log=log, done=done, bonus=2))
    assert retry_command(out=str(out), config=str(mended)) == 0
    assert longcap.open(str(out)).failures() == [] and longcap.open(str(out)).table("totals").num_rows == 1
    assert verify(longcap.open(str(out))).findings == []
    with pytest.raises(UsageError, match="leave INPUT out"):
        run(folder, out, config)


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        ({"x": {"level": "frame", "steps": ["decode"]}}, "tables.x.level is 'frame'; it must be segment, video, run"),
        ({"x": {"level": "segment", "steps": ["decod"]}}, "did you mean decode?"),
        ({"x": {"level": "segment", "from": ["segment"], "steps": ["decode"]}}, "did you mean segments?"),
        ({"x": {"level": "segment", "steps": [{"decode": {"fpss": 1}}]}}, "fpss is not a known key of operator decode"),
        ({"x": {"level": "segment", "steps": [{"decode": {"fps": -1}}]}}, "tables.x: operator decode: fps: "),
        ({"x": {"level": "segment", "steps": ["measure"]}}, "measure reads the column images"),
        ({"x": {"level": "segment", "steps": ["narrate"]}}, "names narrate, which is of level video"),
        ({"x": {"level": "segment", "from": ["dataset"], "steps": ["decode"]}}, "depend on which segments are there"),
        ({"X": {"level": "segment", "steps": ["decode"]}}, "a table's name is a word"),
        ({"failures": {"level": "segment", "steps": ["decode"]}}, "a table's name is a word"),
        ({"x": {"level": "segment", "step": ["decode"]}}, "tables.x.step is not a known key; did you mean steps?"),
        (
            {
                "x": {"level": "video", "from": ["y"], "steps": [f"{OPS}:Listen"]},
                "y": {"level": "video", "from": ["x"], "steps": [f"{OPS}:Listen"]},
            },
            "tables go in a circle",
        ),
        (
            {"x": {"level": "video", "from": ["done.dataset"], "steps": [f"{OPS}:Judge"]}},
            "done.dataset, which is no table",
        ),
        (
            {
                "x": {"level": "segment", "from": ["y"], "steps": ["decode"]},
                "y": {"level": "segment", "from": ["z"], "steps": ["decode"]},
                "z": {"level": "segment", "from": ["x"], "steps": ["decode"]},
            },
            "tables go in a circle: x from y from z from x",
        ),
        (
            {"x": {"level": "segment", "steps": [f"{OPS}:Signs", {f"{OPS}:Signs": {"as": "again"}}]}},
            "again writes the column screen_text, which signs has written",
        ),
        ({"x": {"level": "segment", "steps": [{f"{OPS}:Signs": {"as": "load"}}]}}, "goes by the name load"),
        ({"x": {"level": "segment", "steps": [{f"{OPS}:Signs": {5: 1}}]}}, "5 is not a known key of operator"),
        ({"x": {"level": "segment", "steps": [f"{OPS}:Keyed"]}}, "keyed writes the column key, which every row has"),
        ({"x\ny": {"level": "segment", "steps": ["decode"]}}, "tables.x\\x0ay: a table's name is a word"),
        ({"x": "decode"}, "tables.x is 'decode'; it must be a mapping"),
        ({5: {"level": "segment", "steps": ["decode"]}}, "tables.5 is 5; it must be text"),
    ],
)
def test_a_wrong_recipe_is_one_line(tables: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        checked(config_from_dict({"tables": tables}))
    assert line in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "tables", "line"),
    [
        ({"done": "out"}, {}, "tables none to make from it"),
        ({"done": 5}, {}, "inputs.done is 5; it must be text"),
        (
            {"o.n e": "out"},
            {"x": {"level": "video", "from": ["o.n e.dataset"], "steps": [f"{OPS}:Judge"]}},
            "by a word such as",
        ),
        ({"done": "out"}, {"segments": {"steps": ["decode"]}}, "tables.segments: a job that reads finished outputs"),
        (
            {"done": "out"},
            {"x": {"level": "video", "from": ["done.../dataset"], "steps": [f"{OPS}:Judge"]}},
            "done.../dataset, which is no table; did you mean done.dataset?",
        ),
    ],
)
def test_wrong_inputs_are_one_line(inputs: dict[str, Any], tables: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        checked(config_from_dict({"inputs": inputs, "tables": tables}))
    assert line in str(error.value) and "\n" not in str(error.value)

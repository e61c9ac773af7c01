"""Columns of tables: what a recipe adds is kept, what would hide another is refused, and what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from operators.store.store import Store
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.pipeline.execution.test_tables import LONG, OPS, TEACHERS, hashes, recipe, run
from tests.support.operators import calls


def test_a_column_that_a_recipe_adds_to_the_captions_is_stored(folder: Path, log: Path, tmp_path: Path) -> None:
    """Picked: which teacher; title: of the video. Both are hashed, read by others, and survive a run without them."""
    out = tmp_path / "out"
    title = f'  dataset: {{from: [segments], steps: [narrate, {{"{OPS}:Entitle": {{pool: narrate}}}}]}}\n'
    text = TEACHERS.format(ops=OPS, log=log, longest="true", text=LONG) + title
    for limits in ([], ["filter.duration_s.max=10"], []):
        result = run(folder, out, recipe(tmp_path, text, *limits))
        titles = [*result.to_arrow()["title"].to_pylist(), *result.filtered()["title"].to_pylist()]
        assert result.ok and sorted(titles) == ["en: 0 s", "en: 27 s"], limits
        assert len(result.filtered()) == len(limits)
        assert set(result.table("segments")["picked"].to_pylist()) == {"teacher_a"}
        assert verify(longcap.open(str(out))).findings == []
    plain = run(folder, out, longcap.load_config(None, ["plan.segment_s=10"]), replace=True)
    assert plain.ok and set(plain.table("segments")["picked"].to_pylist()) == {None}
    assert verify(longcap.open(str(out))).findings == []
    alone = run(folder, tmp_path / "alone", longcap.load_config(None, ["plan.segment_s=10"]))
    assert hashes(plain, "segments") == hashes(alone, "segments"), "a column that is null does not count"
    assert hashes(plain, "dataset") == hashes(alone, "dataset")


def test_a_table_that_loses_and_gains_columns_stays_sound(folder: Path, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = "tables: {{more: {{level: segment, steps: [{steps}]}}}}"
    signs = f'"{OPS}:Signs"'
    assert run(folder, out, recipe(tmp_path, table.format(steps=f'decode, {signs}, "{OPS}:Brightness"'))).ok
    calls(log, "brightness")
    for steps in (signs, f'decode, "{OPS}:Brightness"'):
        result = run(folder, out, recipe(tmp_path, table.format(steps=steps)))
        assert result.ok and result.table("more").num_rows == 3
        assert verify(longcap.open(str(out))).findings == [], steps


TITLES = "tables:\n  titles: {level: video, steps: [{OPS:Entitle: {fails: FAILS}}]}\n"
CHILDREN = {
    f"""{TITLES}
  dataset: {{from: [segments, titles], missing: fail, steps: [narrate]}}
  notes: {{level: segment, from: [videos, titles], missing: fail, steps: [OPS:Heard]}}
""": {"dataset": 2, "notes": 3},
    f"""{TITLES}
  segments: {{from: [videos, titles], missing: fail, steps: [decode, measure, caption]}}
""": {"segments": 3, "dataset": 2},
    """
tables:
  marks: {level: video, from: [dataset, segments], steps: [{OPS:Judge: {fails: FAILS}}]}
  totals: {level: run, from: [marks], missing: fail, steps: [OPS:Average]}
""": {"totals": 1},
}


@pytest.mark.parametrize(("text", "rows"), CHILDREN.items(), ids=["dataset", "segments", "run"])
def test_missing_fail_makes_no_row_without_its_parent_at_any_level(
    folder: Path, tmp_path: Path, text: str, rows: dict[str, int]
) -> None:
    out = tmp_path / "out"
    text = text.replace("OPS", OPS)
    result = run(folder, out, recipe(tmp_path, text.replace("FAILS", "video"), "run.max_failed=1"))
    assert {f["stage"] for f in result.failures()} == {"judge" if "totals" in rows else "entitle"}
    assert {name: result.table(name).num_rows for name in rows} == dict.fromkeys(rows, 0)
    assert verify(longcap.open(str(out))).findings == []
    failures = Store(str(out)).failures
    failures.fence()
    failures.rewrite(lambda events: events.slice(0, 0))  # as a retry does
    mended = run(folder, out, recipe(tmp_path, text.replace("FAILS", '""')))
    assert mended.ok and {name: mended.table(name).num_rows for name in rows} == rows
    assert verify(longcap.open(str(out))).findings == []


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        (
            {
                "screen_text": {"level": "segment", "steps": [f"{OPS}:Signs"]},
                "x": {"level": "video", "from": ["screen_text"], "steps": [f"{OPS}:Entitle"]},
            },
            "the list of its rows as the column screen_text, and screen_text has a column of that name",
        ),
        (
            {
                "codec": {"level": "segment", "steps": [f"{OPS}:Signs"]},
                "x": {"level": "video", "from": ["codec"], "steps": [f"{OPS}:Entitle"]},
            },
            "as the column codec, and every video has a column of that name",
        ),
        (
            {"x": {"level": "video", "from": ["a.segments", "b.segments"], "steps": [f"{OPS}:Entitle"]}},
            "as the column captioned, and the list of rows of a.segments has a column of that name",
        ),
    ],
)
def test_a_column_that_would_hide_another_is_refused(tables: dict[str, Any], line: str) -> None:
    inputs = ['inputs={"a": "a", "b": "b"}'] if "a.segments" in str(tables) else []
    with pytest.raises(UsageError) as error:
        longcap.load_config(None, [*inputs, f"tables={json.dumps(tables)}"])
    assert line in str(error.value) and "\n" not in str(error.value)

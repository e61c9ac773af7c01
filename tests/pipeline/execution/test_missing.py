"""Segments that fail in a parent: rows that are made without them, rows that are not made, and both made later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline as longcap
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.output.verification import verify
from tests.pipeline.execution.test_tables import OPS, run
from tests.support.operators import calls


def recipe(tmp_path: Path, tables: dict[str, Any], *overrides: str) -> longcap.Config:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"tables": tables}))
    return longcap.load_config(path, ["plan.segment_s=10", "run.flush_s=0", "run.max_failed=0.9", *overrides])


def forget(out: Path) -> None:
    """Forget all failures, as a retry does."""
    failures = Store(str(out)).failures
    failures.fence()
    failures.rewrite(lambda events: events.slice(0, 0))


def test_a_segment_is_made_without_one_of_its_parents_and_again_once_that_is_there(
    folder: Path, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`light` fails for segment 1. `both` has `dark`, too; `from_light` reads what only `light` has; `last` rests on
    `alone`, which rests on `light` alone."""
    out = tmp_path / "out"

    def made(fails: str) -> longcap.Result:
        def heard(name: str) -> dict[str, Any]:
            return {f"{OPS}:Heard": {"as": name, "log": str(log)}}

        light = {f"{OPS}:Brightness": {"fails": fails}}
        dark = {f"{OPS}:Signs": {"texts": ["a sign"]}}
        scaled = {f"{OPS}:Summed": {"log": str(log)}}
        tables = {
            "light": {"level": "segment", "steps": ["decode", light]},
            "dark": {"level": "segment", "steps": ["decode", dark]},
            "both": {"level": "segment", "from": ["light", "dark"], "steps": [heard("both")]},
            "strict": {"level": "segment", "from": ["light", "dark"], "missing": "fail", "steps": [heard("strict")]},
            "from_light": {"level": "segment", "from": ["light", "dark"], "steps": [scaled]},
            "alone": {"level": "segment", "from": ["light"], "steps": [heard("alone")]},
            "last": {"level": "segment", "from": ["alone"], "steps": [heard("last")]},
            "on_both": {"level": "segment", "from": ["both"], "steps": [heard("on_both")]},
        }
        result = run(folder, out, recipe(tmp_path, tables))
        assert verify(longcap.open(str(out))).findings == []
        return result

    result = made("segment 1")
    assert verify(longcap.open(str(out))).rows_failed == {"light": 1}  # the other tables lack its row for that reason
    capsys.readouterr()
    assert main(["verify", str(out)]) == 0 and "; 1 row of light in failures; " in capsys.readouterr().out
    tables = {name: (count["done"], count["failed"], count["left"]) for name, count in result.report.tables.items()}
    lost = dict.fromkeys(("light", "strict", "from_light", "alone", "last"), (2, 1, 0))
    assert tables == lost | dict.fromkeys(("dark", "both", "on_both"), (3, 0, 0))
    assert [(f["stage"], f["segment_index"]) for f in result.failures()] == [("brightness", 1)]
    assert (calls(log, "both"), calls(log, "on_both"), calls(log, "last")) == (3, 3, 2)
    made("segment 1")
    assert (calls(log, "both"), calls(log, "on_both"), calls(log, "last")) == (0, 0, 0)

    forget(out)
    result = made("")
    assert {count["done"] for count in result.report.tables.values()} == {3}
    assert (calls(log, "both"), calls(log, "on_both")) == (2, 2), "both segments of the video, under its new key"
    assert calls(log, "last") == 1
    assert len(result.table("both")) == 3 and result.failures() == []


def test_captions_picked_from_the_teacher_that_has_the_segment(folder: Path, log: Path, tmp_path: Path) -> None:
    """A video is whole without the other one, for `run.on_incomplete: fail`, too."""
    out = tmp_path / "out"

    def made(fails: str) -> list[dict[str, Any]]:
        guard = {f"{OPS}:Heard": {"as": "guard", "fails": fails, "pool": "caption"}}
        tables = {
            "teacher_a": {"level": "segment", "steps": ["decode", "measure", {"caption": {"as": "a"}}]},
            "teacher_b": {"level": "segment", "steps": ["decode", "measure", {"caption": {"as": "b"}}, guard]},
            "segments": {
                "from": ["teacher_a", "teacher_b"],
                "steps": [{f"{OPS}:Pick": {"log": str(log), "longest": False}}],
            },
        }
        result = run(folder, out, recipe(tmp_path, tables, "run.on_incomplete=fail"))
        assert result.ok and verify(longcap.open(str(out))).findings == []
        assert result.to_arrow()["segments_captioned"].to_pylist() == result.to_arrow()["segments"].to_pylist()
        return sorted(result.table("segments").to_pylist(), key=lambda r: (r["video_id"], r["segment_index"]))

    first = made("segment 1")
    assert {r["picked"] for r in first if r["segment_index"] == 1} == {"teacher_a"} and calls(log, "pick") == 3
    assert made("segment 1") == first and calls(log, "pick") == 0
    forget(out)
    second = made("")
    assert len(second) == 3 and calls(log, "pick") == 2
    assert {r["key"] for r in first} != {r["key"] for r in second}


def test_no_row_is_made_whose_steps_must_read_what_a_failed_row_lacks(folder: Path, log: Path, tmp_path: Path) -> None:
    """The failure of the parent's row is the only one, and the reason for the rows below it, at all levels."""

    def step(name: str, **options: str) -> dict[str, Any]:
        return {f"{OPS}:{name}": {"log": str(log), **options}}

    tables = {
        "speech": {"level": "video", "steps": [step("Listen", fails="video")]},
        "titles": {"level": "video", "steps": [step("Entitle", fails="video")]},
        "may": {"level": "segment", "from": ["videos", "speech"], "steps": [step("Heard")]},
        "must": {"level": "segment", "from": ["videos", "speech"], "steps": [step("MustHear")]},
        "dataset": {"from": ["segments", "titles"], "steps": ["narrate", step("MustQuote")]},
        "marks": {"level": "video", "from": ["segments", "dataset"], "steps": [step("Judge")]},
    }
    out, config = tmp_path / "out", recipe(tmp_path, tables, "run.max_failed=1")
    result = run(folder, out, config)
    assert {f["stage"] for f in result.failures()} == {"listen", "entitle"}
    assert [calls(log, name) for name in ("heard", "must_hear", "must_quote", "judge")] == [3, 0, 0, 0]
    assert {n: (c["done"], c["failed"], c["left"]) for n, c in result.report.tables.items()} == {
        "speech": (0, 2, 0),
        "titles": (0, 2, 0),
        "may": (3, 0, 0),
        "must": (0, 2, 0),
        "marks": (0, 2, 0),
    }
    assert set(result.report.failed.values()) == {"titles: video is to fail (dataset is not made without it)"}
    assert verify(longcap.open(str(out))).findings == []


def test_rows_below_a_long_caption_that_could_not_be_made_again_are_kept(
    folder: Path, log: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def made(fails: str, *recaption: str) -> list[Any]:
        tables = {
            "dataset": {"from": ["segments"], "steps": ["narrate", {f"{OPS}:Quote": {"fails": fails}}]},
            "marks": {
                "level": "video",
                "from": ["segments", "dataset"],
                "steps": [{f"{OPS}:Judge": {"log": str(log)}}],
            },
        }
        config = recipe(tmp_path, tables, "run.max_failed=1")
        result = run(folder, out, config, selection=longcap.Selection(recaption=recaption))
        found = verify(longcap.open(str(out)))
        assert found.findings == [] and result.table("marks").num_rows == 2
        return [note.kind for note in found.notes]

    assert made("") == [] and calls(log, "judge") == 2
    assert made("video", "short.mp4") == ["kept"] and calls(log, "judge") == 0
    forget(out)
    assert made("") == [] and calls(log, "judge") == 1

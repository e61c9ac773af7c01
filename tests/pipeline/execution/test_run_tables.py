"""Tables of videos made from a table of the whole output, such as captions above a threshold over all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.operators import calls

OPS = "tests.support.operators"


def config(log: Path, keep: float = 0.5, fails: str = "") -> longcap.Config:
    tables = {
        "pairs": {"level": "video", "steps": [{f"{OPS}:Scored": {"log": str(log), "fails": fails}}]},
        "best": {"level": "run", "from": ["pairs"], "steps": [{"quantile": {"keep": keep}}]},
        "kept": {"level": "video", "from": ["pairs", "best"], "steps": ["keep_best"]},
    }
    return longcap.load_config(None, [f"tables={json.dumps(tables)}", "run.flush_s=0", "run.max_failed=1"])


def kept(result: longcap.Result) -> dict[str, list[dict[str, Any]]]:
    return {row["video_id"]: row["best"] for row in result.table("kept").to_pylist()}


def test_what_is_below_a_threshold_over_the_whole_output_is_dropped(folder: Path, log: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    one = longcap.run(str(folder / "short.mp4"), out, config(log), quiet=True)
    assert one.ok and calls(log, "scored") == 1 and [len(best) for best in kept(one).values()] == [3]

    both = longcap.run(str(folder), out, config(log), quiet=True)
    assert both.ok and calls(log, "scored") == 1, "of the video that came later"
    (best,) = both.table("best").to_pylist()
    every = {row["video_id"]: row["aligned"] for row in both.table("pairs").to_pylist()}
    scores = sorted((c["score"] for some in every.values() for c in some if c["score"] is not None), reverse=True)
    assert (best["threshold"], best["captions"]) == (scores[5], 12)
    expected = {v: [c for c in some if (c["score"] or 0) >= scores[5]] for v, some in every.items()}
    assert kept(both) == expected and sum(map(len, expected.values())) == best["kept"] >= 6
    assert {row["video_id"]: row["dropped"] for row in both.table("kept").to_pylist()} == {
        v: 7 - len(some) for v, some in expected.items()
    }
    assert verify(longcap.open(out)).findings == []

    again = longcap.run(str(folder), out, config(log), quiet=True)
    assert again.ok and again.report.tables["kept"]["done"] == 2
    assert again.table("kept").to_pylist() == both.table("kept").to_pylist(), "nothing is made again"
    fewer = longcap.run(str(folder), out, config(log, keep=0.1), quiet=True)
    assert fewer.ok and calls(log, "scored") == 0 and sum(map(len, kept(fewer).values())) == 1
    assert verify(longcap.open(out)).findings == []
    alone = longcap.run(str(folder), str(tmp_path / "alone"), config(log, keep=0.1), quiet=True)
    columns = ["video_id", "key", "content_hash"]
    assert rows(alone, columns) == rows(fewer, columns), "the order in which rows came makes no difference"


def rows(result: longcap.Result, columns: list[str]) -> list[dict[str, Any]]:
    return sorted(result.table("kept").select(columns).to_pylist(), key=lambda row: str(row["video_id"]))


def test_without_the_row_of_the_whole_output_none_is_made(folder: Path, log: Path, tmp_path: Path) -> None:
    result = longcap.run(str(folder), str(tmp_path / "out"), config(log, fails="video"), quiet=True)
    assert result.table("pairs").num_rows == 0 and result.table("kept").num_rows == 0
    (best,) = result.table("best").to_pylist()
    assert best["threshold"] is None and best["captions"] == 0
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []


def test_a_table_of_segments_is_not_made_from_one_of_the_whole_output() -> None:
    tables = {
        "best": {"level": "run", "from": ["dataset"], "steps": ["quantile"]},
        "x": {"level": "segment", "from": ["best"], "steps": ["decode", "embed"]},
    }
    tables["best"]["steps"] = [{"quantile": {"keep": 0.5}}]  # type: ignore[list-item]
    with pytest.raises(UsageError, match="best, which is of level run: only further tables of level video or run"):
        longcap.load_config(None, [f"tables={json.dumps(tables)}"])


def test_superseded_rows_are_not_counted(folder: Path, tmp_path: Path) -> None:
    """The tables are put in order before the row of the whole output is made, so that it is current after the run."""

    def job(sign: str, *overrides: str) -> longcap.Config:
        tables = {
            "signs": {"level": "segment", "steps": ["decode", {f"{OPS}:Signs": {"texts": [sign]}}]},
            "counts": {"level": "run", "from": ["signs", "segments", "dataset"], "steps": [f"{OPS}:RowCounts"]},
            "more": {"level": "run", "from": ["counts"], "steps": [f"{OPS}:RowCounts"]},
        }
        return longcap.load_config(None, [f"tables={json.dumps(tables)}", "run.flush_s=0", *overrides])

    out = str(tmp_path / "out")
    longcap.run(str(folder), out, job("one", "plan.segment_s=10"), quiet=True)
    other = job("two", "plan.segment_s=6", "plan.window_s=4", "plan.stride_s=2")
    result = longcap.run(str(folder), out, other, quiet=True, replace=True)
    count = {name: result.table(name).num_rows for name in ("signs", "segments", "dataset")}
    assert count["segments"] == count["signs"] > 3 and result.ok
    (row,) = result.table("counts").to_pylist()
    assert row["counts"] == f"dataset 2, segments {count['segments']}, signs {count['signs']}"
    _, left = longcap.plan(str(folder), out, other, quiet=True)
    assert {name: (c.left, c.waiting) for name, c in left.tables.items()} == dict.fromkeys(left.tables, (0, 0))
    assert verify(longcap.open(out)).findings == []

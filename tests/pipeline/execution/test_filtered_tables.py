"""Tables above and below the captions of videos that the filter leaves out, lets in and leaves out again."""

from __future__ import annotations

import json
from pathlib import Path

import pipeline as longcap
from pipeline.output.verification import verify
from tests.support.operators import calls

OPS = "tests.support.operators"
Counts = tuple[int, int, int, int, int]


def config(log: Path, *overrides: str) -> longcap.Config:
    heard, judge = {f"{OPS}:Heard": {"log": str(log)}}, {f"{OPS}:Judge": {"log": str(log)}}
    tables = {
        "alone": {"level": "segment", "steps": [heard]},
        "below": {"level": "segment", "from": ["segments"], "steps": [heard]},
        "titles": {"level": "video", "steps": [{f"{OPS}:Entitle": {"log": str(log)}}]},
        "marks": {"level": "video", "from": ["dataset", "segments"], "steps": [judge]},
        "counts": {"level": "run", "from": ["alone", "below", "dataset", "marks"], "steps": [f"{OPS}:RowCounts"]},
    }
    given = [f"tables={json.dumps(tables)}", "plan.segment_s=10", "run.flush_s=0", "run.report_frames_s=0"]
    return longcap.load_config(None, [*given, *overrides])


class Job:
    """Runs configs over one output; `longcap plan` and `verify` must agree with each run."""

    def __init__(self, folder: Path, log: Path, out: Path) -> None:
        self.folder, self.log, self.out = folder, log, out
        self.planned: dict[str, Counts] = {}

    def plan(self, *overrides: str) -> dict[str, Counts]:
        """Return planned, left, waiting, filtered and removed of each table."""
        _, left = longcap.plan(str(self.folder), str(self.out), config(self.log, *overrides), quiet=True)
        return {n: (c.planned, c.left, c.waiting, c.filtered, c.removed) for n, c in left.tables.items()}

    def run(self, *overrides: str) -> longcap.Result:
        self.planned = self.plan(*overrides)
        result = longcap.run(str(self.folder), str(self.out), config(self.log, *overrides), quiet=True)
        assert result.ok and result.report.exit_code == 0 and result.failures() == []
        assert verify(longcap.open(str(self.out))).findings == []
        for name, (planned, *rest) in self.plan(*overrides).items():
            told = result.report.tables[name]
            assert rest == [0, 0, told["filtered"], 0], f"nothing is left of {name}"
            assert told == {"planned": planned, "done": planned, "failed": 0, "left": 0, "filtered": rest[2]}
            assert (planned, rest[2]) == (self.planned[name][0], self.planned[name][3]), "as planned before"
        return result

    def made(self) -> dict[str, int]:
        return {name: calls(self.log, name) for name in ("heard", "entitle", "judge")}


def counts(result: longcap.Result) -> str:
    (row,) = result.table("counts").to_pylist()
    return str(row["counts"])


def test_no_table_has_rows_of_a_length_that_the_filter_excludes(folder: Path, log: Path, tmp_path: Path) -> None:
    job = Job(folder, log, tmp_path / "out")
    result = job.run("filter.duration_s.min=10")
    assert result.report.videos_filtered == 1 and job.made() == {"heard": 4, "entitle": 1, "judge": 1}
    assert {n: c[3] for n, c in job.planned.items()} == {"alone": 1, "below": 1, "titles": 1, "marks": 1, "counts": 0}
    assert counts(result) == "alone 2, below 2, dataset 1, marks 1"
    assert job.made() == {"heard": 0, "entitle": 0, "judge": 0}

    result = job.run("filter.duration_s.min=1000")
    assert counts(result) == "alone 2, below 2, dataset 0, marks 0", "other rows stay, as the captions do"
    assert job.made() == {"heard": 0, "entitle": 0, "judge": 0}


def test_tables_of_long_captions_follow_the_filter(folder: Path, log: Path, tmp_path: Path) -> None:
    job = Job(folder, log, tmp_path / "out")
    assert counts(job.run()) == "alone 3, below 3, dataset 2, marks 2"
    assert job.made() == {"heard": 6, "entitle": 2, "judge": 2}

    out = job.run("filter.shots.max=1")
    assert job.planned == {
        "alone": (3, 0, 0, 0, 0),
        "below": (3, 0, 0, 0, 0),
        "titles": (2, 0, 0, 0, 0),
        "marks": (1, 0, 0, 1, 1),
        "counts": (1, 1, 0, 0, 0),
    }
    assert counts(out) == "alone 3, below 3, dataset 1, marks 1" and out.report.videos_filtered == 1
    assert out.table("marks")["video_id"].to_pylist() == out.to_arrow()["video_id"].to_pylist()

    back = job.run()
    assert job.planned["marks"] == (2, 1, 0, 0, 0) and job.planned["counts"] == (1, 0, 1, 0, 0)
    assert counts(back) == "alone 3, below 3, dataset 2, marks 2", "in the run that lets it in"
    assert job.made() == {"heard": 0, "entitle": 0, "judge": 1}

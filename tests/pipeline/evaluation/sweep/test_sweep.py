"""A sweep makes what entries share once, and says which of them no other one beats."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from operators.core.rows import CAPTIONED_SEGMENT
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.config.load import load_config
from pipeline.evaluation.sweep.cost import cost_of
from pipeline.evaluation.sweep.entries import entries_of
from pipeline.evaluation.sweep.front import axis, front
from pipeline.evaluation.sweep.sharing import fingerprints
from pipeline.terminal.errors import UsageError
from tests.support import rows as made


def test_entries_are_all_combinations():
    found = entries_of(
        "measure", ["plan.fps=0.5,1", "narrate.section_s=60,120"], ["plan.window_s=8", "plan.stride_s=4"]
    )
    assert [e.name for e in found] == [
        "fps-0.5_section_s-60", "fps-0.5_section_s-120", "fps-1_section_s-60", "fps-1_section_s-120"
    ]  # fmt: skip
    assert found[0].config.decode.fps == 0.5  # plan has no fps, and only decode has
    assert found[3].config.narrate.section_s == 120 and found[3].config.plan.window_s == 8


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (["decode.fps"], "not of the form"),
        (["decode.fpz=1,2"], "not a known key"),
        (["decode.fps=1,2", "decode.fps=4"], "appears twice"),
        (["decode.fps=1,1"], "the name fps-1"),
        (["decode.fps=" + ",".join(map(str, range(1, 300)))], "at most 200"),
        ([], "at least one --over"),
    ],
)
def test_what_is_no_sweep_is_said(over, said):
    with pytest.raises(UsageError, match=said):
        entries_of("measure", over)


def test_dates_are_values_as_written():
    recipe = ["caption.engine={kind: openai, model: m, base_url: 'http://localhost:1/v1'}"]
    found = entries_of("measure", ["caption.engine.revision=2026-05-01,2026-06-01"], recipe)
    assert [e.name for e in found] == ["revision-2026-05-01", "revision-2026-06-01"]
    assert [e.config.caption.engine.revision for e in found] == ["2026-05-01", "2026-06-01"]
    assert json.loads(json.dumps([e.values for e in found])) == [e.values for e in found]


def test_wrong_references_are_found_before_the_first_run(tmp_path: Path, capsys):
    (tmp_path / "bad.json").write_text('{"bikes": {"x": 1}}')
    video, out = tmp_path / "a.mp4", tmp_path / "out"
    video.write_bytes(b"")
    for file in ("bad.json", "gone.jsonl"):
        arguments = ["sweep", "measure", str(video), "-o", str(out), "--over", "decode.fps=1,2"]
        assert main([*arguments, "--against", str(tmp_path / file)]) == 2
        err = capsys.readouterr().err
        assert file in err and err.count("\n") == 1 and not out.exists()


def test_only_what_decides_a_table_is_in_its_fingerprint():
    base, narrator, frames = (
        load_config("measure", [o]) for o in ("run.local_s=1", "narrate.section_s=90", "decode.fps=2")
    )
    a, b, c = map(fingerprints, (base, narrator, frames))
    assert a["segments"] == b["segments"] != c["segments"]
    assert len({a["dataset"], b["dataset"], c["dataset"]}) == 3
    assert a["videos"] == b["videos"] == c["videos"]


def test_the_front_is_what_no_other_one_beats():
    points = [(1.0, 0.5), (2.0, 0.7), (3.0, 0.6), (2.0, 0.7), (4.0, 0.9), (1.0, 0.4)]
    assert front(points) == [True, True, False, True, True, False]
    assert front([(1.0, 0.5), (2.0, 0.2), (3.0, 0.3)], better=-1) == [True, True, False]
    rows = [{"cost": {"cpu_s": 1.0, "tokens": 5}, "scores": {}}, {"cost": {"cpu_s": 2.0, "tokens": 5}, "scores": {}}]
    assert axis(None, rows, "cost") == "cpu_s"  # the one that differs
    assert axis("tokens", rows, "cost") == "tokens"


@pytest.mark.slow
def test_a_sweep_over_the_narrator_captions_once(tmp_path: Path, capsys):
    assert main(["demo", str(tmp_path / "videos"), "--stories", "1", "--seconds", "12"]) == 0
    arguments = ["sweep", "measure", str(tmp_path / "videos"), "-o", str(tmp_path / "sweep"), "--json"]
    arguments += ["--over", "narrate.section_s=30,60", "--set", "run.report_frames_s=0"]
    capsys.readouterr()
    assert main(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    first, second = data["entries"]
    assert first["shared"] == {} and second["shared"] == {"videos": first["entry"], "segments": first["entry"]}
    rows = [
        Store(str(tmp_path / "sweep" / e["entry"])).segments.read(["content_hash", "run_id"]).to_pylist()
        for e in (first, second)
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 1  # the run that made it is the first entry's
    assert second["cost"]["cpu_s"] > 0 and "words" in second["scores"]
    table = list(csv.DictReader((tmp_path / "sweep" / "sweep.csv").open()))
    assert [row["narrate.section_s"] for row in table] == ["30", "60"]
    assert (tmp_path / "sweep" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert main(arguments) == 0  # nothing is left to do
    again = json.loads(capsys.readouterr().out)
    assert [e["scores"] for e in again["entries"]] == [e["scores"] for e in data["entries"]]


def test_cpu_seconds_are_those_of_the_operators_however_busy_the_machine_was(tmp_path: Path):
    config = load_config("measure", ["run.local_s=1"])

    def cost(name: str, clock: float) -> dict[str, float]:
        """Of an output whose operators took the same CPU seconds, and by the clock `clock` times as long."""
        store = Store(str(tmp_path / name))
        times = {"decode": 2.0 * clock, "decode:cpu": 2.0, "caption": 3.0 * clock, "caption:cpu": 0.5, "old": clock}
        store.segments.fence()
        captions = [made.captioned("a", i) | {"timings": json.dumps(times)} for i in range(2)]
        store.segments.append(pa.Table.from_pylist(captions, schema=CAPTIONED_SEGMENT))
        return cost_of(store.uri, config)

    quiet, busy = cost("quiet", 1.0), cost("busy", 20.0)
    assert quiet == busy and quiet["cpu_s"] == 5.0


@pytest.mark.slow
def test_cpu_seconds_of_a_run_are_no_more_than_its_processes_had(tmp_path: Path):
    assert main(["demo", str(tmp_path / "videos"), "--stories", "1", "--seconds", "12"]) == 0
    before = os.times()
    assert main(["run", str(tmp_path / "videos"), "-o", str(tmp_path / "out"), "-c", "measure", "-q"]) == 0
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])  # of this process and of those that it has waited for
    found = cost_of(str(tmp_path / "out"), load_config("measure", []))["cpu_s"]
    assert 0 < found <= spent


def test_a_score_that_is_none_is_said(capsys):
    assert main(["sweep", "measure", "x.mp4", "-o", "s", "--over", "decode.fps=1,2", "--score", "event_recal"]) == 2
    assert "did you mean event_recall" in capsys.readouterr().err

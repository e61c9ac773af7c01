"""A sweep makes what entries share once, and says which of them no other one beats."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.config.load import load_config
from pipeline.evaluation.sweep.entries import entries_of
from pipeline.evaluation.sweep.front import axis, front
from pipeline.evaluation.sweep.sharing import fingerprints
from pipeline.terminal.errors import UsageError


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
        (["decode.fps=1,2", "decode.fps=4"], "stands twice"),
        (["decode.fps=1,1"], "the name fps-1"),
        (["decode.fps=" + ",".join(map(str, range(1, 300)))], "at most 200"),
        ([], "at least one --over"),
    ],
)
def test_what_is_no_sweep_is_said(over, said):
    with pytest.raises(UsageError, match=said):
        entries_of("measure", over)


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


def test_a_score_that_is_none_is_said(capsys):
    assert main(["sweep", "measure", "x.mp4", "-o", "s", "--over", "decode.fps=1,2", "--score", "event_recal"]) == 2
    assert "did you mean event_recall" in capsys.readouterr().err

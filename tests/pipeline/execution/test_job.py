"""The job as a whole, on a real Ray and real videos."""

from __future__ import annotations

import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import pipeline as longcap
from operators.core.base import Row
from operators.core.grid import Grid, Span
from operators.store.store import Store
from pipeline.config.types import Config
from tests.support.command import wait_until

pytestmark = pytest.mark.usefixtures("ray_session")

WITH_IMAGES = {"two_shots.mp4", "late.mkv", "vfr.mp4", "short.mp4", "truncated.mp4"}
WITHOUT = {"sound.mp4": "no video stream", "text.mp4": "not a video", "empty.mp4": "0 bytes"}


def config(*overrides: str) -> Config:
    return longcap.load_config(
        None, ["plan.segment_s=10", "run.max_failed=0.5", "resources.decode.actors=1", *overrides]
    )


def name(row: Row) -> str:
    return str(row["uri"]).rsplit("/", 1)[-1]


def hashes(out: Path | str) -> dict[str, list[str]]:
    output = longcap.open(str(out))
    told = {name(r): [r["content_hash"]] for r in output.to_arrow().to_pylist()}
    for row in output.store.segments.read().sort_by("segment_index").to_pylist():
        told[name(row)].append(row["content_hash"])
    return told


def test_one_row_for_each_video_with_frames_and_one_failure_for_each_without(done: longcap.Result) -> None:
    rows = done.to_arrow().to_pylist()
    assert sorted(name(r) for r in rows) == sorted(WITH_IMAGES)
    failures = [f for f in done.failures() if f["segment_index"] is None]
    assert sorted(name(f) for f in failures) == sorted(WITHOUT)
    for failure in failures:
        assert WITHOUT[name(failure)] in failure["message"]
        assert failure["replay"].startswith("longcap retry ")
        assert failure["stage"] == "probe" and failure["class"] == "undecodable"
    assert done.ok and done.report.videos_failed == len(WITHOUT) and not done.report.unaccounted
    assert done.report.ignored == {".txt": 1}


def test_owned_windows_are_the_grid_each_once(done: longcap.Result) -> None:
    for row in done.to_arrow().to_pylist():
        grid = Grid(row["duration_s"], 10.0, 5.0)
        windows = [w for s in done.captioned(row["video_id"]) for w in s["windows"]]
        expected = range(grid.window_count) if name(row) != "truncated.mp4" else grid.windows_of(Span(0.0, 10.0))
        assert [w["window_index"] for w in windows] == list(expected)
        for window in windows:
            span = grid.window(window["window_index"])
            assert (window["start_s"], window["end_s"]) == (span.start_s, span.end_s)
        owned = [grid.owned(w["window_index"]) for w in windows]
        assert owned[0].start_s == 0
        assert owned[-1].end_s == row["duration_s"] or name(row) == "truncated.mp4"
        assert all(a.end_s == b.start_s for a, b in pairwise(owned))


def test_sections_rest_on_windows_and_the_caption_is_made_of_them(done: longcap.Result) -> None:
    for row in done.to_arrow().to_pylist():
        told = [w for section in row["sections"] for w in section["windows"]]
        assert told == sorted(set(told)) and len(told) == row["windows_captioned"]
        assert row["caption"].endswith("\n\n".join(s["text"] for s in row["sections"]))
        assert row["words"] == len(row["caption"].split()) > 5


def test_damage_is_counted(done: longcap.Result) -> None:
    rows = {name(r): r for r in done.to_arrow().to_pylist()}
    assert 0.3 < rows["truncated.mp4"]["coverage"] < 0.7
    assert rows["truncated.mp4"]["integrity"] is False
    lost = [f for f in done.failures() if f["segment_index"] is not None]
    assert [(name(f), f["segment_index"], f["class"]) for f in lost] == [("truncated.mp4", 1, "undecodable")]
    assert lost[0]["replay"].endswith("--segment 1")
    for whole in WITH_IMAGES - {"truncated.mp4"}:
        assert rows[whole]["coverage"] == 1.0 and rows[whole]["integrity"] is True, whole


def test_time_counts_from_the_first_frame_and_pts_are_the_containers(done: longcap.Result) -> None:
    row = next(r for r in done.to_arrow().to_pylist() if name(r) == "late.mkv")
    assert row["first_pts_s"] == pytest.approx(5.0, abs=0.01) and row["duration_s"] == pytest.approx(12.0, abs=0.11)
    frames = [f for s in done.captioned(row["video_id"]) for f in s["frames"]]
    assert [f["time_s"] for f in frames] == [float(t) for t in range(len(frames))]
    assert all(f["pts_s"] == pytest.approx(f["time_s"] + 5.0, abs=0.001) for f in frames)


def test_what_is_measured_reaches_the_long_caption(done: longcap.Result) -> None:
    row = next(r for r in done.to_arrow().to_pylist() if name(r) == "two_shots.mp4")
    text = row["caption"].lower()
    assert "pan" in text and "two shots" in text and "red" in text


def test_plain_parquet_readers_see_exactly_the_table(done: longcap.Result) -> None:
    for table in ("dataset", "segments", "failures", "videos"):
        plain = pq.read_table([str(p) for p in Path(done.uri, table).glob("*.parquet")])
        assert plain.num_rows == DeltaTable(f"{done.uri}/{table}").to_pyarrow_table().num_rows
    assert done.to_ray().count() == done.to_arrow().num_rows == len(done.to_pandas())
    assert "| with a long caption | 5 |" in Path(done.uri, "README.md").read_text()


def test_phased_and_other_pools_give_the_same_rows(done: longcap.Result, clips: Path, tmp_path: Path) -> None:
    other = config("run.schedule=phased", "resources.decode.actors=2", "resources.caption.actors=2")
    longcap.run(str(clips), str(tmp_path / "out"), other, quiet=True)
    assert hashes(tmp_path / "out") == hashes(done.uri)


def test_the_first_video_is_told_while_others_still_decode(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(6):
        shutil.copy(clips / "two_shots.mp4", folder / f"{k}.mp4")
    result = longcap.run(str(folder), str(tmp_path / "out"), config("resources.decode.actors=1"), quiet=True)
    told = [h["timestamp"] for h in DeltaTable(f"{result.uri}/dataset").history() if h["operation"] == "WRITE"]
    captioned = [h["timestamp"] for h in DeltaTable(f"{result.uri}/segments").history() if h["operation"] == "WRITE"]
    assert sorted(told)[1] < max(captioned), "no long caption was durable before the last segment's captions were"


def test_probing_on_the_cluster_finds_what_probing_here_does(
    done: longcap.Result, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.execution.prober._PROBED_HERE", 0)
    plan, left = longcap.plan(str(clips), str(tmp_path / "out"), config(), quiet=True)
    found = {v["video_id"]: {**v, "run_id": ""} for v in Store(str(tmp_path / "out")).videos.read().to_pylist()}
    assert found == {v["video_id"]: {**v, "run_id": ""} for v in done.store.videos.read().to_pylist()}
    assert len(plan.videos) == 5 and len(left.given_up) == 3
    assert {f["stage"] for f in longcap.open(str(tmp_path / "out")).failures()} == {"probe"}


def test_a_run_leaves_no_actor_in_a_ray_that_lives_on(clips: Path, tmp_path: Path) -> None:
    def alive() -> set[int]:
        found = set()
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it ends while it is looked at
                if process.cmdline()[:1] and process.cmdline()[0].startswith(("ray::Coordinator", "ray::MapWorker")):
                    found.add(process.pid)
        return found

    before = alive()
    longcap.run(str(clips / "short.mp4"), str(tmp_path / "out"), config(), quiet=True)
    wait_until(lambda: alive() <= before, "the end of every actor of the run", timeout_s=240)

"""The filter in whole runs on real videos: who is left out and why, and that another filter costs nothing again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import pipeline as longcap
from operators.analysis.filter import reason_of
from operators.core.base import Row
from pipeline.cli.main import main
from tests.support.scenes import Scene, Thing, render, texture

_GRID = ("plan.segment_s=10",)
TAKES = ("filter.shots.max=1", "filter.still.max=0.5", "filter.duration_s.min=5")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long take that moves, one that pans, two shots, a still image, and a video that is short."""
    folder = tmp_path_factory.mktemp("clips")
    ball = Thing(colour="red", shape="box", size=0.4, at=(0.05, 0.28), speed=(0.06, 0.0))
    calm = texture("green", "white", seed=1)
    render(folder / "take.mp4", [Scene(seconds=12, canvas=calm, things=(ball,))])
    render(folder / "pan.mp4", [Scene(seconds=7, canvas=texture("blue", "white", seed=2), pan=0.1)])
    render(folder / "cut.mp4", [Scene(seconds=4, canvas=texture(c, "white", seed=3), pan=0.1) for c in ("red", "teal")])
    render(folder / "still.mp4", [Scene(seconds=7, canvas=texture("brown", "beige", seed=4))])
    render(folder / "brief.mp4", [Scene(seconds=2, canvas=texture("purple", "white", seed=5), pan=0.1)])
    return folder


def run(clips: Path | str, out: Path, *overrides: str) -> longcap.Result:
    return longcap.run(str(clips), str(out), longcap.load_config(None, [*_GRID, *overrides]), quiet=True)


@pytest.fixture(scope="module")
def filtered(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> longcap.Result:
    """A run that wants long takes; tests that change it work on a copy."""
    return run(clips, tmp_path_factory.mktemp("out") / "captions", *TAKES)


@pytest.fixture
def out(filtered: longcap.Result, tmp_path: Path) -> Path:
    shutil.copytree(filtered.uri, tmp_path / "out")
    return tmp_path / "out"


def name(row: Row) -> str:
    return str(row["uri"]).rsplit("/", 1)[-1].removesuffix(".mp4")


def told(out: Path | str) -> dict[str, Row]:
    return {name(r): r for r in longcap.open(str(out)).to_arrow().to_pylist()}


def left_out(out: Path | str) -> dict[str, Row]:
    return {name(r): r for r in longcap.open(str(out)).filtered().to_pylist()}


def test_what_misses_a_bound_is_left_out_with_the_reason_and_is_no_failure(filtered: longcap.Result) -> None:
    assert set(told(filtered.uri)) == {"take", "pan"}
    reasons = {who: reason_of(row["filtered"]) for who, row in left_out(filtered.uri).items()}
    assert reasons == {
        "cut": "shots is 2, wanted is at most 1",
        "still": "still is 1, wanted is at most 0.5",
        "brief": "duration_s is 2, wanted is at least 5",
    }
    report = filtered.report
    assert filtered.ok and report.exit_code == 0
    assert (report.videos_narrated, report.videos_filtered, report.videos_failed) == (2, 3, 0)
    assert sorted(report.filtered.values()) == sorted(reasons.values())
    assert not filtered.failures()


def test_what_is_left_out_is_measured_and_not_narrated(filtered: longcap.Result) -> None:
    rows = left_out(filtered.uri)
    assert all(r["caption"] is None and r["sections"] is None for r in rows.values())
    assert rows["still"]["still"] == 1.0 and rows["cut"]["longest_shot_s"] == pytest.approx(4.0, abs=0.1)
    ids = {r["video_id"] for r in filtered.store.segments.read(["video_id"]).to_pylist()}
    assert ids == {r["video_id"] for who, r in {**told(filtered.uri), **rows}.items() if who != "brief"}, "not decoded"


def test_plain_readers_verify_status_show_and_the_card_agree(
    filtered: longcap.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(p) for p in Path(filtered.uri, "dataset").glob("*.parquet")]
    assert {name(r) for r in pq.read_table(files).to_pylist()} == {"take", "pan"}
    assert main(["verify", filtered.uri]) == 0
    assert "5 planned videos: 2 in the dataset, 3 left out by the filter, 0 in failures" in capsys.readouterr().out
    assert main(["status", filtered.uri, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["filtered"] == 3
    assert main(["show", filtered.uri]) == 0
    assert "left out by the filter: cut.mp4: shots is 2, wanted is at most 1" in capsys.readouterr().out
    assert main(["show", filtered.uri, "still.mp4"]) == 1
    assert "the filter excluded it: still is 1" in capsys.readouterr().err
    assert "| that the filter left out | 3 |" in Path(filtered.uri, "README.md").read_text()


def test_a_second_run_has_nothing_to_do(out: Path, clips: Path) -> None:
    before = told(out), left_out(out)
    plan, left = longcap.plan(str(clips), str(out), longcap.load_config(None, [*_GRID, *TAKES]), quiet=True)
    assert left.nothing and len(left.filtered) == 3 and len(plan.videos) == 5
    assert run(clips, out, *TAKES).report.videos_filtered == 3
    assert (told(out), left_out(out)) == before


def test_another_filter_narrates_what_it_lets_in_and_captions_nothing_again(out: Path, clips: Path) -> None:
    captions = pq.read_table(str(out / "segments"), columns=["content_hash"]).sort_by("content_hash")
    before = told(out)
    looser = run(clips, out, "filter.still.max=0.5", "filter.duration_s.min=5").report
    assert (looser.segments_captioned, looser.videos_narrated, looser.videos_filtered) == (0, 3, 2)
    now = told(out)
    assert set(now) == {"take", "pan", "cut"} and set(left_out(out)) == {"still", "brief"}
    assert {who: now[who] for who in before} == before, "rows that stood are not written anew"
    assert pq.read_table(str(out / "segments"), columns=["content_hash"]).sort_by("content_hash") == captions
    assert main(["verify", str(out)]) == 0

    none = run(clips, out).report
    assert (none.segments_captioned, none.videos_narrated, none.videos_filtered) == (1, 5, 0)
    assert not left_out(out) and main(["verify", str(out)]) == 0


def test_a_long_caption_goes_with_its_video_and_comes_back_as_it_was(out: Path, clips: Path) -> None:
    before = told(out)
    strict = run(clips, out, *TAKES, "filter.moving_camera.max=0.5").report
    assert (strict.videos_narrated, strict.videos_filtered, strict.segments_captioned) == (1, 4, 0)
    gone = left_out(out)["pan"]
    assert {n: gone[n] for n in before["pan"]} == before["pan"]
    assert [m["column"] for m in gone["filtered"]] == ["moving_camera"]
    assert main(["verify", str(out)]) == 0

    run(clips, out, *TAKES, "filter.moving_camera.max=0.6")
    assert left_out(out)["pan"]["filtered"][0]["max"] == 0.6, "the reason is the one of now"
    assert run(clips, out, *TAKES).report.videos_narrated == 2
    assert told(out) == before and main(["verify", str(out)]) == 0


def test_a_run_that_died_while_a_video_moved_is_put_right(out: Path, clips: Path) -> None:
    output = longcap.open(str(out))
    pan = told(out)["pan"]
    misses = [{"column": "moving_camera", "value": 1.0, "min": None, "max": 0.5}]
    output.store.filtered.fence()
    table = output.filtered().from_pylist([{**pan, "filtered": misses}], schema=output.store.filtered.schema)
    output.store.filtered.append(table)
    assert main(["verify", str(out)]) == 1
    run(clips, out, *TAKES)
    assert "pan" in told(out) and "pan" not in left_out(out) and main(["verify", str(out)]) == 0


def test_verify_finds_a_row_that_the_filter_does_not_want(
    out: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = longcap.open(str(out))
    output.store.dataset.fence()
    wrong = {**left_out(out)["cut"], "caption": "A.", "words": 1}
    output.store.dataset.append(output.to_arrow().from_pylist([wrong], schema=output.store.dataset.schema))
    assert main(["verify", str(out)]) == 1
    said = capsys.readouterr().out
    assert "in the dataset, but the filter of its plan excludes it: shots is 2" in said
    assert "stands in the dataset and in filtered" in said


def test_what_is_not_measured_leaves_nothing_out_and_that_is_said(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [str(clips), "-o", str(tmp_path / "out"), "--only", "pan.mp4", "--set", "filter.text_share.max=0.1"]
    assert main(["plan", *where]) == 0
    said = capsys.readouterr().out
    assert "filter: text_share at most 0.1\n  text_share is not measured (measure.ocr is false)" in said
    assert main(["run", *where]) == 0
    assert "text_share was not measured in 1 narrated video" in capsys.readouterr().out
    assert set(told(tmp_path / "out")) == {"pan"}


def test_the_dataset_is_the_manifest_of_the_run_with_the_dear_model(
    filtered: longcap.Result, clips: Path, tmp_path: Path
) -> None:
    rows = [{"uri": str(clips / f"{who}.mp4"), "video_id": who, "license": "CC0"} for who in ("take", "cut")]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run(tmp_path / "list.jsonl", tmp_path / "cheap", *TAKES)
    dear = run(f"{tmp_path}/cheap/dataset/*.parquet", tmp_path / "dear", "plan.window_s=8", "plan.stride_s=5")
    (row,) = dear.to_arrow().to_pylist()
    assert (row["video_id"], json.loads(row["metadata"])) == ("take", {"license": "CC0"})
    assert dear.report.videos_planned == 1 and main(["verify", dear.uri]) == 0


SCORED = {
    "scores": {"level": "video", "from": ["segments"], "steps": ["tests.support.scoring:Scoring"]},
    "dataset": {"from": ["segments", "scores"], "steps": ["narrate"]},
}


def test_scores_of_further_tables_have_bounds(clips: Path, tmp_path: Path) -> None:
    made, tables = tmp_path / "out", f"tables={json.dumps(SCORED)}"
    first = run(clips, made, tables, "filter.match_score.min=0.3", "filter.rating.max=5")
    assert first.report.videos_filtered == 2 and set(told(made)) == {"pan", "cut", "still"}
    reasons = {who: reason_of(row["filtered"]) for who, row in left_out(made).items()}
    assert reasons == {
        "take": "rating is 6, wanted is at most 5",
        "brief": "match_score is 0.1, wanted is at least 0.3",
    }
    assert told(made)["pan"]["match_score"] == pytest.approx(0.35) and told(made)["pan"]["rating"] == pytest.approx(3.5)
    again = run(clips, made, tables, "filter.rating.max=1").report
    assert (again.segments_captioned, again.videos_narrated) == (0, 1) and set(told(made)) == {"brief"}
    assert main(["verify", str(made)]) == 0


def test_a_bound_on_what_nobody_scores_is_named(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(clips), "--set", "filter.match_score.min=0.3", "--set", "filter.rating.min=5"]) == 0
    said = capsys.readouterr()
    assert "the dataset is not made from a table of match" in said.out + said.err
    assert "the dataset is not made from a table of rate" in said.out + said.err

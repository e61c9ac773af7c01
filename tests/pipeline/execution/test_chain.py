"""One chain through a whole video: in order, durable step by step, and gone on with after a death."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import pipeline as longcap
from operators.core import rows
from operators.core.base import Row
from operators.store.store import Store
from pipeline.config.types import Config
from pipeline.execution.chain import _slim, chain_table, committed_of, last_window
from tests.support import video
from tests.support.command import wait_until
from tests.support.rows import captioned, image

ENGINE = "tests.support.engines:Model"


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of six segments of 10 s, and one of two."""
    folder = tmp_path_factory.mktemp("long")
    video.render(folder / "long.mp4", count=300, fps=5.0)
    video.render(folder / "short.mp4", count=105, fps=5.0)
    return folder


def config(script: list[dict[str, Any]], *overrides: str) -> Config:
    engine = {"kind": ENGINE, "script": json.dumps(script)}
    return longcap.load_config(
        None,
        [
            "plan.segment_s=10",
            "caption.chain=video",
            "run.max_failed=1.0",
            f"caption.engine={json.dumps(engine)}",
            *overrides,
        ],
    )


def windows_of(output: longcap.Output, name: str) -> list[Row]:
    found = output.find(name)["video_id"]
    return sorted((w for s in output.captioned(found) for w in s["windows"]), key=lambda w: int(w["window_index"]))


def test_every_window_is_told_in_the_light_of_the_one_before_through_the_whole_video(
    long_clips: Path, tmp_path: Path
) -> None:
    result = longcap.run(str(long_clips), str(tmp_path / "out"), config([]), quiet=True)
    assert result.ok, result.report
    for name, count in (("long.mp4", 11), ("short.mp4", 4)):
        windows = windows_of(result, name)
        assert [w["window_index"] for w in windows] == list(range(count))
        assert [w["previous_window"] for w in windows] == [None, *range(count - 1)]
    assert result.report.segments_captioned == 8
    # a chain of its own in each segment begins anew, so that prompts differ only at the first window of a segment
    other = longcap.run(
        str(long_clips),
        str(tmp_path / "other"),
        config([], "caption.chain=segment", "caption.warm_up_windows=0"),
        quiet=True,
    )
    chained, anew = windows_of(result, "long.mp4"), windows_of(other, "long.mp4")
    assert [a["prompt_hash"] == b["prompt_hash"] for a, b in zip(chained, anew, strict=True)].count(False) == 5


def test_a_failed_segment_leaves_a_hole_and_the_chain_goes_on_from_the_last_good_window(
    long_clips: Path, tmp_path: Path
) -> None:
    script = [{"kind": "window", "window": k, "do": "empty"} for k in (4, 5)]
    result = longcap.run(
        str(long_clips / "long.mp4"), str(tmp_path / "out"), config(script, "caption.tries=1"), quiet=True
    )
    windows = windows_of(result, "long.mp4")
    assert [w["window_index"] for w in windows] == [0, 1, 2, 3, 6, 7, 8, 9, 10]
    assert windows[4]["previous_window"] == 3
    failed = [f for f in result.failures() if f["segment_index"] is not None]
    assert [(f["segment_index"], f["class"]) for f in failed] == [(2, "gate")]
    assert result.to_arrow()["coverage"].to_pylist() == [pytest.approx(50 / 60, abs=1e-4)]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_an_actor_that_is_killed_in_mid_chain_costs_no_more_than_a_segment(long_clips: Path, tmp_path: Path) -> None:
    whole = longcap.run(str(long_clips / "long.mp4"), str(tmp_path / "whole"), config([]), quiet=True)
    slow = config([{"kind": "window", "do": "sleep", "sleep_s": 0.4}])
    # the engine's script is no part of what it answers here: compare texts and prompts, not keys
    out, killed = str(tmp_path / "out"), []

    def killer() -> None:
        store = Store(out)
        wait_until(lambda: store.segments.exists() and len(store.segments.read(["key"])) >= 2, "two durable segments")
        for process in psutil.process_iter(["cmdline"]):
            if process.info["cmdline"] and "ray::MapWorker(MapBatches(ChainStage))" in process.info["cmdline"][0]:
                process.kill()
                killed.append(len(store.segments.read(["key"])))
                return

    thread = threading.Thread(target=killer)
    thread.start()
    result = longcap.run(str(long_clips / "long.mp4"), out, slow, quiet=True)
    thread.join()
    assert killed, "no actor of the chain was found"
    assert result.ok, result.report
    again, before = windows_of(result, "long.mp4"), windows_of(whole, "long.mp4")
    for key in ("window_index", "text", "prompt_hash", "previous_window"):
        assert [w[key] for w in again] == [w[key] for w in before]


def test_the_plan_of_a_chain_is_a_row_a_video() -> None:
    segments = [
        {"video_id": v, "key": f"k{v}", "segment_index": i, "start_s": 10.0 * i} for v in "ab" for i in range(3)
    ]
    table = chain_table(segments)
    assert table["video_id"].to_pylist() == ["a", "b"]
    assert [[s["segment_index"] for s in row] for row in table["segments"].to_pylist()] == [[0, 1, 2]] * 2


def test_the_last_good_window_before_a_segment_seeds_it() -> None:
    durable = {
        0: {"windows": [{"text": "first", "window_index": 1}]},
        1: {"windows": []},
        3: {"windows": [{"text": "later", "window_index": 7}]},
    }
    assert last_window(durable, 0) is None
    assert last_window(durable, 2) == {"text": "first", "window_index": 1}
    assert last_window(durable, 4) == {"text": "later", "window_index": 7}


def test_what_a_chain_keeps_and_sends_holds_no_frames() -> None:
    row = {**captioned("v", 0), "images": [image(0.0)], "signals": {"luma": b"1" * 10_000}}
    row["windows"][-1]["valid"] = False
    kept = _slim(row)
    assert set(kept) == {"windows"} and [w["window_index"] for w in kept["windows"]] == [10]
    sent = set(committed_of(rows.CAPTIONED_SEGMENT).names)
    assert not {"images", "signals"} & sent
    assert sent >= {*rows.CAPTIONED_SEGMENT.names, "failure", "passes", "attempts"}

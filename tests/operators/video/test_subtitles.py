"""Subtitles beside a video: read in a process that may die, and never a reason to lose the video."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pyarrow as pa
import pytest

from operators.core.base import ItemError, Row
from operators.core.rows import SUBTITLES
from operators.video.facts import probe
from operators.video.isolation import DecodeChild
from operators.video.subtitles import SubtitleReader
from pipeline.config.types import SourceOptions
from pipeline.sources.listing import list_sources
from tests.operators.analysis.reel import measure, reel
from tests.support.speech import write_clip

SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Good
morning.</i>

2
00:00:08,000 --> 00:00:09,000
Who is there?
"""


@pytest.fixture(scope="module")
def child() -> Iterator[DecodeChild]:
    with DecodeChild(no_progress_s=5.0, memory_limit_bytes=400 * 2**20) as one:
        yield one


def _row(path: Path, **more: Any) -> Row:
    return {"subtitles_uri": str(path), "source_version": None, "first_pts_s": 0.0, "passes": 0, **more}


def _status(child: DecodeChild, path: Path, **more: Any) -> str:
    found = SubtitleReader(child.run).of(_row(path, **more))
    assert found is not None
    assert (found.status == "read") == bool(found.cues)
    return found.status


def test_the_lines_of_a_span_reach_the_facts_clipped(child: DecodeChild, tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT, "utf-8")
    found = SubtitleReader(child.run).of(_row(path))
    assert found is not None
    lines = found.between(0.0, 3.0).row()
    assert lines == {"status": "read", "lines": [{"start_s": 1.0, "end_s": 3.5, "text": "Good morning."}]}
    assert pa.array([lines], SUBTITLES).to_pylist() == [lines]
    row, _, _ = reel()
    facts = measure({**row, "subtitle_lines": lines, "decode_start_s": 0.0, "decode_end_s": 3.0, "signals": None})
    assert [(x.text, x.start_s, x.end_s) for x in facts.subtitles or ()] == [("Good morning.", 1.0, 3.0)]
    assert facts.subtitles_status == "read"
    none = measure({**row, "subtitle_lines": None, "signals": None})
    assert none.subtitles is none.subtitles_status is None


def test_whatever_lies_there_the_status_says_why_it_is_not_read(child: DecodeChild, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.srt" for name in ("fifo", "folder", "device", "socket", "nowhere", "gone")}
    os.mkfifo(paths["fifo"])
    paths["folder"].mkdir()
    paths["device"].symlink_to("/dev/zero")
    paths["nowhere"].symlink_to("/nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths["socket"]))
        for name in ("fifo", "folder", "device", "socket"):
            assert _status(child, paths[name]) == "not read: it is not a regular file", name
    for name in ("nowhere", "gone"):
        assert _status(child, paths[name]) == "not read: the file does not exist", name
    pid = child.pid
    cue = "1\n00:00:00,000 --> 00:00:01,500\n{}\n\n"
    texts: dict[str, tuple[str | bytes, str]] = {
        "empty": ("", "the file is empty"),
        "large": (" " * (16 * 2**20 + 1), "the file is larger than 16 MiB"),
        "line": (cue.format("word " * 4000), "a line has more than 10,000 characters"),
        "crowded": ("".join(cue.format(f"line {i}") for i in range(8000)), "a minute of it has more than 60,000"),
        "silent": (cue.format("{\\an8}"), "it holds no lines"),
        "other": ("nothing of the kind", "it is no subtitle format that is known"),
        "old": (cue.format("Да.").encode("koi8-r"), "its encoding cannot be determined: there is too little text"),
    }
    for name, (text, why) in texts.items():
        path = tmp_path / f"{name}.srt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        assert _status(child, path).startswith(f"not read: {why}"), name
    assert child.pid == pid, "nothing of this costs the process"


def test_a_reader_that_is_killed_or_forbidden_costs_the_subtitles_alone(tmp_path: Path) -> None:
    def failing(failure: str) -> Any:
        def run(job: str, **arguments: Any) -> Any:
            raise ItemError(failure, "the decoder was ended")  # type: ignore[arg-type]

        return run

    for failure in ("timeout", "crash", "out_of_memory", "internal"):
        found = SubtitleReader(failing(failure)).of(_row(tmp_path / "a.srt"))
        assert found is not None and found.status.startswith("not read: reading them"), failure
    with pytest.raises(ItemError, match="storage"):
        SubtitleReader(failing("storage")).of(_row(tmp_path / "a.srt"))
    last = SubtitleReader(failing("storage")).of(_row(tmp_path / "a.srt", passes=1))
    assert last is not None and last.status == "not read: storage did not answer"


def test_lines_of_a_video_that_starts_after_its_sound_are_moved(child: DecodeChild, tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT, "utf-8")
    for name, first_pts_s, delays_s, first_s in (("late.mkv", 3.0, [], 5.0), ("even.mkv", 3.0, [0.0], 8.0)):
        tone = np.full(16_000 * 8, 900, np.int16)
        clip = write_clip(tmp_path / name, [tone], length_s=8.0, first_pts_s=first_pts_s, delays_s=delays_s)
        facts = probe(str(clip))
        if name == "late.mkv":  # sound from the start of playback
            late = tmp_path / "sound.mkv"
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-itsoffset", "3", "-i", str(clip)]
            subprocess.run(
                [*command, "-i", str(clip), "-map", "0:v", "-map", "1:a", "-c", "copy", str(late)], check=True
            )
            clip, facts = late, probe(str(late))
        found = SubtitleReader(child.run).of(_row(path, uri=str(clip), first_pts_s=facts["first_pts_s"]))
        assert found is not None and found.cues[-1].start_s == pytest.approx(first_s, abs=0.1), name


def test_a_video_is_read_once_and_only_as_it_was_listed(child: DecodeChild, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    path = tmp_path / "a.srt"
    path.write_text(SRT, "utf-8")
    (row,) = list_sources([str(tmp_path)], SourceOptions()).rows
    asked = []

    def run(job: str, **arguments: Any) -> Any:
        asked.append(job)
        return child.run(job, **arguments)

    reader = SubtitleReader(run)
    assert reader.of(_row(path, **row)) is reader.of(_row(path, **row))
    assert len(asked) == 1
    path.write_text(SRT.replace("Good", "Bad"), "utf-8")
    with pytest.raises(ItemError, match="has changed since it was listed") as problem:
        SubtitleReader(child.run).of(_row(path, **row))
    assert problem.value.failure_class == "changed"
    (row,) = list_sources([str(tmp_path)], SourceOptions()).rows
    assert _status(child, path, **row) == "read"
    (row,) = list_sources([str(tmp_path / "a.mp4")], SourceOptions()).rows  # a pipe has nothing to compare
    path.unlink()
    os.mkfifo(path)
    (row,) = list_sources([str(tmp_path / "a.mp4")], SourceOptions()).rows
    assert _status(child, path, **row) == "not read: it is not a regular file"

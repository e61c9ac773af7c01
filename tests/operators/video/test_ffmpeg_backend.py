"""The ffmpeg program as a back end, and what becomes of it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from longcap import paths
from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.ffmpeg_backend import FfmpegSource, ffmpeg_program
from operators.video.source import Source
from tests.support.video import flip_bytes, read_jpeg, render


def _decode(path: Path, **row: float) -> dict[str, Any]:
    facts = probe(str(path))
    span = {"start_s": 0.0, "end_s": facts["duration_s"], "decode_start_s": 0.0, "decode_end_s": facts["duration_s"]}
    with Decode(backend="ffmpeg").open() as decode:
        return decode({"uri": str(path), **facts, **span, **row})


@pytest.mark.parametrize("how", [{}, {"turn_deg": 90}, {"first_pts_s": 3.0}, {"pix_fmt": "yuv420p10le"}])
def test_the_same_rows_as_the_default(how: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=50, **how)
    found = _decode(path)
    assert found["decode"]["backend"] == "ffmpeg"
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [0, 10, 20, 30, 40]
    assert [p["pts_s"] - found["first_pts_s"] for p in found["images"]] == pytest.approx([0, 1, 2, 3, 4])
    assert len(found["signals"]["times_s"]) == 40


def test_a_segment_far_in_gets_its_own_frames(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    render(path, count=1200, fps=10.0)
    found = _decode(path, start_s=100.0, end_s=105.0, decode_start_s=100.0, decode_end_s=105.0)
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [1000, 1010, 1020, 1030, 1040]
    assert found["decode"]["pictures_decoded"] < 800  # what comes long before is decoded there and not sent


def test_damage_is_counted(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole.mkv", tmp_path / "bad.mkv"
    render(whole, count=60, codec="ffv1")
    flip_bytes(whole, bad, count=30, after=0.3, before=0.6)
    assert _decode(bad)["decode"]["damaged_packets"] > 0


def test_it_ends_with_the_decoder(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=60)
    with Source(str(path)) as source:
        decoder = open_decoder("ffmpeg", source, first_pts_s=0.0)
        next(iter(decoder.sample([0.0], step_s=1.0)))
        programs = [p for p in psutil.Process().children() if "ffmpeg" in p.name()]
        assert len(programs) == 1
        decoder.close()
        assert not programs[0].is_running()


def test_what_it_cannot_read_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=20)
    source = FfmpegSource(Source(str(path)), from_s=0.0)
    path.write_bytes(b"gone bad since it was looked at")
    with pytest.raises(ItemError, match="ffmpeg gives no frame") as caught:
        source.open()
    assert caught.value.failure_class == "undecodable"


def test_without_the_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ItemError, match="pip install imageio-ffmpeg"):
        ffmpeg_program()


_PARENT = """
import subprocess, sys
from operators.video.ffmpeg_backend import ffmpeg_command
endless = ["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc", "-f", "null", "-"]
print(subprocess.Popen(ffmpeg_command(endless)).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is not killed with its parent")
def test_the_program_is_killed_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=paths.environment()
    )
    with parent, contextlib.ExitStack() as ending:
        ending.callback(parent.kill)
        assert parent.stdout is not None
        program = psutil.Process(int(parent.stdout.readline()))
        until = time.monotonic() + 20
        while "ffmpeg" not in program.name() and time.monotonic() < until:
            time.sleep(0.05)
        assert "ffmpeg" in program.name()
        parent.kill()
        assert not psutil.wait_procs([program], timeout=20)[1]

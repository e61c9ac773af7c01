"""Raw bitstreams without time stamps: every frame, at the time that the frame rate gives it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import pytest

from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.keyframes import keyframe_times
from operators.video.parts import load_parts
from operators.video.protocol import BACKENDS
from operators.video.source import Source
from tests.support.video import read_index, read_jpeg, render

KINDS: dict[str, dict[str, Any]] = {
    "plain.h264": {"b_frames": 0},
    "reordered.h264": {"b_frames": 3},
    "open.h264": {"b_frames": 3, "open_gop": True},
    "open.hevc": {"codec": "libx265", "b_frames": 3, "open_gop": True},
    "named.mp4": {"b_frames": 2},
    "fast.h264": {"fps": 30.0},
}


def _raw(folder: Path, name: str, how: dict[str, Any], count: int = 60) -> Path:
    """A bare bitstream: what the container of a clip holds, in Annex B."""
    codec = "hevc" if how.get("codec") == "libx265" else "h264"
    path = folder / f"{name}.{codec}"
    render(path, count=count, gop=12, **{"fps": 25.0, **how})
    return path.rename(folder / name)


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("backend", ["pyav", "pyav-sequential", "ffmpeg"])
def test_every_frame_has_its_time(name: str, backend: Any, tmp_path: Path) -> None:
    path = _raw(tmp_path, name, KINDS[name])
    facts = probe(str(path))
    fps = KINDS[name].get("fps", 25.0)
    assert (facts["fps"], facts["parts"], facts["first_pts_s"]) == (fps, None, 0.0)
    assert facts["duration_s"] == pytest.approx(60 / fps)
    times_s = [k / fps for k in random.Random(3).sample(range(60), 12)]
    with Source(str(path)) as source:
        decoder = open_decoder(backend, source, first_pts_s=0.0)
        found = {s.time_s: read_index(s.frame.to_ndarray(format="rgb24")) for s in decoder.sample(times_s, step_s=0.0)}
        decoder.close()
    assert found == {time_s: round(time_s * fps) for time_s in times_s}
    assert backend in BACKENDS


def test_a_segment_of_a_raw_stream(tmp_path: Path) -> None:
    path = _raw(tmp_path, "cam.h264", {"b_frames": 2}, count=200)
    facts = probe(str(path))
    row = {"uri": str(path), "video_id": "v", **facts, "start_s": 2.0, "end_s": facts["duration_s"]}
    with Decode().open() as apply:
        found = apply(row | {"decode_start_s": 2.0, "decode_end_s": facts["duration_s"]})
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [50, 75, 100, 125, 150, 175]
    assert (found["decode"]["decoded_s"], found["decode"]["damaged_packets"]) == (6.0, 0)
    with Source(str(path)) as source:
        assert keyframe_times(source, first_pts_s=0.0, start_s=1.0, end_s=2.0) == pytest.approx([1.44, 1.92])


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_long_one_is_cut_so_that_seeking_is_cheap(codec: str, tmp_path: Path) -> None:
    name = f"long.{codec}"
    how = {"b_frames": 2, "fps": 2.0} | ({"codec": "libx265"} if codec == "hevc" else {})
    path = _raw(tmp_path, name, how, count=150)
    facts = probe(str(path))
    parts = load_parts(facts["parts"])
    if codec == "h264":
        assert len(parts) == 3 and facts["discontinuities"] == 0
    assert facts["duration_s"] == pytest.approx(75.0)
    with Source(str(path)) as source:
        decoder = open_decoder("pyav", source, first_pts_s=0.0, parts=parts)
        times_s = [k / 2 for k in range(150)]
        found = [read_index(s.frame.to_ndarray(format="rgb24")) for s in decoder.sample(times_s, step_s=0.0)]
        decoder.close()
    assert found == list(range(150))
    with Source(str(path)) as source:
        decoder = open_decoder("pyav", source, first_pts_s=0.0, parts=parts)
        (one,) = decoder.sample([70.0], step_s=0.0)
        assert read_index(one.frame.to_ndarray(format="rgb24")) == 140 and one.pts_s == pytest.approx(70.0)
        assert codec == "hevc" or decoder.frames_decoded < 60
        decoder.close()


def test_damage_does_not_move_what_comes_after_it_far(tmp_path: Path) -> None:
    path = _raw(tmp_path, "cam.h264", {"b_frames": 0, "noise": 4.0}, count=100)
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 3000):
        data[at] = 0x55
    path.write_bytes(bytes(data))
    try:
        assert probe(str(path))["duration_s"] == pytest.approx(4.0, abs=0.5)
    except ItemError as error:
        pytest.fail(error.message)


def test_motion_jpeg_without_a_container(tmp_path: Path) -> None:
    render(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", count=60, fps=25.0)
    with av.open(str(tmp_path / "a.avi")) as clip:
        frames = [bytes(packet) for packet in clip.demux(video=0) if packet.size]
    path = tmp_path / "cam.mp4"
    path.write_bytes(b"".join(frames))
    facts = probe(str(path))
    assert (facts["codec"], facts["fps"], facts["duration_s"]) == ("mjpeg", 25.0, pytest.approx(2.4))
    with Source(str(path)) as source:
        decoder = open_decoder("pyav", source, first_pts_s=0.0)
        found = {s.time_s: read_index(s.frame.to_ndarray(format="rgb24")) for s in decoder.sample([0.4, 2.0], step_s=0)}
        decoder.close()
    assert found == {0.4: 10, 2.0: 50}
    path.write_bytes(frames[0])
    with pytest.raises(ItemError, match="still image"):
        probe(str(path))

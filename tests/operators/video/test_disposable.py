"""Disposable packets: told as FFmpeg's decoders tell them, in every container."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe

from operators.video.disposable import disposables

X264 = ["libx264", "-preset", "veryfast", "-bf", "3", "-b-pyramid", "normal", "-g", "30"]
X265 = ["libx265", "-preset", "ultrafast", "-bf", "4", "-x265-params", "log-level=none:keyint=30"]
CLIPS = {
    "h264.mp4": X264,
    "h264.mkv": X264,
    "h264.ts": X264,
    "h264.avi": X264,
    "h264_open.mp4": [*X264, "-x264-params", "open-gop=1"],
    "h264_slices.mp4": [*X264, "-x264-params", "slices=4"],
    "h264_no_b.mp4": ["libx264", "-preset", "ultrafast"],
    "hevc.mp4": X265,
    "hevc.ts": X265,
    "hevc_no_b.mkv": ["libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0"],
}


@pytest.mark.parametrize("name", CLIPS)
def test_packets_are_told_as_ffmpeg_skips_them(name: str, tmp_path: Path) -> None:
    path = str(tmp_path / name)
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x96:d=3:r=25"]
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *source, "-pix_fmt", "yuv420p", "-c:v", *CLIPS[name]]
    subprocess.run([*command, path], check=True)
    with av.open(path) as container:
        stream: Any = container.streams.video[0]
        context = stream.codec_context
        reader = disposables(context.name, bytes(context.extradata or b""))
        assert reader is not None
        packets = [packet for packet in container.demux(stream) if packet.size]
        told = {packet.dts for packet in packets if reader.disposable(bytes(packet))}
    assert bool(told) == ("no_b" not in name)
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        kept = [frame for packet in container.demux(stream) for frame in stream.codec_context.decode(packet)]
    assert len(kept) == len(packets) - len(told)
    if all(packet.pts is not None for packet in packets):  # not in AVI
        assert {frame.pts for frame in kept} == {packet.pts for packet in packets if packet.dts not in told}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@given(data=st.binary(max_size=200), record=st.binary(max_size=30))
def test_anything_may_come(codec: str, data: bytes, record: bytes) -> None:
    reader = disposables(codec, record)
    assert reader is not None
    assert reader.disposable(data) in (False, True)
    assert not reader.disposable(b"")


def test_a_codec_that_has_none_says_so() -> None:
    assert disposables("vp9", b"") is None

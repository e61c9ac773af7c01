"""Disposable AV1 packets: told as FFmpeg's own reader of headers tells them; nothing that is kept needs them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe

from operators.video.av1 import Av1Packets
from operators.video.facts import probe
from operators.video.sampler import Sampler
from operators.video.source import Source

ENCODERS = {
    "svt.mp4": ["libsvtav1", "-preset", "10"],
    "svt.webm": ["libsvtav1", "-preset", "10", "-g", "30"],
    "svt.obu": ["libsvtav1", "-preset", "10"],
    "aom.mkv": ["libaom-av1", "-cpu-used", "8", "-g", "40"],
    "aom_resilient.mp4": ["libaom-av1", "-cpu-used", "8", "-aom-params", "error-resilient=1"],
    "aom_no_order_hint.mp4": ["libaom-av1", "-cpu-used", "8", "-aom-params", "error-resilient=1:enable-order-hint=0"],
    "aom_decoder_model.mkv": ["libaom-av1", "-cpu-used", "8", "-aom-params", "error-resilient=1:timing-info=model"],
    "aom_constant_rate.mkv": ["libaom-av1", "-cpu-used", "8", "-aom-params", "error-resilient=1:timing-info=constant"],
    "aom_screen.mkv": ["libaom-av1", "-cpu-used", "8", "-aom-params", "error-resilient=1:tune-content=screen"],
    "rav1e.mp4": ["librav1e", "-speed", "10"],
}
CONFIGURATION = bytes.fromhex("81040d00 0a0e00000024cf7f0d805f020c0c0c48")  # of an MP4
NONE_DISPOSABLE = {"aom.mkv", "rav1e.mp4"}


def _ffmpeg(*arguments: str) -> str:
    command = [get_ffmpeg_exe(), "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stderr


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("av1")
    for name, encoder in ENCODERS.items():
        source = ["-f", "lavfi", "-i", "testsrc2=s=160x96:d=3:r=25"]
        _ffmpeg("-v", "error", *source, "-pix_fmt", "yuv420p", "-c:v", *encoder, str(folder / name))
    return {name: folder / name for name in ENCODERS}


def _told_by_ffmpeg(path: Path) -> list[bool]:
    """For each packet whether all of its frames go into no slot."""
    told: list[list[int]] = []
    for line in _ffmpeg(
        "-v", "verbose", "-i", str(path), "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"
    ).splitlines():
        if re.search(r"\] Packet: \d+ bytes", line):
            told.append([])
        elif told and re.search(r" show_existing_frame .*= 1$", line):
            told[-1].append(0xFF)
        elif told and " refresh_frame_flags " in line:
            told[-1].append(int(line.rsplit("=", 1)[1]))
    return [bool(slots) and not any(slots) for slots in told]


def _told(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = Av1Packets(bytes(stream.codec_context.extradata or b""))
        return [packets.disposable(bytes(packet)) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("name", ENCODERS)
def test_headers_are_read_as_ffmpeg_reads_them(name: str, clips: dict[str, Path]) -> None:
    told = _told(clips[name])
    assert told == _told_by_ffmpeg(clips[name])
    assert any(told) == (name not in NONE_DISPOSABLE)


@pytest.mark.parametrize("name", [name for name in ENCODERS if not name.endswith(".obu")])
def test_frames_are_those_of_a_full_decode_and_fewer_are_decoded(name: str, clips: dict[str, Path]) -> None:
    path = clips[name]
    with av.open(str(path)) as container:
        every = {float(frame.pts * frame.time_base): frame.to_ndarray() for frame in container.decode(video=0)}
    first_pts_s = probe(str(path))["first_pts_s"]
    for times_s, step_s in (([0.0, 1.0, 2.0], 1.0), ([0.3, 1.31, 2.9], 0.0), ([k / 10 for k in range(30)], 0.1)):
        with Source(str(path)) as source:
            sampler = Sampler(source, first_pts_s=first_pts_s)
            found = list(sampler.sample(times_s, step_s=step_s))
            assert not sampler.missing and len(found) == len(times_s)
            for _, pts_s, _, frame in found:
                assert np.array_equal(frame.to_ndarray(), every[pts_s])
        if step_s == 1.0:
            left_out = sum(_told(path)[: (2 * 25)])
            assert sampler.frames_decoded <= 51 - 0.5 * left_out


@given(st.binary(max_size=300), st.booleans())
def test_anything_may_come(data: bytes, configured: bool) -> None:
    packets = Av1Packets(
        b"\x81\x04\x0d\x00\x0a\x0e\x00\x00\x00\x24\xcf\x7f\x0d\x80\x5f\x02\x0c\x0c\x0c\x48" * configured
    )
    assert packets.disposable(data) in (False, True)
    assert not packets.disposable(b"")


def test_nothing_is_disposable_before_a_sequence_header(clips: dict[str, Path]) -> None:
    with av.open(str(clips["svt.mp4"])) as container:
        later = [bytes(packet) for packet in container.demux(video=0) if packet.size][1:]
    packets = Av1Packets(b"")
    assert not any(packets.disposable(packet) for packet in later)

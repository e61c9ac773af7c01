"""Render small clips in which every frame carries its index as a bar code, so that a test can identify the frame
that it received. Also damages clips in realistic ways.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

BITS = 12
BLOCK_PX = 16
SIZE = (BITS * BLOCK_PX, 64)
"""Width and height of a rendered frame as shown."""

_TICK = Fraction(1, 90_000)


def barcode(index: int, size: tuple[int, int] = SIZE) -> np.ndarray[Any, Any]:
    """Return the upright frame `index`: 12 bars, white for a set bit, over a grey gradient that marks the top."""
    width, height = size
    bits = [(index >> bit) & 1 for bit in range(BITS)]
    bars = np.repeat(np.array(bits, dtype=np.uint8) * 215 + 20, width // BITS)
    art = np.full((height, width, 3), 128, np.uint8)
    art[: height * 3 // 4, : bars.size] = bars[None, :, None]
    return art


def read_index(pixels: np.ndarray[Any, Any]) -> int:
    """Return the index in an upright frame (height x width x 3, or only luma)."""
    luma = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    height, width = luma.shape
    row = luma[height // 8 : height // 2].mean(axis=0)
    block = width / BITS
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * block)] > 128)


def read_jpeg(jpeg: bytes) -> int:
    """Return the index in a JPEG."""
    import io

    from PIL import Image

    return read_index(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))


def render(
    path: Path,
    *,
    count: int = 60,
    fps: float = 10.0,
    times_s: Sequence[float] | None = None,
    first_pts_s: float = 0.0,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 2,
    open_gop: bool = False,
    pix_fmt: str = "yuv420p",
    turn_deg: int = 0,
    size: tuple[int, int] = SIZE,
    sound_s: float = 0.0,
    aspect: Fraction | None = None,
    noise: float = 0.0,
    options: dict[str, str] | None = None,
) -> list[float]:
    """Write a clip and return the pts of each frame in seconds.

    Args:
        times_s: the time of each frame, for a variable frame rate; otherwise `count` frames at `fps`.
        turn_deg: clockwise degrees by which a player must rotate the stored frame.
        sound_s: seconds of a silent sound track.
        noise: deviation of grain in grey levels, equal in every clip: it makes a file as large as film.
        options: options of the container, such as movflags.
    """
    import av

    times = list(times_s) if times_s is not None else [k / fps for k in range(count)]
    rate = Fraction(fps).limit_denominator(1001)
    # the time base of the first two has 16 bits; a bare bitstream derives its rate from it
    tick = 1 / rate if codec in ("mpeg4", "mpeg2video") or path.suffix in (".h264", ".hevc", ".y4m", ".ogv") else _TICK
    pts_s = [float(round((t + first_pts_s) / tick) * tick) for t in times]
    with _own_priority(), av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stored = barcode(0, size) if turn_deg % 180 == 0 else np.rot90(barcode(0, size))
        stream.height, stream.width = stored.shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = tick
        stream.codec_context.thread_count = 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.options = _codec_options(codec, gop, b_frames, open_gop)
        stream.codec_context.gop_size = gop
        if codec in ("mpeg4", "mpeg2video"):
            stream.codec_context.max_b_frames = b_frames
            stream.codec_context.bit_rate = 4_000_000
        if turn_deg:
            stream.set_display_rotation(-turn_deg)
        sound: Any = container.add_stream(_sound_codec(path), rate=48_000) if sound_s else None
        for index, time_s in enumerate(pts_s):
            upright = barcode(index, size)
            if noise:
                grain = np.random.default_rng(index).normal(0, noise, (*upright.shape[:2], 1))
                upright = np.clip(upright + grain, 0, 255).astype(np.uint8)
            pixels = np.ascontiguousarray(np.rot90(upright, turn_deg // 90))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time_s / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _silence(container, sound, sound_s)
    return pts_s


@contextmanager
def _own_priority() -> Iterator[None]:
    """Keep this thread's scheduling: the AV1 encoder SVT makes it a real-time thread if it may, as root, and all
    processes that are started afterwards inherit that. A spinning browser would then block the whole machine."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)


def render_sound(path: Path, seconds: float = 1.0) -> None:
    """Write a file with a sound track and no video stream."""
    import av

    with av.open(str(path), "w") as container:
        _silence(container, container.add_stream(_sound_codec(path), rate=48_000), seconds)


def join(part: Path, whole: Path, times: int) -> None:
    """Write one clip `times` times in sequence, with its packets unchanged and the index at the front."""
    import av

    with av.open(str(part)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as target:
        stream: Any = source.streams.video[0]
        copy: Any = target.add_stream_from_template(stream)
        packets = [p for p in source.demux(stream) if p.size]
        length = round(len(packets) / stream.average_rate / stream.time_base)
        for k in range(times):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = packet.pts + k * length, packet.dts + k * length
                again.time_base, again.duration = packet.time_base, packet.duration
                again.is_keyframe = packet.is_keyframe
                again.stream = copy
                target.mux(again)


def with_pts_of_decoding(right: Path, wrong: Path) -> None:
    """Write a clip with pts in the order of decoding, as some recorders do: frames come out in another order."""
    import av

    with av.open(str(right)) as source, av.open(str(wrong), "w") as target:
        stream: Any = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                assert packet.dts is not None
                packet.pts = packet.dts = packet.dts + 2000
                packet.stream = stream
                target.mux(packet)


def with_edit_list(whole: Path, target: Path, from_s: float) -> None:
    """Write an MP4 whose edit list hides everything before `from_s`: the packets exist, the frames are not shown."""
    import av

    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(whole)) as source, av.open(str(target), "w", options=options) as out:
        stream: Any = source.streams.video[0]
        copy: Any = out.add_stream_from_template(stream)
        shift = round(from_s / stream.time_base)
        for packet in source.demux(stream):
            if packet.size:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                out.mux(packet)


def cut_short(path: Path, target: Path, fraction: float) -> None:
    """Return the first `fraction` of a file's bytes, as after an interrupted upload."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])


def flip_bytes(path: Path, target: Path, *, count: int, seed: int = 0, after: float = 0.3, before: float = 0.9) -> None:
    """Replace `count` random bytes of a file between two fractions of its length."""
    data = bytearray(path.read_bytes())
    draw = random.Random(seed)
    for _ in range(count):
        data[draw.randrange(int(len(data) * after), int(len(data) * before))] = draw.randrange(256)
    target.write_bytes(bytes(data))


def decode_all(path: Path) -> list[tuple[int, int, int]]:
    """Return every frame in order, decoded sequentially: (pts in ticks, index, duration in ticks)."""
    import av

    found = []
    with av.open(str(path)) as container:
        stream: Any = container.streams.best("video")
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            assert frame.pts is not None
            found.append((frame.pts, read_index(pixels), frame.duration or 0))
    return found


def expected_frames(
    frames: Sequence[tuple[int, int, int]],
    base: Fraction,
    interval: int,
    first_pts_s: float,
    times_s: Sequence[float],
    step_s: float,
    faults: Sequence[int] = (),
) -> dict[float, tuple[float, int]]:
    """Apply the rule of `operators.video.protocol.Decoder` by brute force: time -> (pts in seconds, id of the frame).

    Args:
        frames: every frame in order: pts, its id, and duration in ticks.
        interval: usual distance of frames in ticks.
        faults: pts of packets that could not be decoded.
    """
    expected = {}
    first = round(first_pts_s / base)
    for time_s in times_s:
        target = float(first + time_s / base)
        after = next((p for p in frames if p[0] >= target - 0.5), None)
        before = next((p for p in reversed(frames) if p[0] < target - 0.5), None)
        chosen = None
        if after and after[0] < target + max(1.0, float(step_s / base)) - 0.5:
            chosen = after
        elif before:
            end = before[0] + (before[2] or interval)
            lost = after is not None and any(before[0] < fault <= after[0] for fault in faults)
            if target < end - 0.5 or (after and not lost):
                chosen = before
        if chosen is not None:
            expected[time_s] = (float(chosen[0] * base), chosen[1])
    return expected


def _codec_options(codec: str, gop: int, b_frames: int, open_gop: bool) -> dict[str, str]:
    if codec == "libx264":
        flags = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0:open-gop={int(open_gop)}"
        return {"preset": "ultrafast", "crf": "18", "x264-params": flags}
    if codec == "libx265":
        flags = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:open-gop={int(open_gop)}:log-level=none"
        return {"preset": "ultrafast", "x265-params": f"{flags}:pools=1:frame-threads=1"}
    if codec in ("libvpx", "libvpx-vp9"):
        return {"deadline": "realtime", "cpu-used": "8", "g": str(gop), "crf": "20", "b": "1M"}
    return {"g": str(gop)}


def _sound_codec(path: Path) -> str:
    return "libopus" if path.suffix == ".webm" else "aac"


def _silence(container: Any, stream: Any, seconds: float) -> None:
    import av

    samples = 1024 if stream.codec_context.name == "aac" else 960
    for at in range(0, int(seconds * 48_000), samples):
        block = np.zeros((2, samples), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))

"""Clips with speech at known times: rendered with espeak-ng, a sound track and a few plain frames."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from operators.audio.recognise import PAD_S
from operators.audio.recognisers.base import RecogniserSpec, RunningRecogniser, Samples, Utterance

RATE_HZ = 16_000
_AT_ONCE_S = 600

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: apt-get install espeak-ng"
)


@dataclass(frozen=True, kw_only=True)
class Planted(RecogniserSpec):
    """Recognises in each span the next of `texts`, with equal times for its words."""

    version: ClassVar[int] = 1
    isolated: ClassVar[bool] = False

    texts: tuple[str, ...] = ("hello",)

    @property
    def origin(self) -> str:
        return "planted"

    @contextmanager
    def open(self) -> Iterator[RunningRecogniser]:
        yield _Planted(list(self.texts))


class _Planted:
    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        text = self._texts.pop(0)
        self._texts.append(text)
        end_s = len(samples) / RATE_HZ - PAD_S
        words = text.split()
        step_s = (end_s - PAD_S) / len(words)
        spans = [(PAD_S + k * step_s, PAD_S + (k + 1) * step_s, word, 0.9) for k, word in enumerate(words)]
        return [Utterance(PAD_S, end_s, text, tuple(spans), 0.9, "en")]


Sound = np.ndarray[Any, np.dtype[np.int16]]


@lru_cache(maxsize=32)
def spoken(text: str, *, voice: str = "en-us", speed: int = 130, pitch: int = 50) -> Sound:
    """Return a sentence at 16 kHz, without silence around it."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path), text],
            check=True,
            capture_output=True,
        )
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            pieces = [p for f in container.decode(audio=0) for p in resampler.resample(f)] + resampler.resample(None)
    sound = np.concatenate([p.to_ndarray()[0] for p in pieces])
    loud = np.flatnonzero(np.abs(sound) > 300)
    return sound[loud[0] : loud[-1] + 1]


def mixed(length_s: float, said: Sequence[tuple[float, Sound]], noise: float = 0.0) -> Sound:
    """Return sentences at their times on silence, or on noise of this share of full scale that varies as music does."""
    count = round(length_s * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * time_s)
    chord = sum(np.sin(2 * np.pi * f * time_s) for f in (220.0, 277.2, 329.6))
    sound = noise * 32767 * beat * (0.25 * chord + 0.1 * np.random.default_rng(5).standard_normal(count))
    for at_s, one in said:
        first = round(at_s * RATE_HZ)
        sound[first : first + len(one)] += one
    return np.clip(sound, -32768, 32767).astype(np.int16)


def ends(said: Sequence[tuple[float, Sound]]) -> list[tuple[float, float]]:
    """Return start and end of each sentence."""
    return [(at_s, at_s + len(one) / RATE_HZ) for at_s, one in said]


def write_clip(
    path: Path,
    tracks: Sequence[Sound],
    *,
    length_s: float,
    fps: int = 5,
    first_pts_s: float = 0.0,
    delays_s: Sequence[float] = (),
    languages: Sequence[str] = (),
    rate_hz: int = RATE_HZ,
    channels: str = "mono",
    codec: str = "aac",
    gap_s: tuple[float, float] | None = None,
    subtitles: Sequence[tuple[float, float, str]] = (),
) -> Path:
    """Write grey frames of `length_s` with sound tracks.

    Args:
        tracks: sound of each track, at 16 kHz, from the first frame.
        first_pts_s: the container's pts of the first frame.
        delays_s: delay of each track; earlier sound is dropped.
        rate_hz, channels: stored format.
        gap_s: a span of the sound whose packets are dropped.
    """
    import av

    with av.open(str(path), "w") as out:
        shown = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        shown.width, shown.height, shown.pix_fmt = 64, 64, "yuv420p"
        streams = []
        for k in range(len(tracks)):
            stream = out.add_stream(codec, rate=rate_hz, layout=channels)
            if k < len(languages):
                stream.metadata["language"] = languages[k]
            streams.append(stream)
        for k in range(round(length_s * fps)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 + 3 * (k % 50), np.uint8), format="rgb24")
            frame.pts, frame.time_base = k + round(first_pts_s * fps), Fraction(1, fps)
            out.mux(shown.encode(frame))
        out.mux(shown.encode(None))
        for k, (stream, sound) in enumerate(zip(streams, tracks, strict=True)):
            delay_s = delays_s[k] if k < len(delays_s) else 0.0
            _write_sound(out, stream, sound[round(delay_s * RATE_HZ) :], first_pts_s + delay_s, gap_s)
    return path


def _write_sound(out: Any, stream: Any, sound: Sound, from_s: float, gap_s: tuple[float, float] | None) -> None:
    import av

    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format.name, layout=context.layout.name, rate=context.sample_rate, frame_size=1024
    )

    def pieces() -> Iterator[Any]:
        for at in range(0, len(sound), _AT_ONCE_S * RATE_HZ):  # FFmpeg cannot allocate hours in one frame
            part = np.ascontiguousarray(sound[at : at + _AT_ONCE_S * RATE_HZ])
            frame = av.AudioFrame.from_ndarray(part[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
            yield from resampler.resample(frame)
        yield from resampler.resample(None)

    base = Fraction(1, context.sample_rate)
    at = 0
    for piece in pieces():
        piece.pts, piece.time_base = at + round(from_s * context.sample_rate), base
        at += piece.samples
        for packet in stream.encode(piece):
            if gap_s is None or not gap_s[0] <= float(packet.pts * packet.time_base) < gap_s[1]:
                out.mux(packet)
    out.mux(stream.encode(None))

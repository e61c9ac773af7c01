"""Job of the decoding process: decode the sound of a video in one pass into a file of 16 kHz mono samples.

The samples are on the video's clock: sample n is heard n / 16000 s after the first presented frame. Where the track
has no sound (it starts late, has gaps, ends early), the samples are silent and the spans are recorded. The file grows
on disk during decoding; only one packet is in memory, however long the video is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from operators.audio.tracks import choose, tracks_of
from operators.core.base import ItemError
from operators.video.packets import packets_of
from operators.video.parts import Part, load_parts
from operators.video.progress import PROGRESS
from operators.video.source import Source
from operators.video.version import unchanged

RATE_HZ = 16_000
BYTES = 2  # bytes of a sample: signed, 16 bits, native byte order

_JUMP_S = 0.05  # a packet at this distance from the end of the previous one starts a new run: time stamps jitter
_BLOCK = bytes(64 * 1024)
_STEREO = 2
_LOOK_EVERY = 16  # frames of stereo between two looks at whether its channels cancel each other out
_SILENT = 1e-3  # root mean square of samples of -1 to 1
_CANCELLED = 0.2  # loudness of the mean of two channels, times that of the louder one


@dataclass(frozen=True, kw_only=True)
class AudioRequest:
    """The sound that is requested from one video.

    Attributes:
        version: version of the source, as in `operators.video.version`; None accepts any version.
        first_pts_s: the container's pts of the first presented frame, seconds.
        duration_s: duration of the video, seconds; later sound is dropped.
        parts: value of the column `parts`; None for a video with one clock.
        track, languages: see `operators.audio.tracks.choose`.
    """

    uri: str
    version: str | None
    first_pts_s: float
    duration_s: float
    parts: str | None = None
    track: int | None = None
    languages: Sequence[str] = ()


def decode_audio(*, request: AudioRequest, path: str) -> dict[str, Any]:
    """Decode the sound of a video into the file `path`.

    Returns:
        `operators.audio.lines.AUDIO` and `bytes_fetched`. If there are no samples, `status` says why; a video without
        sound is not a failure.

    Raises:
        ItemError: the input cannot be read, or its version has changed.
    """
    with unchanged(request.uri, request.version), Source(request.uri) as source:
        with Path(path).open("wb") as file:
            writer = _Writer(file, round(request.duration_s * RATE_HZ))
            try:
                found = _decode(request, source, writer)
            except (ItemError, MemoryError):
                raise
            except Exception:
                source.check()
                raise
            source.check()
            writer.finish()
    return {**found, "spans": writer.spans(), "bytes_fetched": source.bytes_fetched}


def _decode(request: AudioRequest, source: Source, writer: _Writer) -> dict[str, Any]:
    parts = load_parts(request.parts) or (Part(0.0, request.duration_s, request.first_pts_s, request.duration_s),)
    tracks: list[dict[str, Any]] = []
    chosen: int | None = None
    why, damaged, decoded = "no audio", 0, False
    for _, some in groupby(parts, key=lambda p: (p.span, p.lead_bytes, p.format)):
        group = list(some)
        source.show(group[0].span, lead_bytes=group[0].lead_bytes, format=group[0].format)
        try:
            container = source.open()
        except ItemError as error:
            if error.failure_class == "undecodable" and request.parts:
                continue  # the time of a damaged part is silent
            raise
        here = tracks_of(container)
        number, reason = choose(here, track=request.track, languages=request.languages)
        if not tracks:
            tracks, chosen, why = here, number, reason
        if number is None:
            continue
        reader = _Track(source, container, container.streams.audio[number])
        for place_s, frame in reader.frames(group):
            decoded = True
            writer.add(place_s, frame)
        writer.flush()
        damaged += reader.damaged
    status = "decoded" if decoded else "no audio" if not tracks else f"not decoded: {_none(chosen, why)}"
    return {"status": status, "track": chosen, "chosen": why, "tracks": tracks, "damaged_packets": damaged}


def _none(chosen: int | None, why: str) -> str:
    return why if chosen is None else f"no packet of track {chosen} decodes"


class _Track:
    """One audio stream during decoding; damage is counted, never raised."""

    def __init__(self, source: Source, container: Any, stream: Any) -> None:
        from av.stream import Discard

        self._source, self._container, self._stream = source, container, stream
        self.damaged = 0
        stream.codec_context.thread_count = 1
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all  # skipped without reading, in a file with an index

    def frames(self, parts: Sequence[Part]) -> Iterator[tuple[float, Any]]:
        """Yield frames and their start times, seconds from the first presented frame.

        Args:
            parts: the parts that are decoded from the open container.
        """
        import av

        for packet in packets_of(self._source, self._container, self._stream):
            if packet is None:
                self.damaged += 1
                continue
            if packet.pos is not None and packet.pos < self._source.lead_bytes:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                if frame.pts is None or not frame.samples:
                    continue
                pts_s = float(frame.pts * frame.time_base)
                for part in parts:
                    inside_s = pts_s - part.first_pts_s
                    # a packet that begins before a part may reach into it; clocks of parts of one stream do not overlap
                    if -1.0 < inside_s < part.length_s:
                        yield part.start_s + inside_s, frame
                        break


@dataclass
class _Writer:
    """Writes frames at their positions; gaps are silent, and overlapping sound is written once.

    Attributes:
        end: length of the video in samples; later sound is dropped.
    """

    file: BinaryIO
    end: int
    _at: int = 0  # number of samples in the file
    _spans: list[list[int]] = field(default_factory=list)
    _next_s: float | None = None  # expected start of the next frame of the current run
    _place: int = 0  # position of the next sample from the resampler
    _format: tuple[Any, ...] = ()
    _resampler: Any = None
    _frames: int = 0
    _channel: int | None = None  # of stereo whose channels cancel each other out; None: their mean

    def add(self, place_s: float, frame: Any) -> None:
        """Write a frame that begins at `place_s`."""
        frame = self._heard(frame)
        made = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._next_s is None or abs(place_s - self._next_s) > _JUMP_S or made != self._format:
            self.flush()
            self._start(place_s, made)
        assert self._next_s is not None
        self._next_s += frame.samples / frame.sample_rate
        frame.pts = None  # else the resampler would fill or drop samples itself
        for piece in self._resampler.resample(frame):
            self._write(piece)

    def _heard(self, frame: Any) -> Any:
        """Return a frame that the resampler can mix to mono without losing what is heard."""
        count = frame.layout.nb_channels
        if count == _STEREO:
            self._frames += 1
            if self._frames % _LOOK_EVERY == 1:
                self._channel = _loud_channel(_planes(frame), self._channel)
            return frame if self._channel is None else _mono(frame, _planes(frame)[self._channel])
        # FFmpeg knows no mix of channels whose places are unknown
        return frame if count <= _STEREO or _has_places(frame.layout) else _mono(frame, _planes(frame).mean(axis=0))

    def flush(self) -> None:
        """Write the samples buffered in the resampler; the next frame starts a new run."""
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._write(piece)
        self._resampler, self._next_s = None, None

    def finish(self) -> None:
        """Fill with silence up to the end of the video."""
        self.flush()
        if self._spans:
            self._silence(self.end)
        self.file.flush()

    def spans(self) -> list[dict[str, float]]:
        return [{"start_s": a / RATE_HZ, "end_s": b / RATE_HZ} for a, b in self._spans]

    def _start(self, place_s: float, made: tuple[Any, ...]) -> None:
        import av

        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        self._format, self._next_s, self._place = made, place_s, round(place_s * RATE_HZ)

    def _write(self, piece: Any) -> None:
        samples = piece.to_ndarray()[0]
        first = self._place
        self._place += len(samples)
        samples = samples[max(0, self._at - first) : max(0, self.end - first)]
        first = max(first, self._at)
        if not len(samples):
            return
        self._silence(first)
        self.file.write(samples.tobytes())
        self._at = first + len(samples)
        if self._spans and self._spans[-1][1] == first:
            self._spans[-1][1] = self._at
        else:
            self._spans.append([first, self._at])

    def _silence(self, until: int) -> None:
        while self._at < until:
            some = min(until - self._at, len(_BLOCK) // BYTES)
            self.file.write(_BLOCK[: some * BYTES])
            self._at += some
            PROGRESS.step()


def _loud_channel(planes: Any, before: int | None) -> int | None:
    """Return the channel to hear of stereo whose mean is far less loud than its channels; None for their mean.

    Args:
        planes: samples of both channels, shape `(2, samples)`.
        before: the answer for the frames before, which stays during silence.
    """
    import numpy as np

    loud = np.sqrt(np.mean(planes**2, axis=1))
    if loud.max() < _SILENT:
        return before
    mean = np.sqrt(np.mean(planes.mean(axis=0) ** 2))
    # one channel alone is half as loud in the mean; below a fifth the channels cancel each other out
    return int(loud.argmax()) if mean < _CANCELLED * loud.max() else None


def _planes(frame: Any) -> Any:
    """Return the samples of a frame as float32 in -1 to 1, shape `(channels, samples)`."""
    import numpy as np

    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, frame.layout.nb_channels).T
    if raw.dtype.kind == "f":
        return raw.astype(np.float32)
    middle = 128.0 if raw.dtype == np.uint8 else 0.0
    return ((raw - middle) / float(2 ** (8 * raw.dtype.itemsize - 1))).astype(np.float32)


def _mono(frame: Any, samples: Any) -> Any:
    import av
    import numpy as np

    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[np.newaxis]), format="flt", layout="mono")
    made.sample_rate = frame.sample_rate
    return made


def _has_places(layout: Any) -> bool:
    """Return whether a layout says which loudspeaker each channel is for."""
    return all(
        channel.name not in ("", "NONE", "?") and not channel.name.startswith("USR") for channel in layout.channels
    )

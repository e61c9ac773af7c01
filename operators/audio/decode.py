"""The decoding process's job: one pass over the sound of a video, into a file of 16 kHz mono samples.

The samples lie on the video's own clock: sample n is heard at n / 16000 s after the first presented picture. What the
track has no sound for (it starts late, has gaps, ends early) is silence there, and is named. The file grows on the
disk while the sound is decoded; no more than a packet is in memory, however long the video is.
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
BYTES = 2  # of a sample: signed, 16 bits, in the machine's order

_JUMP_S = (
    0.05  # a packet that comes so far from where the ones before it end starts anew: time stamps of players jitter
)
_BLOCK = bytes(64 * 1024)


@dataclass(frozen=True, kw_only=True)
class AudioRequest:
    """What is wanted of the sound of one video.

    Attributes:
        version: of the source, as `operators.video.version` has it; None: whatever is there.
        first_pts_s: the container's pts of the first presented picture, in seconds.
        duration_s: of the video; what sounds later is left out.
        parts: the column `parts`; None for a video with one clock.
        track, languages: as `operators.audio.tracks.choose`.
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
        `operators.audio.lines.AUDIO`, with `bytes_fetched` beside it. Its status says why there are no samples, where
        there are none: a video without sound is a fact and no failure.

    Raises:
        ItemError: the input cannot be read, or is not `version` any more.
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
                continue  # a part that is damaged: its time is silence
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
    """One audio stream being decoded; damage is counted, never raised."""

    def __init__(self, source: Source, container: Any, stream: Any) -> None:
        from av.stream import Discard

        self._source, self._container, self._stream = source, container, stream
        self.damaged = 0
        stream.codec_context.thread_count = 1
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all  # not even read, in a file that has an index

    def frames(self, parts: Sequence[Part]) -> Iterator[tuple[float, Any]]:
        """Frames and where they begin, in seconds from the first presented picture.

        Args:
            parts: those that are decoded from what is open.
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
                    # what begins before a part may reach into it; the clocks of parts of one stream do not overlap
                    if -1.0 < inside_s < part.length_s:
                        yield part.start_s + inside_s, frame
                        break


@dataclass
class _Writer:
    """Writes frames to their places: silence where there are none, what overlaps once.

    Attributes:
        end: samples of the video; what comes later is left out.
    """

    file: BinaryIO
    end: int
    _at: int = 0  # samples in the file
    _spans: list[list[int]] = field(default_factory=list)
    _next_s: float | None = None  # where the run that is being resampled goes on
    _place: int = 0  # of the next sample that the resampler gives
    _format: tuple[Any, ...] = ()
    _resampler: Any = None

    def add(self, place_s: float, frame: Any) -> None:
        """A frame that begins at `place_s`."""
        made = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._next_s is None or abs(place_s - self._next_s) > _JUMP_S or made != self._format:
            self.flush()
            self._start(place_s, made)
        assert self._next_s is not None
        self._next_s += frame.samples / frame.sample_rate
        frame.pts = None  # the resampler would fill or drop by itself
        for piece in self._resampler.resample(frame):
            self._write(piece)

    def flush(self) -> None:
        """Write what the resampler holds back; the next frame starts a run of its own."""
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._write(piece)
        self._resampler, self._next_s = None, None

    def finish(self) -> None:
        """Fill up to the end of the video."""
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

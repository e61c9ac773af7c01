"""Reading of one video stream with PyAV: packets and frames in spite of damage, and reliable seeks.

Times are ticks of the stream's time base. Comments at the code for each format record its measured peculiarities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

from operators.core.base import ItemError
from operators.video.disposable import Disposables, disposables
from operators.video.packets import packets_of
from operators.video.plausible import bound_decoder, frame_rate
from operators.video.source import Containers

_INDEXED = ("mov", "avi", "matroska")  # the index names every keyframe; in other formats only what was read so far
_CLOCKED = ("mpegts", "mpeg")  # a clock and no index: see operators.video.clock
_BACK_BY_S, _AHEAD_BY_S = -0.5, 10.0
UNTIMED = frozenset({"h264", "hevc", "vvc"})  # for other bitstreams FFmpeg makes time stamps itself
_BACK_S = (10.0, 60.0)  # how far before a target to look for a keyframe if the container has no index


class Reader:
    """One input, opened at its beginning.

    Args:
        source: the input.
        first_pts_s: the container's pts of the first presented frame, in seconds.
        may_seek: whether to seek; False reads once from the beginning.

    Attributes:
        frames_decoded: number of frames that the decoder returned.
        half_tick: half a tick of the video's own time base in ticks of the container, the rounding error of times.
        faults: pts of the packets that the decoder rejected or the demuxer marked as corrupt.
        left_out: whether frames were skipped by a seek or by dropping.

    Raises:
        ItemError: the input cannot be opened or has no video stream.
    """

    def __init__(self, source: Containers, *, first_pts_s: float, may_seek: bool) -> None:
        self.may_seek = may_seek
        self.frames_decoded = 0
        self.faults: set[int] = set()
        self.left_out = False
        self._source = source
        self._fresh = True  # the container is at its beginning and nothing was read
        self._drops = False  # whether the decoder currently skips non-reference frames
        self._disposables: Disposables | None = None
        self._asked: tuple[Any, bool] = (None, False)  # the last packet that was asked for, and the answer
        self._delay = 0  # largest pts - dts of a keyframe: index times are dts
        self._open()
        self.base = self._stream.time_base
        self.half_tick = 0.5 if source.tick is None else float(source.tick / self.base / 2)
        self.first = round(first_pts_s / self.base)

    @property
    def codec(self) -> str:
        """FFmpeg's name of the decoder."""
        return str(self._stream.codec_context.name)

    @property
    def aspect(self) -> Fraction:
        """Width of a stored pixel divided by its height."""
        return pixel_aspect(self._stream)

    @property
    def interval(self) -> int:
        """The average distance of frames in ticks, at least 1."""
        return self._interval

    def ticks(self, time_s: float) -> float:
        """Convert seconds from the first presented frame to ticks of the container's pts, not rounded."""
        return float(self.first + time_s * self.base.denominator / self.base.numerator)

    def seconds(self, ticks: int) -> float:
        """Convert ticks to seconds."""
        return float(ticks * self.base.numerator / self.base.denominator)

    # -- decoding ----------------------------------------------------------------------------------------------------

    def decode(self, packet: Any, *, drop: bool = False) -> list[Any]:
        """Decode `packet`, or flush the decoder for None, and return its frames. Damage is recorded, never raised.

        Args:
            drop: whether to skip non-reference frames.
        """
        import av

        context = self._stream.codec_context
        if self.codec == "libdav1d":  # it cannot skip them itself
            # asked at keyframes, too: they bring sequence headers
            asked = packet is not None and (drop or packet.is_keyframe)
            if asked and self.is_disposable(packet) and drop:
                self.left_out = True
                return []
        elif drop != self._drops:
            context.skip_frame = "NONREF" if drop else "DEFAULT"
            self._drops = drop
            self.left_out = True
        try:
            frames = list(context.decode(packet))
        except av.FFmpegError:
            if packet is not None:
                self._note_fault(packet)
                self._next_pts += self.interval
            return []
        if packet is not None and packet.is_corrupt:
            self._note_fault(packet)
        self.frames_decoded += len(frames)
        if self._untimed:
            for frame in frames:  # they come in order of showing
                frame.pts, frame.time_base = self._next_pts, self.base
                self._next_pts += self.interval
        return frames

    @property
    def tells_disposable(self) -> bool:
        """Whether `is_disposable` can read the packets of this codec."""
        return self._disposables is not None and not self._untimed

    @property
    def reorders(self) -> bool:
        """Whether frames may be shown in another order than they are decoded in."""
        return bool(self._stream.codec_context.has_b_frames)

    def is_disposable(self, packet: Any) -> bool:
        """Whether no other frame refers to those in `packet`; False if that is not known. To be asked in order."""
        if self._asked[0] is not packet:
            self._asked = (packet, self._disposables is not None and self._disposables.disposable(bytes(packet)))
        return self._asked[1]

    def _note_fault(self, packet: Any) -> None:
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None and self._untimed:
            pts = self._next_pts
        if pts is not None:
            self.faults.add(pts)

    def _packets(self) -> Iterator[Any]:
        """The packets from the current position to the end, continuing after errors of the demuxer."""
        last = self.first
        clocked = self._container.format.name in _CLOCKED
        before: int | None = None
        for packet in packets_of(self._source, self._container, self._stream):
            if packet is None:
                self.faults.add(last + 1)
                continue
            if packet.size == 0 and packet.dts is None and packet.pts is None:
                return  # PyAV's mark of the end
            if packet.pos is not None and packet.pos < self._source.lead_bytes:
                packet.pts = packet.dts = None  # of the clock before: decoded for what it is referred to, not shown
            last = packet.pts if packet.pts is not None else last
            if clocked and packet.dts is not None:
                if before is not None and not _BACK_BY_S <= (packet.dts - before) * self.base <= _AHEAD_BY_S:
                    self._note_fault(packet)  # a jump that probing did not find: what is on screen is not known
                before = packet.dts
            yield packet

    # -- going somewhere ---------------------------------------------------------------------------------------------

    def land(self, pts: float, *, rewind: int = 0) -> tuple[Iterator[Any], int | None]:
        """Seek to the keyframe at or before `pts`, or `rewind` keyframes earlier.

        Returns:
            The packets from there, and the keyframe's pts, or None at the beginning of the file. Frames before that pts
            are leading frames of an open GOP, whose references are before the seek position.
        """
        import av

        if not self.may_seek or self._untimed or (self._fresh and pts <= self.first + 0.5):
            return self._from_start()
        self.left_out, self._fresh = True, False
        # the target's own pts, not the index time: index times are dts, which lands a GOP too early
        where = math.floor(pts + 0.5)
        backs = list(_BACK_S)
        for _ in range(4 + rewind):
            try:
                self._container.seek(where, stream=self._stream)
            except av.FFmpegError:
                self._source.check()
                break
            packets = self._packets()
            key: Any = next((p for p in packets if p.is_keyframe and _time(p) is not None), None)
            if key is None and self._indexed:
                return iter(()), None  # the index names it and the file ends before it
            at = _time(key)
            if at is not None and at <= pts + 0.5:
                if rewind == 0:
                    if key.pts is not None and key.dts is not None:
                        self._delay = max(self._delay, key.pts - key.dts)
                    return chain([key], packets), at
                rewind -= 1
            if at is not None and self._indexed:
                before = (key.dts if key.dts is not None else at) - 1
            elif backs:
                before = math.floor(pts - backs.pop(0) / self.base)
            else:
                break
            if before >= where or before <= self.first:
                break
            where = before
        return self._from_start()

    def keyframe_ahead(self, packet: Any, pts: float) -> bool:
        """Whether there is a keyframe after `packet` and at or before `pts`, so that a seek saves decoding."""
        index = self._stream.index_entries
        if not len(index) or packet.dts is None:
            return False
        at = index.search_timestamp(math.floor(pts - self._delay), backward=True)
        return bool(at >= 0 and index[at].timestamp > packet.dts)

    def load_index(self) -> None:
        """Load the index: Matroska and WebM read it on the first seek, other formats when they are opened.

        A seek to the beginning reads no more than the index; one to the end would read everything without an index.
        """
        import av

        unread = self._container.format.name.startswith("matroska") and len(self._stream.index_entries) <= 1
        if self.may_seek and unread:
            self._fresh = False
            try:
                self._container.seek(self.first, stream=self._stream)
            except av.FFmpegError:
                self._source.check()

    def _from_start(self) -> tuple[Iterator[Any], None]:
        if not self._fresh:
            self._open()  # a fresh container: seeking to the beginning is not exact in every format
        self._fresh = False
        return self._packets(), None

    def _open(self) -> None:
        self._container = self._source.open()
        self._stream = video_stream(self._container, self._source.uri)
        self._indexed = self._container.format.name.startswith(_INDEXED)
        context = self._stream.codec_context
        self._untimed, self._next_pts = is_untimed(self._container), 0
        rate = frame_rate(self._stream, untimed=self._untimed)
        self._interval = max(1, round(1 / rate / self._stream.time_base)) if rate else 1
        self._drops = False
        self._disposables = disposables(context.name, bytes(context.extradata or b""))
        self._asked = (None, False)
        bound_decoder(context)
        context.thread_count = 1  # two cost the same CPU, and lose frames after damage
        self._fresh = True


def pixel_aspect(stream: Any) -> Fraction:
    """Width of a stored pixel divided by its height; 1 except for anamorphic video.

    Ratios within 1 % of 1 come from encoders that rounded a size (800x332 as 399:400) and absurd ones from damage; both
    are ignored.
    """
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    return ratio if abs(ratio - 1) > 0.01 and 0.25 <= ratio <= 4 else Fraction(1)


def is_untimed(container: Any) -> bool:
    """Whether a container is a raw bitstream whose packets have no time stamps."""
    return container.format.name in UNTIMED


def _time(packet: Any) -> int | None:
    if packet is None:
        return None
    pts = packet.pts if packet.pts is not None else packet.dts
    return None if pts is None else int(pts)


def video_stream(container: Any, uri: str) -> Any:
    """The best video stream of an input, cover images excluded.

    Raises:
        ItemError: class undecodable, if there is no video stream or no decoder for it.
    """
    from av.stream import Disposition

    real = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    stream = best if best in real else next(iter(real), None)
    if stream is None:
        has = "sound only" if container.streams.audio else "no frames"
        raise ItemError("undecodable", f"{uri} has no video stream ({has})")
    if stream.codec_context is None:
        raise ItemError("undecodable", f"{uri}: no decoder for its video codec")
    return stream

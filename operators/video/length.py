"""How long a video is: what its header claims, held against what its last packets say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from operators.video.encrypted import encrypted, has_key_information
from operators.video.joins import STREAMED
from operators.video.packets import demux_known
from operators.video.plausible import MAX_STILL_S, believed
from operators.video.progress import PROGRESS
from operators.video.reader import video_stream
from operators.video.source import Source

_BACK_S = 10.0  # longer than the usual group of pictures in a container without an index
_CUT_SHORT_S = 0.5  # a Matroska header that claims more than this beyond the last packet: the file was cut
_END_OF_TIME = 2**40  # ticks
_UNREAD_SHARE, _UNREAD_BYTES = 0.1, 16 * 1024  # an index, a footer and tags take less


@dataclass(frozen=True, kw_only=True)
class Length:
    """Length of a video stream.

    Attributes:
        ticks: first presented frame to the end of the last one; 0 where nothing is known.
        stills: 1 where the last frame claims to stay longer than `MAX_STILL_S` and was cut to the usual distance.
        incomplete: why the file is known to lack a part of its video that is not in `ticks`; None: it does not.
    """

    ticks: int
    stills: int = 0
    incomplete: str | None = None


def measure(source: Source, *, first: int, interval: int, header: int | None) -> Length:
    """Find the length.

    The header's claim counts where the file was cut short: what is missing then shows in the coverage. A claim that no
    cut explains does not count.

    Args:
        first: pts of the first presented frame, in ticks.
        interval: usual distance of frames, in ticks.
        header: length in ticks in a header that can be trusted for whole files; None where there is none.

    Raises:
        ItemError: undecodable: the end of the video is encrypted; or storage.
    """
    tail, claimed_end = _find_tail(source, interval, whole=not header)
    if tail.encrypted:
        raise encrypted(source.uri, "Common Encryption")
    base = tail.base
    there = tail.end - first if tail.end is not None else 0
    unread = _unread(source, tail)
    claim = max(header or 0, claimed_end - first if claimed_end else 0)
    if tail.still or claim <= there:
        return Length(ticks=there, stills=int(tail.still), incomplete=unread)
    if tail.end is None and header:
        there = min(header, _bytes_there(source, first))
    claimed_s, there_s = float(claim * base), float(max(0, there) * base)
    if believed(claimed_s, there_s):
        return Length(ticks=claim, incomplete=unread)
    why = f"the header claims {claimed_s:.6g} s and the file holds {there_s:.6g} s"
    return Length(ticks=max(there, interval), incomplete=why)


def _unread(source: Source, tail: _Tail) -> str | None:
    """What of a file FFmpeg did not read, such as a second file behind the first; None: no more than an index."""
    name = tail.format.split(",", maxsplit=1)[0]
    left = source.size_bytes - tail.read_to
    if name not in STREAMED or not tail.read_to or left <= max(_UNREAD_BYTES, _UNREAD_SHARE * source.size_bytes):
        return None
    return f"FFmpeg reads {tail.read_to} of {source.size_bytes} bytes"


def _find_tail(source: Source, interval: int, *, whole: bool) -> tuple[_Tail, int]:
    """The tail of the file, else all of its packets if `whole`; and where a Matroska header says that it ends, or 0.

    An MP4 of a variable frame rate with B-frames has the end of decoding in its header: seconds too early.
    """
    import av

    where: int | None = _END_OF_TIME if not source.lead_bytes else None  # on two clocks no seek works
    for _ in range(3):
        container = source.open()
        stream = video_stream(container, source.uri)
        if where is not None:
            try:
                container.seek(where, stream=stream)
            except av.FFmpegError:
                source.check()
                where = None
                continue
        tail = _Tail(container, stream, interval, source.lead_bytes)
        try:
            tail.read()
        except av.FFmpegError:
            source.check()  # damage at the very end: what came before it counts
        # time stamps after a seek in MPEG-PS are guesses until the next packet that has one
        rough = container.format.name == "mpeg" and where == _END_OF_TIME
        if tail.end is not None and (tail.keyframe or where is None) and not rough:
            return tail, _claimed_end(container, stream, tail.all_end_s)
        if where is None or not (whole or tail.end):
            break  # cut short: the header is the truth
        # without an index the seek ended in the middle of a group of pictures, perhaps past the last one shown
        back = round(_BACK_S / stream.time_base)
        where = tail.end - back if tail.end is not None and where == _END_OF_TIME else None
    tail.end = None
    return tail, 0


class _Tail:
    """Where the packets from here to the end of the file end.

    Attributes:
        base: seconds of a tick.
        end: of the video stream, in ticks; None where it has no packet here.
        all_end_s: of all streams, in seconds.
        keyframe: whether the video stream has a keyframe here.
        encrypted: whether a packet of the video stream is; its beginning may be in the clear.
        still: whether the last frame claims to stay longer than `MAX_STILL_S`.
        format: FFmpeg's name of the format.
        read_to: where the last packet of all streams ends, in bytes of the file; 0 where packets have no positions.
    """

    def __init__(self, container: Any, stream: Any, interval: int, lead_bytes: int) -> None:
        self.base = stream.time_base
        self._container = container
        self._stream = stream
        self._interval = interval
        self._lead_bytes = lead_bytes
        self._longest = MAX_STILL_S / self.base
        self.end: int | None = None
        self.all_end_s = -math.inf
        self.keyframe = False
        self.still = False
        self.encrypted = False
        self.format: str = container.format.name
        self.read_to = 0

    def read(self) -> None:
        """Demux to the end."""
        for packet in demux_known(self._container):
            PROGRESS.step()
            self.read_to = max(self.read_to, (packet.pos or 0) + packet.size)
            start = packet.pts if packet.pts is not None else packet.dts
            if start is None or (packet.pos is not None and packet.pos < self._lead_bytes):
                continue
            ours = packet.stream.index == self._stream.index
            length = packet.duration or 0
            long = ours and length > self._longest
            if ours and (not length or packet.pts != packet.dts or long):
                # with B-frames a packet's duration is the distance to the next one decoded, not to the next one shown
                length = min(length or self._interval, self._interval)
            self.all_end_s = max(self.all_end_s, float((start + length) * packet.time_base))
            if ours:
                self.encrypted = self.encrypted or has_key_information(packet)
                self.still = long if self.end is None or start + length >= self.end else self.still
                self.end = start + length if self.end is None else max(self.end, start + length)
                self.keyframe = self.keyframe or packet.is_keyframe


def _bytes_there(source: Source, first: int) -> int:
    """How far an index with byte positions reaches inside a file that was cut short, in ticks from `first`."""
    container = source.open()
    index = video_stream(container, source.uri).index_entries
    size = source.size_bytes
    low, high = 0, len(index)
    while low < high:  # positions grow with time in all but hand-made files
        middle = (low + high) // 2
        if index[middle].pos + index[middle].size <= size:
            low = middle + 1
        else:
            high = middle
    return max(0, index[low - 1].timestamp - first) if low else 0


def _claimed_end(container: Any, stream: Any, all_end_s: float) -> int:
    """Where a Matroska header says that the video ends, if the file was cut before that; else 0."""
    if not container.format.name.startswith("matroska") or not container.duration:
        return 0
    if container.duration / 1e6 - all_end_s <= _CUT_SHORT_S:
        return 0
    tag = stream.metadata.get("DURATION", "").split(":")  # 00:00:05.059000000, written by FFmpeg and mkvmerge
    try:
        hours, minutes, seconds = (float(part) for part in tag)
        claimed_s = hours * 3600 + minutes * 60 + seconds
    except ValueError:
        claimed_s = container.duration / 1e6
    if not math.isfinite(claimed_s):
        return 0
    ticks: int = round(claimed_s / stream.time_base)
    return ticks

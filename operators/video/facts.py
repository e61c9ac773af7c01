"""What a video says about itself: the columns `VIDEO_FACTS`, found by reading its header, one picture and, where the
header does not know the length, its tail.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import PurePosixPath
from statistics import median
from typing import Any

from operators.base import ItemError
from operators.video.pictures import shown_size, turn_deg
from operators.video.progress import PROGRESS
from operators.video.reader import demux_known, pixel_aspect, video_stream
from operators.video.source import Source

_LENGTH_IN_HEADER = frozenset({"mov", "avi"})
"""Formats whose header holds the length of each stream and an index of all packets; elsewhere both are guesses."""

_STILL = ("image2", "_pipe")
_BACK_S = 10.0  # longer than the usual group of pictures in a container without an index
_CUT_SHORT_S = 0.5  # a Matroska header that claims more than this beyond the last packet: the file was cut


def probe(uri: str) -> dict[str, Any]:
    """The facts of one video, exactly the columns `operators.rows.VIDEO_FACTS`.

    Reads the header and decodes until one picture comes out, so that what probes well can be captioned. A damaged
    beginning is passed over. For a file that was cut short but kept its header the header's length is the truth.

    Raises:
        ItemError: unreadable, undecodable (with the reason: empty, no video stream, no index, …) or storage.
    """
    with Source(uri) as source:
        try:
            return _facts(source)
        except ItemError:
            raise
        except MemoryError:
            raise
        except Exception:
            source.check()
            raise


def _facts(source: Source) -> dict[str, Any]:
    container = source.open()
    stream = video_stream(container, source.uri)
    name = container.format.name
    if name.startswith(_STILL[0]) or name.endswith(_STILL[1]):
        raise ItemError("undecodable", f"{source.uri} is a still picture ({stream.codec_context.name}), not a video")
    stream.codec_context.thread_count = 1
    frame, first = _first_picture(container, stream, source)
    base = stream.time_base
    rate = stream.average_rate or stream.guessed_rate
    width, height = shown_size(frame, pixel_aspect(stream))
    in_header = name.split(",")[0] in _LENGTH_IN_HEADER
    facts = {
        "container": _container(name, source.uri),
        "codec": stream.codec_context.codec.canonical_name,
        "fps": float(rate) if rate else 0.0,
        "width_px": width,
        "height_px": height,
        "rotation_deg": turn_deg(frame),
        "first_pts_s": float(first * base),
        "has_audio": bool(container.streams.audio),
        "keyframe_interval_s": _keyframe_interval_s(stream) if in_header else None,
    }
    interval = max(1, round(1 / rate / base) if rate else frame.duration or 1)
    # the length of the stream itself: a longer sound track does not count
    length = stream.duration if in_header else None
    ticks = max(length or 0, _end(source, interval, whole=not length) - first)
    return facts | {"duration_s": float((ticks if ticks > 0 else interval) * base)}  # a picture lasts, at the least


def _first_picture(container: Any, stream: Any, source: Source) -> tuple[Any, int]:
    """The first picture that decodes, and the pts (ticks) at which the first one should have been shown."""
    import av

    damaged: list[int] = []
    try:
        for packet in demux_known(container, stream):
            PROGRESS.step()
            try:
                frames = packet.decode()
            except av.FFmpegError:
                source.check()
                if packet.pts is not None and not packet.is_discard:
                    damaged.append(packet.pts)
                continue
            for frame in frames:
                if frame.pts is not None:
                    return frame, min([frame.pts, *damaged])
    except av.FFmpegError:
        source.check()
    raise ItemError("undecodable", f"{source.uri}: no picture decodes ({stream.codec_context.name})")


def _end(source: Source, interval: int, *, whole: bool) -> int:
    """Where the last picture ends, in ticks, read from the tail of the file, else from all of its packets if `whole`.

    An MP4 of a variable frame rate with B-pictures has the end of decoding in its header: seconds too early.
    """
    import av

    where: int | None = 2**40
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
        tail = _Tail(container, stream, interval)
        try:
            tail.read()
        except av.FFmpegError:
            source.check()  # damage at the very end: what came before it counts
        if tail.end is not None and (tail.keyframe or where is None):
            return max(tail.end, _claimed_end(container, stream, tail.all_end_s))
        if where is None or not (whole or tail.end):
            return 0  # cut short: the header is the truth
        # without an index the seek ended in the middle of a group of pictures, perhaps past the last one shown
        where = tail.end - round(_BACK_S / stream.time_base) if tail.end is not None and where == 2**40 else None
    return 0


class _Tail:
    """Where the packets from here to the end of the file end.

    Attributes:
        end: of the video stream, in ticks; None where it has no packet here.
        all_end_s: of all streams, in seconds.
        keyframe: whether the video stream has a keyframe here.
    """

    def __init__(self, container: Any, stream: Any, interval: int) -> None:
        self._container = container
        self._stream = stream
        self._interval = interval
        self.end: int | None = None
        self.all_end_s = -math.inf
        self.keyframe = False

    def read(self) -> None:
        """Demux to the end."""
        for packet in demux_known(self._container):
            PROGRESS.step()
            start = packet.pts if packet.pts is not None else packet.dts
            if start is None:
                continue
            ours = packet.stream.index == self._stream.index
            length = packet.duration or 0
            if ours and (not length or packet.pts != packet.dts):
                # with B-pictures a packet's duration is the distance to the next one decoded, not to the next one shown
                length = min(length or self._interval, self._interval)
            self.all_end_s = max(self.all_end_s, float((start + length) * packet.time_base))
            if ours:
                self.end = start + length if self.end is None else max(self.end, start + length)
                self.keyframe = self.keyframe or packet.is_keyframe


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
    ticks: int = round(claimed_s / stream.time_base)
    return ticks


def _keyframe_interval_s(stream: Any) -> float | None:
    """Median distance of keyframes, hopping through the index from one to the one before; None for a single one."""
    index = stream.index_entries
    times: list[int] = []
    at = len(index) and index.search_timestamp(2**62, backward=True)
    while len(index) and at >= 0:
        times.append(index[at].timestamp)
        at = index.search_timestamp(times[-1] - 1, backward=True)
        if at >= 0 and index[at].timestamp >= times[-1]:
            break
    gaps = [later - earlier for later, earlier in pairwise(times)]
    return float(median(gaps) * stream.time_base) if gaps else None


def _container(name: str, uri: str) -> str:
    """One name for FFmpeg's `mov,mp4,m4a,…`: the file's own suffix where it is among them."""
    names = name.split(",")
    suffix = PurePosixPath(uri).suffix.lstrip(".").lower()
    return suffix if suffix in names else names[0]

"""Raw H.264, HEVC and VVC bitstreams without time stamps, whose frames get their times from the frame rate.

The rate is that of the bitstream (VUI timing), else 25, as in FFmpeg. The decoder returns frames in presentation order:
frame k is presented at k divided by the rate. A long stream is divided into parts at IDR frames, before which no frame
is referenced, so that a seek need not decode from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from operators.video.packets import demux_known
from operators.video.plausible import DEFAULT_FPS, frame_rate_stated
from operators.video.progress import PROGRESS
from operators.video.reader import is_untimed, video_stream
from operators.video.source import Source

__all__ = ["Scan", "is_untimed", "scan"]

_PART_S = 30.0  # at least: what a seek may decode in vain
_HEAD_BYTES = 64 * 1024  # parameter sets and the beginning of the first slice

# NAL unit types: parameter sets that a part needs at its beginning, and IDR slices (ITU-T H.264, table 7-1; H.265,
# table 7-1; H.266, table 5)
_NEEDED = {"h264": {7, 8}, "hevc": {33, 34}, "vvc": {15, 16}}
_IDR = {"h264": {5}, "hevc": {19, 20}, "vvc": {7, 8}}


@dataclass
class Scan:
    """A raw stream, read once without decoding.

    Attributes:
        ticks: its length, in ticks of the stream's time base.
        cuts: byte position and time in ticks of frames at which a part may begin; the first is (0, 0).
        size_bytes: of the stream.
    """

    ticks: int = 0
    cuts: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    size_bytes: int = 0


def scan(source: Source) -> Scan:
    """Count the frames of a raw stream and find where it may be cut.

    Raises:
        ItemError: the input cannot be opened, or storage.
    """
    import av

    container = source.open()
    stream = video_stream(container, source.uri)
    interval = 0  # where the stream states no rate that a video has; else packets say how long they last
    if not frame_rate_stated(stream):
        interval = round(1 / DEFAULT_FPS / stream.time_base)
    codec, least = stream.codec_context.codec.canonical_name, _PART_S / stream.time_base
    found = Scan(size_bytes=source.size_bytes)
    try:
        for packet in demux_known(container, stream):
            PROGRESS.step()
            if not packet.size:
                continue
            far = found.ticks - found.cuts[-1][1] >= least
            if far and packet.is_keyframe and packet.pos is not None and _begins_anew(codec, packet):
                found.cuts.append((packet.pos, found.ticks))
            found.ticks += interval or packet.duration or 0
    except av.FFmpegError:
        source.check()  # damage at the end: what came before it counts
    return found


def _begins_anew(codec: str, packet: Any) -> bool:
    """Whether decoding can begin at this packet and nothing after it is shown before it."""
    data = bytes(memoryview(packet)[:_HEAD_BYTES])
    types = set()
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 4:
        types.add(_nal_type(codec, data[at + 3], data[at + 4]))
        at = data.find(b"\0\0\1", at + 3)
    return _NEEDED.get(codec, {-1}) <= types and bool(types & _IDR.get(codec, set()))


def _nal_type(codec: str, first: int, second: int) -> int:
    if codec == "h264":
        return first & 0x1F
    return (first >> 1) & 0x3F if codec == "hevc" else second >> 3

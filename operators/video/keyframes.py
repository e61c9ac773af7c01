"""Where the keyframes of a stretch are: read from its packets, without decoding one of them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from operators.video.packets import demux_known
from operators.video.parts import Part
from operators.video.plausible import DEFAULT_FPS, frame_rate
from operators.video.progress import PROGRESS
from operators.video.reader import is_untimed, video_stream
from operators.video.source import Source

_SLACK_S = 1e-6


def keyframe_times(
    source: Source, *, first_pts_s: float, start_s: float, end_s: float, parts: Sequence[Part] = ()
) -> list[float]:
    """Times of the keyframes in `[start_s, end_s]`, seconds from the first presented frame, in order.

    The index of the container is not enough: it holds dts, and in half of all formats it is not there.

    Args:
        parts: of a video that has more than one clock.

    Raises:
        ItemError: the input cannot be opened or has no video stream, or storage.
    """
    if not parts:
        return _keyframe_times(source, first_pts_s, start_s, end_s)
    found: set[float] = set()
    for part in parts:
        low, high = max(0.0, start_s - part.start_s), min(part.length_s - _SLACK_S, end_s - part.start_s)
        if part.decodes and not part.lead_bytes and low <= high:
            source.show(part.span, format=part.format)
            found.update(part.start_s + time_s for time_s in _keyframe_times(source, part.first_pts_s, low, high))
    return sorted(found)


def _keyframe_times(source: Source, first_pts_s: float, start_s: float, end_s: float) -> list[float]:
    import av

    container = source.open()
    stream = video_stream(container, source.uri)
    # where packets have no pts (AVI) their dts run ahead of what is shown by what the first frame was late
    late = round(first_pts_s / stream.time_base) - (stream.start_time or 0)
    found: set[float] = set()
    if is_untimed(container):
        return _counted(source, container, stream, start_s, end_s)
    try:
        if start_s > 0:
            container.seek(math.floor((start_s + first_pts_s) / stream.time_base), stream=stream)
        for packet in demux_known(container, stream):
            PROGRESS.step()
            if packet.pts is None and packet.dts is None:
                continue
            pts = packet.pts if packet.pts is not None else packet.dts + late
            time_s = float(pts * stream.time_base) - first_pts_s
            if packet.is_keyframe and start_s - 1e-6 <= time_s <= end_s + 1e-6 and not packet.is_discard:
                found.add(max(0.0, time_s))
            if packet.dts is not None and float(packet.dts * stream.time_base) - first_pts_s > end_s:
                break
    except av.FFmpegError:
        source.check()  # damage: what was found so far is true
    finally:
        source.close()
    return sorted(found)


def _counted(source: Source, container: Any, stream: Any, start_s: float, end_s: float) -> list[float]:
    """The same of a bare bitstream, whose keyframes have no time but their place."""
    import av

    rate = frame_rate(stream, untimed=True) or DEFAULT_FPS
    found = []
    try:
        packets = (packet for packet in demux_known(container, stream) if packet.size)
        for index, packet in enumerate(packets):
            PROGRESS.step()
            time_s = float(index / rate)
            if time_s > end_s + _SLACK_S:
                break
            if packet.is_keyframe and time_s >= start_s - _SLACK_S:
                found.append(time_s)
    except av.FFmpegError:
        source.check()
    finally:
        source.close()
    return found


def snap(times_s: Sequence[float], keyframes_s: Sequence[float], tolerance_s: float) -> dict[float, float]:
    """For each time the nearest keyframe, if it lies within `tolerance_s`; else the time itself."""
    snapped = {}
    for time_s in times_s:
        at = bisect_left(keyframes_s, time_s)
        near = min(keyframes_s[max(0, at - 1) : at + 1], key=lambda k: abs(k - time_s), default=math.inf)
        snapped[time_s] = near if abs(near - time_s) <= tolerance_s + 1e-6 else time_s
    return snapped

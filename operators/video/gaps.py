"""Detection of gaps of more than `MAX_STILL_S` between two frames, such as frames with times ten years apart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from operators.core.base import ItemError
from operators.video.packets import demux_known
from operators.video.parts import MAX_PARTS
from operators.video.plausible import MAX_STILL_S
from operators.video.progress import PROGRESS
from operators.video.reader import video_stream
from operators.video.source import Source

_BEHIND = 32  # packets decoded after a gap that may be shown before it: more than any reordering
_PASS_BYTES = 4 * 2**30  # a file without an index is read to its end up to this size, a remote one never


def find_gaps(source: Source, *, remote: bool) -> list[tuple[int, int]]:
    """The gaps, as pts of the frames before and after each, in ticks. Fast if there is an index.

    Raises:
        ItemError: class undecodable if there are too many, or class storage.
    """
    container = source.open()
    stream = video_stream(container, source.uri)
    longest = int(MAX_STILL_S / stream.time_base)
    if len(stream.index_entries) > 1 and container.format.name.startswith(("mov", "avi", "matroska")):
        suspects = _hop(source.uri, stream.index_entries, longest)
    elif remote or source.size_bytes > _PASS_BYTES:
        return []
    else:
        suspects = [(None, None)]
    return sorted({gap for suspect in suspects for gap in _between(source, *suspect, longest)})


def _hop(uri: str, index: Any, longest: int) -> list[tuple[int | None, int | None]]:
    """Neighbours in the index that lie further apart than `longest`; hops of that length, not of one entry."""
    found: list[tuple[int | None, int | None]] = []
    at = 0
    while at + 1 < len(index):
        PROGRESS.step()
        now = index[at].timestamp
        further = index.search_timestamp(now + longest, backward=True, any_frame=True)
        if further > at:
            at = further
            continue
        found.append((now, index[at + 1].timestamp))
        at += 1
        if len(found) > MAX_PARTS:
            hours = MAX_STILL_S / 3600
            raise ItemError("undecodable", f"{uri} has more than {MAX_PARTS} gaps of over {hours:g} h between frames")
    return found


def _between(source: Source, from_dts: int | None, to_dts: int | None, longest: int) -> list[tuple[int, int]]:
    """The gaps among the packets from one time to another; None: all packets."""
    import av

    container = source.open()
    stream = video_stream(container, source.uri)
    shown: list[int] = []
    behind = 0
    try:
        if from_dts is not None:
            container.seek(from_dts, stream=stream)
        for packet in demux_known(container, stream):
            PROGRESS.step()
            pts = packet.pts if packet.pts is not None else packet.dts
            if pts is None or packet.is_discard:
                continue
            shown.append(pts)
            behind += to_dts is not None and packet.dts is not None and packet.dts >= to_dts
            if behind > _BEHIND:
                break
    except av.FFmpegError:
        source.check()  # damage: what was read counts
    shown.sort()
    return [(a, b) for a, b in pairwise(shown) if b - a > longest]

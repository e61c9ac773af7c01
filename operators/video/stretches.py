"""Division of a file into byte ranges with one clock each, before decoding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from operators.core.base import ItemError
from operators.core.uris import local_path
from operators.video.clock import Break, find_breaks
from operators.video.joins import find_joins
from operators.video.packets import demux_known
from operators.video.parts import MAX_PARTS
from operators.video.progress import PROGRESS
from operators.video.reader import video_stream
from operators.video.source import Source

_CLOCKED = {"mpegts": True, "mpeg": False}  # formats with a clock and without an index: transport streams or not
_NEAR_BYTES = (4 * 2**20, 64 * 2**20)  # where to look for a keyframe beside a break
_TABLE_PACKETS = 64  # before the first frame of a part: where its program tables are looked for
_PAT_PID = 0


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A range of bytes that is opened as a separate input.

    Attributes:
        from_byte, to_byte: first byte and the byte after the last.
        lead_bytes: number of bytes at its beginning that belong to the previous range.
        ends_at: position, from the first byte, of the frame at which the next range begins; None for the end.
        clock_s: its duration by its time stamps, in seconds; 0 if unknown.
        format: FFmpeg's name of the format.
    """

    from_byte: int
    to_byte: int
    format: str
    lead_bytes: int = 0
    ends_at: int | None = None
    clock_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """The byte ranges of a file in order.

    Attributes:
        stretches: the ranges; empty for a file with one clock.
        discontinuities: number of clock discontinuities between ranges.
        incomplete: the reason why there may be more; None if there are not.
    """

    stretches: tuple[Stretch, ...] = ()
    discontinuities: int = 0
    incomplete: str | None = None


def find_stretches(source: Source, container: Any) -> Stretches:
    """Divide the file of `source` at clock discontinuities.

    Args:
        container: container of the whole file, just opened; for a file with one clock its position is not changed.

    Raises:
        ItemError: class undecodable if there are too many discontinuities, or class storage.
    """
    stream = video_stream(container, source.uri)
    name = container.format.name
    remote = local_path(source.uri) is None
    size = source.size_bytes
    if name not in _CLOCKED:
        with source.peek() as file:
            joins = find_joins(file, size, name, remote=remote)
        _limit(source.uri, len(joins))
        edges = [0, *joins, size]
        pieces = [Stretch(from_byte=a, to_byte=b, format=name) for a, b in pairwise(edges)]
        return Stretches(stretches=tuple(pieces) if joins else (), discontinuities=len(joins))
    transport = _CLOCKED[name]
    with source.peek() as file:
        breaks, incomplete = find_breaks(
            file, size, transport=transport, stream=stream.id if transport else stream.id & 0xFF, sampled=remote
        )
        _limit(source.uri, len(breaks))
        if transport:
            breaks = [replace(b, at=_with_tables(file, b.at)) for b in breaks]
            same = [_goes_on(file, b.at, stream.id) for b in breaks]
        else:
            same = [False] * len(breaks)
    jumps = sum(b.jump for b in breaks)
    if not breaks:
        return Stretches(incomplete=incomplete)
    stretches = _cut(source, name, size, breaks, same)
    return Stretches(stretches=tuple(stretches), discontinuities=jumps, incomplete=incomplete)


def _limit(uri: str, found: int) -> None:
    if found >= MAX_PARTS:
        raise ItemError("undecodable", f"{uri}: its clock jumps {found} times; at most {MAX_PARTS - 1} are accepted")


def _cut(source: Source, name: str, size: int, breaks: list[Break], same: list[bool]) -> list[Stretch]:
    """Stretches from break to break. Where one bitstream goes on over a break, frames may refer to those before it."""
    edges = [0, *(b.at for b in breaks), size]
    found: list[Stretch] = []
    for k, (begin, end) in enumerate(pairwise(edges)):
        clock_s = breaks[k].length_s if k < len(breaks) else 0.0
        plain = Stretch(from_byte=begin, to_byte=end, format=name, clock_s=clock_s)
        lead = _lead(source, name, edges[k - 1], begin, end) if k and same[k - 1] else None
        if lead is None:
            found.append(plain)
            continue
        found.append(lead)
        if lead.ends_at is not None:
            found.append(replace(plain, from_byte=lead.from_byte + lead.ends_at))
    return found


def _lead(source: Source, name: str, previous: int, begin: int, end: int) -> Stretch | None:
    """What must be decoded from the stretch before for the frames up to the first keyframe after a break."""
    ahead, first = _keyframes(source, name, begin, end, first=True)
    if ahead == first and ahead is not None:
        return None  # it begins with a keyframe
    for near in _NEAR_BYTES:
        start = max(previous, begin - near)
        behind, _ = _keyframes(source, name, start, begin, first=False)
        if behind is not None:
            to_byte = end if ahead is None else min(end, begin + ahead + _NEAR_BYTES[0])
            lead = begin - start - behind
            ends_at = None if ahead is None else lead + ahead
            return Stretch(from_byte=start + behind, to_byte=to_byte, format=name, lead_bytes=lead, ends_at=ends_at)
    return None


def _keyframes(source: Source, name: str, begin: int, end: int, *, first: bool) -> tuple[int | None, int | None]:
    """Where the first or the last keyframe of some bytes is, and the first frame of all, counted from `begin`."""
    import av

    source.show((begin, end if not first else min(end, begin + _NEAR_BYTES[1])), format=name)
    key = frame = None
    try:
        container = source.open()
        for packet in demux_known(container, video_stream(container, source.uri)):
            PROGRESS.step()
            if packet.pos is None or not packet.size:
                continue
            frame = packet.pos if frame is None else frame
            if packet.is_keyframe:
                key = packet.pos
                if first:
                    break
    except (ItemError, av.FFmpegError):
        source.check()  # no frame there: none is found
    finally:
        source.show(None)
    return key, frame


def _packet_size(file: Any, at: int) -> tuple[int, int] | None:
    """Size of the transport packets at `at`, and where in each its sync byte is."""
    file.seek(at)
    data = file.read(5 * 204)
    for size, sync in ((188, 0), (192, 4), (204, 0)):
        places = range(sync, min(len(data), 3 * size), size)
        if len(places) > 0 and all(data[place] == 0x47 for place in places):
            return size, sync
    return None


def _with_tables(file: Any, at: int) -> int:
    """Where a part begins whose first frame is at `at`: at the program tables just before it, if there are any."""
    shape = _packet_size(file, at)
    if shape is None:
        return at
    size, sync = shape
    file.seek(at + sync)
    pid = _pid(file.read(4))
    start = max(0, at - _TABLE_PACKETS * size)
    start += (at - start) % size
    file.seek(start)
    data = file.read(at - start)
    best = at
    for place in range(len(data) - size, -1, -size):
        packet = data[place + sync :]
        if packet[0] != 0x47 or _pid(packet) == pid:
            break
        if _pid(packet) == _PAT_PID:
            best = start + place
    return best


def _goes_on(file: Any, at: int, pid: int) -> bool:
    """Whether the continuity counter of a PID goes on over `at`: it is one bitstream, and only its clock jumps."""
    shape = _packet_size(file, at)
    if shape is None:
        return False
    size, sync = shape
    start = max(0, at - 1024 * size)
    start += (at - start) % size
    file.seek(start)
    data = file.read(at - start + 64 * size)
    before = after = None
    for place in range(sync, len(data) - 188, size):
        packet = data[place : place + 6]
        if packet[0] != 0x47 or _pid(packet) != pid or not packet[3] & 0x10:
            continue
        counter = packet[3] & 0x0F
        if start + place - sync < at:
            before = counter
        else:
            after = counter
            break
    return before is not None and after == (before + 1) & 0x0F


def _pid(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]

"""The facts of a video, the columns `VIDEO_FACTS`, read from its header, one frame and, if the header has no duration,
its end.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath
from statistics import median
from typing import Any

from operators.core.base import ItemError
from operators.core.uris import local_path
from operators.video.encrypted import encrypted, explain, has_key_information, refuse_encrypted
from operators.video.gaps import find_gaps
from operators.video.images import shown_size, turn_deg
from operators.video.length import Length, measure
from operators.video.packets import demux_known
from operators.video.parts import Part, dump_parts
from operators.video.plausible import (
    DEFAULT_FPS,
    MAX_FPS,
    MAX_PIXELS,
    MAX_STILL_S,
    bound_decoder,
    check_facts,
    frame_rate,
)
from operators.video.progress import PROGRESS
from operators.video.raw import scan
from operators.video.reader import UNTIMED, is_untimed, pixel_aspect, video_stream
from operators.video.source import Source
from operators.video.stretches import Stretches, find_stretches
from operators.video.version import unchanged

_LENGTH_IN_HEADER = frozenset({"mov", "avi"})
"""Formats whose header has the duration of each stream and an index of all packets; in others both are estimates."""

_STILL = ("image2", "_pipe")
_RAW_MJPEG = "jpeg_pipe"  # one JPEG, or Motion JPEG as a camera writes it, which FFmpeg shows at 25 frames a second
_LOST_S = 0.5  # a part that begins with so much that does not decode was cut within a group of pictures


def probe(uri: str, version: str | None = None) -> dict[str, Any]:
    """The facts of one video, exactly the columns `operators.core.rows.VIDEO_FACTS`.

    Reads the header and decodes until one frame is returned, so that a successful probe means that the video can be
    captioned. A damaged beginning is skipped. For a truncated file with a complete header, the header's duration is
    used if it is plausible (`operators.video.plausible`).

    Args:
        version: version of the source when it was listed; None accepts any.

    Raises:
        ItemError: unreadable, undecodable (with the reason: empty, no video stream, no index, …), changed or storage.
    """
    with unchanged(uri, version):
        return _probe(uri)


def _probe(uri: str) -> dict[str, Any]:
    with Source(uri) as source:
        try:
            return check_facts(uri, _facts(source))
        except ItemError as error:
            raise explain(source, error) from error
        except MemoryError:
            raise
        except Exception:
            source.check()
            raise


def _facts(source: Source) -> dict[str, Any]:
    container = source.open()
    cut = find_stretches(source, container)
    if cut.stretches:
        return _joined(source, cut)
    facts, length = _facts_of_part(source, container)
    parts: list[Part] = []
    if facts["container"] in UNTIMED:
        return facts | _bitstream(source, facts) | {"discontinuities": 0, "incomplete": None}
    if facts["duration_s"] > MAX_STILL_S:
        parts = _parts_between_gaps(source, facts)
    found = {
        "duration_s": parts[-1].end_s if parts else facts["duration_s"],
        "discontinuities": length.stills + max(0, len(parts) - 1),
        "parts": dump_parts(parts),
        "incomplete": length.incomplete or cut.incomplete,
    }
    return facts | found


def _joined(source: Source, cut: Stretches) -> dict[str, Any]:
    """The facts of a file in several stretches: of the first one that decodes, with all of their parts."""
    facts: dict[str, Any] | None = None
    parts: list[Part] = []
    why = [cut.incomplete] if cut.incomplete else []
    failure: ItemError | None = None
    for stretch in cut.stretches:
        source.show((stretch.from_byte, stretch.to_byte), lead_bytes=stretch.lead_bytes, format=stretch.format)
        start_s = parts[-1].end_s if parts else 0.0
        where: dict[str, Any] = {"from_byte": stretch.from_byte, "to_byte": stretch.to_byte, "format": stretch.format}
        try:
            found, length = _facts_of_part(source, source.open(), later=facts is not None)
        except ItemError as error:
            if error.failure_class != "undecodable":
                raise
            failure = error
            span = f"bytes {stretch.from_byte} to {stretch.to_byte}"
            why.append(f"no frame of {span} decodes")
            if stretch.clock_s > 0 and not stretch.lead_bytes:
                parts.append(Part(start_s, stretch.clock_s, 0.0, stretch.clock_s, decodes=False, **where))
            continue
        why += [length.incomplete] if length.incomplete else []
        facts = facts or found
        length_s = found["duration_s"]
        if stretch.ends_at is not None:
            length_s = _until(source, stretch.ends_at, found["first_pts_s"], length_s)
        last_s = max(0.0, length_s - (1 / found["fps"] if found["fps"] else 0.0))
        parts.append(Part(start_s, length_s, found["first_pts_s"], last_s, lead_bytes=stretch.lead_bytes, **where))
    if facts is None:
        raise failure or ItemError("undecodable", f"{source.uri}: no frame decodes")
    return facts | {
        "duration_s": parts[-1].end_s,
        "keyframe_interval_s": None,
        "discontinuities": cut.discontinuities,
        "parts": dump_parts(parts),
        "incomplete": "; ".join(why[:3]) or None,
    }


def _until(source: Source, at: int, first_pts_s: float, otherwise_s: float) -> float:
    """Seconds from `first_pts_s` to the frame at byte `at` of what `source` shows."""
    container = source.open()
    stream = video_stream(container, source.uri)
    for packet in demux_known(container, stream):
        PROGRESS.step()
        if packet.pos is not None and packet.pos >= at and packet.pts is not None:
            return max(0.0, float(packet.pts * stream.time_base) - first_pts_s)
    return otherwise_s


def _bitstream(source: Source, facts: dict[str, Any]) -> dict[str, Any]:
    """Length of a bare bitstream, and its stretches that can be decoded by themselves, if there are several."""
    found = scan(source)
    seconds = float(video_stream(source.open(), source.uri).time_base)
    ends = [*found.cuts[1:], (found.size_bytes, found.ticks)]
    parts = [
        Part(
            start * seconds,
            (end - start) * seconds,
            0.0,
            max(0.0, (end - start) * seconds - 1 / (facts["fps"] or DEFAULT_FPS)),
            from_byte,
            to_byte,
            format=facts["container"],
        )
        for (from_byte, start), (to_byte, end) in zip(found.cuts, ends, strict=True)
        if len(found.cuts) > 1
    ]
    return {"duration_s": max(found.ticks * seconds, facts["duration_s"]), "parts": dump_parts(parts)}


def _parts_between_gaps(source: Source, facts: dict[str, Any]) -> list[Part]:
    """The stretches of a video between gaps that are too long to be planned; none where there is no such gap."""
    gaps = find_gaps(source, remote=local_path(source.uri) is None)
    stream = video_stream(source.open(), source.uri)
    base, rate = float(stream.time_base), float(stream.guessed_rate or 0)  # the average counts the gaps
    facts["fps"] = rate if facts["fps"] < rate <= MAX_FPS and gaps else facts["fps"]
    interval_s = 1 / facts["fps"] if facts["fps"] else base
    ends_s = [before * base + interval_s for before, _ in gaps] + [facts["first_pts_s"] + facts["duration_s"]]
    firsts_s = [facts["first_pts_s"], *(after * base for _, after in gaps)]
    parts: list[Part] = []
    for first_pts_s, end_s in zip(firsts_s, ends_s, strict=True):
        length_s = max(base, end_s - first_pts_s)
        start_s = parts[-1].end_s if parts else 0.0
        parts.append(Part(start_s, length_s, first_pts_s, max(0.0, length_s - interval_s)))
    return parts if gaps else []


def _facts_of_part(source: Source, container: Any, *, later: bool = False) -> tuple[dict[str, Any], Length]:
    """The facts of the current part of `source`.

    Args:
        container: a container just opened from `source`.
        later: whether it is not the first part of a video; frames at its beginning that do not decode are then missing.
    """
    stream = video_stream(container, source.uri)
    name = container.format.name
    if name.startswith(_STILL[0]) or name.endswith(_STILL[1]):
        if name != _RAW_MJPEG or _packets(container) < 2:
            codec = stream.codec_context.name
            raise ItemError("undecodable", f"{source.uri} is a still image ({codec}), not a video")
        container = source.open()
        stream = video_stream(container, source.uri)
    context, untimed = stream.codec_context, is_untimed(container)
    if context.width * context.height > MAX_PIXELS:
        size = f"{context.width}x{context.height}"
        raise ItemError("undecodable", f"{source.uri} claims frames of {size}; at most {MAX_PIXELS} pixels are allowed")
    refuse_encrypted(source, container, stream)
    bound_decoder(context)
    context.thread_count = 1
    frame, first = _first_frame(container, stream, source, later=later)
    base = stream.time_base
    rate = frame_rate(stream, untimed=untimed)
    width, height = shown_size(frame, pixel_aspect(stream))
    in_header = name.split(",")[0] in _LENGTH_IN_HEADER
    facts = {
        "container": _container(name, source.uri),
        "codec": context.codec.canonical_name,
        "fps": float(rate) if rate else 0.0,
        "width_px": width,
        "height_px": height,
        "rotation_deg": turn_deg(frame),
        "first_pts_s": float(first * base),
        "has_audio": bool(container.streams.audio),
        "keyframe_interval_s": _keyframe_interval_s(stream) if in_header else None,
    }
    interval = max(1, round(1 / rate / base) if rate else min(frame.duration or 1, MAX_STILL_S / base))
    if untimed:
        length = Length(ticks=interval)
    else:
        # the length of the stream itself: a longer sound track does not count
        length = measure(source, first=first, interval=interval, header=stream.duration if in_header else None)
    ticks = length.ticks if length.ticks > 0 else interval  # a frame lasts, at the least
    return facts | {"duration_s": float(ticks * base)}, length


def _packets(container: Any) -> int:
    """How many packets a container has, counted up to 2."""
    return sum(1 for _, packet in zip(range(2), demux_known(container), strict=False) if packet.size)


def _first_frame(container: Any, stream: Any, source: Source, *, later: bool) -> tuple[Any, int]:
    """The first frame that decodes, and the pts (ticks) at which the first one should have been shown."""
    import av

    damaged: list[int] = []
    fed: list[int] = []
    untimed = is_untimed(container)
    try:
        for packet in demux_known(container, stream):
            PROGRESS.step()
            of_lead = packet.pos is not None and packet.pos < source.lead_bytes
            if of_lead:
                packet.pts = packet.dts = None
            elif packet.pts is not None:
                fed.append(packet.pts)
            if has_key_information(packet):
                raise encrypted(source.uri, "Common Encryption")
            try:
                frames = packet.decode()
            except av.FFmpegError:
                source.check()
                if packet.pts is not None and not packet.is_discard:
                    damaged.append(packet.pts)
                continue
            for frame in frames:
                if untimed:
                    return frame, 0
                if frame.pts is not None:
                    return frame, _first_pts(frame.pts, damaged, fed if later else [], stream.time_base)
    except av.FFmpegError:
        source.check()
    raise ItemError("undecodable", f"{source.uri}: no frame decodes ({stream.codec_context.name})")


def _first_pts(shown: int, damaged: list[int], fed: list[int], base: Any) -> int:
    """When the first frame should have been shown; claims of more than `MAX_STILL_S` before `shown` are damage."""
    early = [pts for pts in fed if shown - pts > _LOST_S / base]
    return min([shown, *(pts for pts in [*damaged, *early] if shown - pts <= MAX_STILL_S / base)])


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

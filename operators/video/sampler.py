"""Exact frames by time with PyAV, at the least decoding that exactness allows.

What a target's picture is stands in `operators.video.protocol.Decoder`; this is its implementation for PyAV, and for
whatever gives a container to read, the ffmpeg subprocess included.

Where the saving comes from (CPU of a full decode: slides 9.9 s, film 28 s; with this: 2.8 s and 20 to 24 s):
- seek only when a keyframe lies between here and the target; otherwise go on decoding;
- on the way to a target leave out non-reference pictures: nothing refers to them, so all else stays byte-identical;
- before a jump ask the decoder for what it holds back, where that must be the target, and not for the next pictures;
- convert only what is kept (the caller does).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from typing import Any

from operators.video.protocol import Sample, Watch
from operators.video.reader import Reader
from operators.video.source import Containers

_DROPPING_CODECS = frozenset({"h264", "hevc", "mpeg4", "libdav1d"})
"""VP8 and VP9 have next to nothing to drop; what VP9 has may still change the probabilities that later pictures use."""

_SPARED = 4  # pictures before a target that are not left out, for a rate that varies a little


class Sampler:
    """Samples one input. Not thread-safe; use it for one request.

    Args:
        source: the input, opened here.
        first_pts_s: the container's pts of the first presented picture (`probe`), in seconds.
        seek: False decodes every picture from the beginning: the back end of last resort.

    Attributes:
        missing: targets without a picture, once `sample` is exhausted.
        ended_s: where the last picture ended, when the input ended before the targets did; else None.

    Raises:
        ItemError: the input cannot be opened or has no video stream.
    """

    def __init__(self, source: Containers, *, first_pts_s: float, seek: bool = True) -> None:
        self._source = source
        self._reader = Reader(source, first_pts_s=first_pts_s, may_seek=seek)
        self.missing: list[float] = []
        self.ended_s: float | None = None

    @property
    def aspect(self) -> Fraction:
        """Width of a stored pixel over its height."""
        return self._reader.aspect

    @property
    def pictures_decoded(self) -> int:
        """Pictures that came out of the decoder, kept or not."""
        return self._reader.pictures_decoded

    def damaged_packets(self, start_s: float, end_s: float) -> int:
        """How many packets of `[start_s, end_s)` the decoder refused or the demuxer marked as corrupt."""
        start, end = self._reader.ticks(start_s) - 0.5, self._reader.ticks(end_s) - 0.5
        return sum(start <= pts < end for pts in self._reader.faults) + self._source.unplaced_damage

    def close(self) -> None:
        """Close the input."""
        self._source.close()

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """As `Decoder.sample`."""
        wanted = sorted(set(times_s))
        if not wanted and watch is None:
            return
        hop = self._reader.may_seek and watch is None
        if hop and len(wanted) > 1:
            self._reader.load_index()
        wanted = yield from self._run(wanted, step_s, hop=hop, watch=watch)
        if wanted and self._reader.left_out:
            # something was passed over on the way: look again from one keyframe earlier, with nothing left out
            wanted = yield from self._run(wanted, step_s, hop=False, rewind=1)
        self.missing = wanted

    def _run(
        self, wanted: list[float], step_s: float, *, hop: bool, watch: Watch | None = None, rewind: int = 0
    ) -> Generator[Sample, None, list[float]]:
        """One pass over `wanted`, which is in order; returns those without a picture.

        Args:
            hop: seek to the keyframe before a target, and drop what nothing refers to on the way.
            rewind: start so many keyframes earlier than needed.
        """
        reader = self._reader
        drop = hop and reader.codec in _DROPPING_CODECS
        pending = _Pending(reader, wanted, step_s)
        # asked for what is on screen, the picture just before a target may be the one
        spare = 0.5 if step_s / reader.base > reader.interval else 0.5 + _SPARED * reader.interval
        from_pts, to_pts = _bounds(reader, watch)
        begin = min(from_pts, pending.target)
        packets, landing = reader.land(begin, rewind=rewind)
        sure = landing is None  # that decoding began early enough
        drains = hop
        ended = False
        while not ended and (not pending.done or pending.shown_pts < to_pts):
            packet: Any = next(packets, None)
            ended = packet is None
            # nothing more is needed of this group of pictures: what the decoder holds back is the target's picture
            drained = drains and pending.all_fed(packet) and self._leads_away(packet, pending.after)
            target = pending.target
            drops = drop and packet is not None and packet.pts is not None and packet.pts < target - spare
            if drops:
                pending.dropped.append(packet.pts)
            elif packet is not None and not drained:
                pending.feed(packet)
            for frame in reader.decode(None if drained else packet, drop=drops):
                if frame.pts is None or (landing is not None and frame.pts < landing):
                    continue
                if drained and frame.pts > packet.dts:
                    break  # pictures before it were not fed
                if not sure and frame.pts > begin + 0.5:
                    # the keyframe itself did not come out: start over from the one before
                    packets, landing = reader.land(begin, rewind=rewind + 1)
                    sure, ended, drains, drained = True, False, False, False
                    pending.restart()
                    break
                sure = True
                if frame.pts <= pending.shown_pts:
                    continue  # the decoder handed it out too late: its turn has passed
                yield from pending.give(frame)
                if watch is not None and from_pts <= frame.pts < to_pts:
                    watch.see(reader.seconds(frame.pts - reader.first), frame)
            # where it did not come, it is looked for again with nothing cut short
            drains = drains and not (drained and pending.target == target)
            if (drained and not pending.done) or (
                hop
                and not ended
                and begin < pending.target < math.inf
                and reader.keyframe_ahead(packet, pending.target)
            ):
                begin = pending.target
                packets, landing = reader.land(begin)
                sure = landing is None
                pending.restart()
        yield from pending.finish()
        if ended and pending.missing and pending.end is not None:
            self.ended_s = reader.seconds(pending.end - reader.first)
        return pending.missing

    def _leads_away(self, packet: Any, after: float) -> bool:
        """Whether decoding goes on somewhere else than at `packet` once the target is had."""
        return after == math.inf or self._reader.keyframe_ahead(packet, after)


class _Pending:
    """The targets of one pass, and what is known of the pictures around the next one.

    Attributes:
        target: the next target in ticks; infinity when none is left.
        dropped: pts of packets fed while dropping whose pictures have not come.
        missing: targets that had no picture.
    """

    def __init__(self, reader: Reader, wanted: list[float], step_s: float) -> None:
        self._reader = reader
        self._times_s = wanted
        self._targets = [reader.ticks(t) for t in wanted]
        self._half = reader.half_tick
        self._step = max(2 * self._half, float(step_s / reader.base))  # a picture at the very time always counts
        self._next = 0
        self._shown: Any = None  # the picture before
        self.dropped: list[int] = []
        self.missing: list[float] = []
        self._coming = math.inf  # the first pts from the target on that was fed and has not come out
        self._fed = 0  # packets, since the last jump
        self._orderly = True  # no picture is shown before it is decoded
        self._offsets = False  # pictures are shown later than they are decoded: pts are in order of showing

    @property
    def target(self) -> float:
        return self._targets[self._next] if not self.done else math.inf

    @property
    def after(self) -> float:
        """The target after the next one; infinity when there is none."""
        return self._targets[self._next + 1] if self._next + 1 < len(self._targets) else math.inf

    @property
    def done(self) -> bool:
        return self._next == len(self._targets)

    @property
    def shown_pts(self) -> float:
        return -math.inf if self._shown is None else float(self._shown.pts)

    def restart(self) -> None:
        """Decoding goes on somewhere else."""
        self._shown = None
        self._coming = math.inf
        self._fed = 0
        self.dropped.clear()

    def feed(self, packet: Any) -> None:
        """This packet goes into the decoder."""
        self._fed += 1
        if packet.pts is None or packet.dts is None or packet.pts < packet.dts:
            self._orderly = False
            return
        self._offsets = self._offsets or packet.pts > packet.dts
        if not packet.is_discard and packet.pts >= self.target - self._half:
            self._coming = min(self._coming, packet.pts)

    def all_fed(self, packet: Any) -> bool:
        """Whether no packet from `packet` on can hold the target's picture, and one before does.

        Pictures are not shown before they are decoded: from here on no pts is below this packet's dts. Where pts are
        those of decoding throughout, there may be pictures in another order all the same (some recorders write such
        files), and only a keyframe is sure to come out by itself.
        """
        known = self._orderly and packet is not None and packet.dts is not None and (self._offsets or self._fed == 1)
        return known and self._coming <= packet.dts and self.target < math.inf

    def give(self, frame: Any) -> Iterator[Sample]:
        """The next picture in order of time: the targets that it, or the one before it, answers."""
        while frame.pts >= self.target - self._half:
            if frame.pts < self.target + self._step - self._half:
                yield self._answer(frame)
            elif self._stays(before=frame.pts):
                yield self._answer(self._shown)
            else:
                self._miss()
        self._shown = frame
        self.dropped = [pts for pts in self.dropped if pts > frame.pts]

    @property
    def end(self) -> int | None:
        """Where the last picture ends, in ticks; None before the first."""
        return None if self._shown is None else self._end()

    def finish(self) -> Iterator[Sample]:
        """No more pictures: the last one counts as shown to its own end and no longer."""
        while not self.done:
            if self._shown is not None and self.target < self._end() - self._half and not self._dropped_one():
                yield self._answer(self._shown)
            else:
                self._miss()

    def _stays(self, *, before: int) -> bool:
        """Whether the last picture is truly what is on screen at the target, in the gap up to the pts `before`."""
        if self._shown is None or self._dropped_one():
            return False
        lost = any(self._shown.pts < fault <= before for fault in self._reader.faults)
        return self.target < self._end() or not lost

    def _dropped_one(self) -> bool:
        """A picture between was dropped, and may be the one on screen: a second pass will tell."""
        return any(pts <= self.target + 0.5 for pts in self.dropped)

    def _end(self) -> int:
        return int(self._shown.pts + (self._shown.duration or self._reader.interval))

    def _answer(self, frame: Any) -> Sample:
        reader = self._reader
        length = frame.duration or reader.interval
        return Sample(self._take(), reader.seconds(frame.pts), reader.seconds(length), frame)

    def _miss(self) -> None:
        self.missing.append(self._take())

    def _take(self) -> float:
        """The next target is dealt with: its time."""
        self._next += 1
        self._coming = math.inf
        return self._times_s[self._next - 1]


def _bounds(reader: Reader, watch: Watch | None) -> tuple[float, float]:
    """The first pts to watch and the first one past it, less half a tick; an empty span at infinity for no watch."""
    if watch is None:
        return math.inf, -math.inf
    return reader.ticks(watch.start_s) - 0.5, reader.ticks(watch.end_s) - 0.5

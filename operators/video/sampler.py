"""Exact frames by time with PyAV, with as little decoding as possible.

`operators.video.protocol.Decoder` defines which frame belongs to a target. This module implements the protocol for PyAV
and for any other source of containers, such as the ffmpeg subprocess.

It saves decoding as follows (CPU time of a full decode: slides 9.9 s, film 28 s; with this: 2.8 s and 20 to 24 s):
- seek only if there is a keyframe between the current position and the target; otherwise continue decoding;
- on the way to a target, skip non-reference frames, which does not change any other frame;
- before a seek, flush the decoder if the target must be among its buffered frames, instead of feeding further packets;
- convert only the frames that are kept (done by the caller).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from typing import Any

from operators.video.protocol import Sample, Watch
from operators.video.reader import Reader
from operators.video.source import Containers

_DROPPING_CODECS = frozenset({"h264", "hevc", "mpeg4", "libdav1d"})
"""VP8 and VP9 have few frames to drop, and those of VP9 may change the probabilities that later frames use."""

_BUSY = 2  # changes in a group of pictures from which the next one is decoded completely
_KNOWN = 512  # packets whose pts are kept: more than a decoder holds back
_SPARED = 4  # frames before a target that are never skipped, for slightly varying rates


class Sampler:
    """Samples one input. Not thread-safe; use it for one request.

    Args:
        source: the input, opened here.
        first_pts_s: the container's pts of the first presented frame (`probe`), in seconds.
        seek: False decodes every frame from the beginning, as the last fallback.

    Attributes:
        missing: targets without a frame, once `sample` is exhausted.
        ended_s: end of the last frame in seconds if the input ended before the last target; else None.

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
        """Width of a stored pixel divided by its height."""
        return self._reader.aspect

    @property
    def frames_decoded(self) -> int:
        """Number of frames that the decoder returned, including discarded ones."""
        return self._reader.frames_decoded

    def damaged_packets(self, start_s: float, end_s: float) -> int:
        """Number of packets in `[start_s, end_s)` that the decoder rejected or the demuxer marked as corrupt."""
        start, end = self._reader.ticks(start_s) - 0.5, self._reader.ticks(end_s) - 0.5
        return sum(start <= pts < end for pts in self._reader.faults) + self._source.unplaced_damage

    def close(self) -> None:
        """Close the input."""
        self._source.close()

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """Implement `Decoder.sample`."""
        wanted = sorted(set(times_s))
        if not wanted and watch is None:
            return
        hop = self._reader.may_seek and watch is None
        if hop and len(wanted) > 1:
            self._reader.load_index()
        wanted = yield from self._run(wanted, step_s, hop=hop, watch=watch)
        if wanted and self._reader.left_out:
            # frames were skipped on the way: repeat from one keyframe earlier without skipping any
            wanted = yield from self._run(wanted, step_s, hop=False, rewind=1)
        self.missing = wanted

    def _run(
        self, wanted: list[float], step_s: float, *, hop: bool, watch: Watch | None = None, rewind: int = 0
    ) -> Generator[Sample, None, list[float]]:
        """Yield the frames of `wanted`, which is in order, in one pass; return the targets without a frame.

        Args:
            hop: whether to seek to the keyframe before a target and skip non-reference frames.
            watch: with `sparse`, non-reference frames are also skipped, until it needs them: then decoding continues
                from the keyframe before, and skips none in the rest of the group of pictures.
            rewind: number of keyframes by which to start earlier than needed.
        """
        reader = self._reader
        drop = hop and reader.codec in _DROPPING_CODECS
        pending = _Pending(reader, wanted, step_s)
        watching = _Watching(watch, reader)
        begin = min(watching.from_pts, pending.target)
        packets, landing = reader.land(begin, rewind=rewind)
        sure = landing is None  # whether decoding started early enough
        drains = hop
        ended = False
        while not ended and (not pending.done or pending.shown_pts < watching.to_pts):
            packet: Any = next(packets, None)
            ended = packet is None
            # nothing more is needed of this group of pictures: what the decoder holds back is the target's frame
            drained = drains and pending.all_fed(packet) and self._leads_away(packet, pending.after)
            target = pending.target
            drops = watching.leaves_out(packet) or (drop and packet is not None and packet.pts is not None)
            drops = drops and packet.pts < target - pending.spare
            if drops:
                pending.dropped.append(packet.pts)
            elif packet is not None and not drained:
                pending.feed(packet)
            again: float | None = None
            for frame in reader.decode(None if drained else packet, drop=drops):
                if frame.pts is None or (landing is not None and frame.pts < landing):
                    continue
                if drained and frame.pts > packet.dts:
                    break  # frames before it were not fed
                if not sure and frame.pts > begin + 0.5:
                    # the keyframe itself did not come out: start over from the one before
                    packets, landing = reader.land(begin, rewind=rewind + 1)
                    sure, ended, drains, drained = True, False, False, False
                    pending.restart()
                    break
                sure = True
                if frame.pts <= pending.shown_pts:
                    continue  # the decoder handed it out too late: its turn has passed
                follows = not pending.lacks(after=watching.from_pts, before=frame.pts)
                yield from pending.give(frame)
                again = watching.see(frame, follows=follows)
                if again is not None:
                    break
            # where it did not come, it is looked for again with nothing cut short
            drains = drains and not (drained and pending.target == target)
            if again is None and (
                (drained and not pending.done)
                or (
                    hop
                    and not ended
                    and begin < pending.target < math.inf
                    and reader.keyframe_ahead(packet, pending.target)
                )
            ):
                again = pending.target
            if again is not None:
                begin, ended = again, False
                packets, landing = reader.land(begin, rewind=rewind)
                sure = landing is None
                pending.restart()
        yield from pending.finish()
        if ended and pending.missing and pending.end is not None:
            self.ended_s = reader.seconds(pending.end - reader.first)
        return pending.missing

    def _leads_away(self, packet: Any, after: float) -> bool:
        """Whether decoding continues elsewhere than at `packet` after the target was found."""
        return after == math.inf or self._reader.keyframe_ahead(packet, after)


class _Watching:
    """What `watch` gets of a pass, and which frames are left undecoded for it.

    Without `Watch.sparse` none are. With it, a jump makes the frames around it necessary, so the rest of its group of
    pictures is decoded completely. So is the next group after one with `_BUSY` changes: going back would cost more
    there. What is seen is the same either way.
    """

    def __init__(self, watch: Watch | None, reader: Reader) -> None:
        self._watch = watch
        self._sparse = watch.sparse if watch is not None and reader.tells_disposable else None
        self._reader = reader
        self.from_pts, self.to_pts = _bounds(reader, watch)
        self._known: deque[int] = deque(maxlen=_KNOWN)  # pts of packets, in the order in which they were fed
        self._disposable: deque[int] = deque(maxlen=_KNOWN)
        self._all = False  # whether every frame is decoded for now
        self._until = -math.inf  # pts up to which that was asked for
        self._changes = 0  # before this group of pictures
        self._turned_back = False  # whether a packet's pts was below that of the packet before

    def leaves_out(self, packet: Any) -> bool:
        """Whether to leave this packet undecoded; to be asked about every packet."""
        if self._sparse is None or packet is None or packet.pts is None:
            return False
        disposable = self._reader.is_disposable(packet)
        self._turned_back = self._turned_back or (bool(self._known) and packet.pts < self._known[-1])
        self._known.append(packet.pts)
        if disposable:
            self._disposable.append(packet.pts)
        if not self._reader.may_seek:
            return False
        if packet.is_keyframe:
            busy = self._sparse.changes - self._changes >= _BUSY
            self._changes = self._sparse.changes
            self._all = busy or packet.pts <= self._until or not self._sparse.settled
        return disposable and self._is_clear and (not self._all or packet.pts < self.from_pts)

    @property
    def _is_clear(self) -> bool:
        """Whether pts are in the order of showing. Some recorders write dts instead: no frame is left out then."""
        return self._turned_back or not self._reader.reorders

    def see(self, frame: Any, *, follows: bool) -> float | None:
        """Pass a frame on; return the pts from which to decode again without leaving any out, or None."""
        if self._watch is None or not self.from_pts <= frame.pts < self.to_pts:
            return None
        reader = self._reader
        time_s = reader.seconds(frame.pts - reader.first)
        if self._sparse is None:
            self._watch.see(time_s, frame)
            return None
        is_reference = not self._is_clear or frame.pts not in self._disposable
        again_s = self._sparse.see_sparse(time_s, frame, reference=is_reference, follows=follows)
        if again_s is None or not reader.may_seek:
            return None
        again = round(reader.ticks(again_s))
        before = max((pts for pts in self._known if pts < again), default=again - _SPARED * reader.interval)
        self._all, self._until = True, frame.pts
        self.from_pts = max(self.from_pts, before - 0.5)
        return self.from_pts


class _Pending:
    """The targets of one pass, and the state around the next one.

    Attributes:
        target: the next target in ticks; infinity if none is left.
        spare: ticks before a target in which no frame is skipped.
        dropped: pts of packets that were fed while skipping and whose frames have not been returned.
        missing: targets without a frame.
    """

    def __init__(self, reader: Reader, wanted: list[float], step_s: float) -> None:
        self._reader = reader
        self._times_s = wanted
        self._targets = [reader.ticks(t) for t in wanted]
        self._half = reader.half_tick
        # for the frame on screen, the one just before the target may be needed
        sparse = step_s / reader.base > reader.interval
        self.spare = 0.5 if sparse else 0.5 + _SPARED * reader.interval
        self._step = max(2 * self._half, float(step_s / reader.base))  # a frame at the very time always counts
        self._next = 0
        self._shown: Any = None  # the frame before
        self.dropped: list[int] = []
        self.missing: list[float] = []
        self._coming = math.inf  # the first pts at or after the target that was fed and not yet returned
        self._fed = 0  # packets since the last seek
        self._orderly = True  # no frame is presented before it is decoded
        self._offsets = False  # whether frames are presented later than decoded, with pts in presentation order

    @property
    def target(self) -> float:
        return self._targets[self._next] if not self.done else math.inf

    @property
    def after(self) -> float:
        """The target after the next one; infinity if there is none."""
        return self._targets[self._next + 1] if self._next + 1 < len(self._targets) else math.inf

    @property
    def done(self) -> bool:
        return self._next == len(self._targets)

    @property
    def shown_pts(self) -> float:
        return -math.inf if self._shown is None else float(self._shown.pts)

    def restart(self) -> None:
        """Note that decoding continues at another position."""
        self._shown = None
        self._coming = math.inf
        self._fed = 0
        self.dropped.clear()

    def feed(self, packet: Any) -> None:
        """Note that this packet is fed to the decoder."""
        self._fed += 1
        if packet.pts is None or packet.dts is None or packet.pts < packet.dts:
            self._orderly = False
            return
        self._offsets = self._offsets or packet.pts > packet.dts
        if not packet.is_discard and packet.pts >= self.target - self._half:
            self._coming = min(self._coming, packet.pts)

    def all_fed(self, packet: Any) -> bool:
        """Whether the target's frame is in an earlier packet and cannot be in `packet` or a later one.

        Frames are not presented before they are decoded, so no later pts is below this packet's dts. In files whose pts
        all equal the dts, frames may still be in another order (some recorders write such files), and only a keyframe
        is certain to be returned by itself.
        """
        known = self._orderly and packet is not None and packet.dts is not None and (self._offsets or self._fed == 1)
        return known and self._coming <= packet.dts and self.target < math.inf

    def lacks(self, *, after: float, before: float) -> bool:
        """Whether a frame between the one on screen and the pts `before` was skipped, and not before `after`."""
        return any(max(self.shown_pts, after) < pts < before for pts in self.dropped)

    def give(self, frame: Any) -> Iterator[Sample]:
        """Process the next frame in order of time; yield the targets that it or the previous frame belongs to."""
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
        """End of the last frame in ticks; None before the first frame."""
        return None if self._shown is None else self._end()

    def finish(self) -> Iterator[Sample]:
        """Process the end of the input: the last frame is presented until its own end."""
        while not self.done:
            if self._shown is not None and self.target < self._end() - self._half and not self._dropped_one():
                yield self._answer(self._shown)
            else:
                self._miss()

    def _stays(self, *, before: int) -> bool:
        """Whether the last frame is on screen at the target, in the gap up to the pts `before`."""
        if self._shown is None or self._dropped_one():
            return False
        lost = any(self._shown.pts < fault <= before for fault in self._reader.faults)
        return self.target < self._end() or not lost

    def _dropped_one(self) -> bool:
        """Whether a skipped frame may be the one on screen; a second pass decides."""
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
        """Remove the next target and return its time."""
        self._next += 1
        self._coming = math.inf
        return self._times_s[self._next - 1]


def _bounds(reader: Reader, watch: Watch | None) -> tuple[float, float]:
    """The first pts to watch and the first one after it, less half a tick; without a watch an empty span."""
    if watch is None:
        return math.inf, -math.inf
    return reader.ticks(watch.start_s) - 0.5, reader.ticks(watch.end_s) - 0.5

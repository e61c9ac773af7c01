"""Detection of clock discontinuities in MPEG-TS and MPEG-PS files: joined recordings, and clocks that jump.

Time stamps are read from the file itself (ISO/IEC 13818-1), because those of libavformat depend on where it was opened.
A clock is continuous if it moves by -0.5 s to 10 s from one frame to the next, similar to the ffmpeg program. It has 33
bits; the wrap after 26.5 hours is not a discontinuity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.video.progress import PROGRESS

TICK_S = 1 / 90_000
_WRAP = 1 << 33
_BACK, _AHEAD = -45_000, 900_000  # ticks; some recorders write PTS only, which go back a little where B-frames are
_LONGEST = 24 * 3600 * 90_000  # libavformat corrects one wrap an opening: a part must not see two
_CHUNK_BYTES = 188 * 204 * 192  # a whole number of packets of each size: 7.4 MB
_SIZES = (188, 192, 204)  # plain, M2TS (four bytes before each packet), with error correction (after it)
_SAMPLE_BYTES = 128 * 1024
_SAMPLE_EVERY = 4 * 2**20
_SAMPLES = (8, 64)
_SEARCHES = 400  # reads of _SAMPLE_BYTES that a remote file may cost
_PS_PACKET = re.compile(rb"\x00\x00\x01[\xe0-\xef]", re.DOTALL)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Marks:
    """Time stamps of video frames in file order.

    Attributes:
        at: byte position of each frame.
        dts: raw 33-bit time stamps in ticks of `TICK_S`.
        stream: PID or stream id.
        access: whether the file marks the frame as a point where decoding can start.
    """

    at: Ints
    dts: Ints
    stream: Ints
    access: npt.NDArray[np.bool_]

    @staticmethod
    def joined(several: list[Marks]) -> Marks:
        """All of them."""
        columns = ("at", "dts", "stream", "access")
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))
        if not several:
            return Marks(*empty)
        return Marks(*(np.concatenate([getattr(marks, name) for marks in several]) for name in columns))

    def take(self, which: Any) -> Marks:
        """Some of them."""
        return Marks(self.at[which], self.dts[which], self.stream[which], self.access[which])


@dataclass(frozen=True)
class Break:
    """The beginning of a new part.

    Attributes:
        at: byte position of its first frame.
        jump: whether the clock is discontinuous here; otherwise only the maximum length of a part was reached.
        length_s: duration of the previous part by the clock, in seconds.
    """

    at: int
    jump: bool
    length_s: float


def find_breaks(file: Any, size: int, *, transport: bool, stream: int, sampled: bool) -> tuple[list[Break], str | None]:
    """Find the beginnings of parts, in order, and the reason if the search ended early and there may be more.

    Args:
        file: an object with `seek` and `read`.
        size: size of the file in bytes.
        transport: whether it is MPEG-TS rather than MPEG-PS.
        stream: PID or stream id of the video.
        sampled: whether to read samples and search only where clock and byte position disagree, instead of reading all.
    """
    read = _Reading(file, size, transport=transport)
    if not sampled or size <= _SAMPLES[0] * _SAMPLE_EVERY // 4:
        return find_clock_breaks(_of_stream(read.marks(0, size), stream)), None
    return _search(read, size, stream)


def find_clock_breaks(marks: Marks) -> list[Break]:
    """The discontinuities in the time stamps of one video."""
    found: list[Break] = []
    at, dts, stream, access = marks.at.tolist(), marks.dts.tolist(), marks.stream.tolist(), marks.access.tolist()
    last, extent = 0, 0
    for i in range(1, len(at)):
        step, same = _signed(dts[i] - dts[last]), stream[i] == stream[last]
        if same and _BACK <= step <= _AHEAD:
            extent += step
            last = i
            if extent >= _LONGEST and (access[i] or extent >= _LONGEST + 3600 / TICK_S):
                found.append(Break(at[i], False, extent * TICK_S))
                extent = 0
            continue
        if same and i + 1 < len(at):
            following, own = _signed(dts[i + 1] - dts[last]), _signed(dts[i + 1] - dts[i])
            if _BACK <= following <= _AHEAD and not _BACK <= own <= _AHEAD:
                continue  # one damaged time stamp
        found.append(Break(at[i], True, max(0, extent) * TICK_S))
        last, extent = i, 0
    return found


def _signed(ticks: int) -> int:
    """The signed difference of two 33-bit time stamps, modulo wrap."""
    return (ticks + _WRAP // 2) % _WRAP - _WRAP // 2


def _of_stream(marks: Marks, stream: int) -> Marks:
    """The marks of one stream and of its successors, because a joined recording may have other PIDs."""
    chosen = []
    begin = -1
    while True:
        ours = (marks.stream == stream) & (marks.at > begin)
        if not ours.any():
            break
        chosen.append(marks.take(ours))
        begin = int(marks.at[ours][-1])
        seen = set(marks.stream[marks.at <= begin].tolist())
        fresh = [s for s in marks.stream[marks.at > begin].tolist() if s not in seen]
        if not fresh:
            break
        stream = fresh[0]
    return Marks.joined(chosen)


# -- a file of which only samples are read ---------------------------------------------------------------------------


def _search(read: _Reading, size: int, stream: int) -> tuple[list[Break], str | None]:
    """Find breaks by bisection between samples whose clocks disagree."""
    count = min(max(size // _SAMPLE_EVERY, _SAMPLES[0]), _SAMPLES[1])
    places = [k * (size - _SAMPLE_BYTES) // (count - 1) for k in range(count)]
    samples = [(place, read.sample(place, stream)) for place in places]
    known = [(place, marks) for place, marks in samples if len(marks.at)]
    if len(known) < 2:
        return [], None
    paces = [_pace(a, b) for (_, a), (_, b) in pairwise(known)]
    usual = float(np.median([pace for pace in paces if pace > 0] or [0.0]))
    stack = list(pairwise(known))[::-1]
    whole: list[Marks] = []
    searches = 0
    while stack:
        (low, before), (high, after) = stack.pop()
        whole.append(before)
        if _fits(before, after, usual):
            continue
        if searches >= _SEARCHES:
            return _in_order(whole), "its clock jumps more often than a remote file is searched for; copy it to a disk"
        searches += 1
        if high - low <= 2 * _SAMPLE_BYTES:
            whole.append(_of_stream(read.marks(low, high + _SAMPLE_BYTES), stream))
            continue
        middle = (low + high) // 2
        found = (middle, read.sample(middle, stream))
        if not len(found[1].at):
            whole.append(_of_stream(read.marks(low, high + _SAMPLE_BYTES), stream))
            continue
        stack += [(found, (high, after)), ((low, before), found)]
    whole.append(known[-1][1])
    return _in_order(whole), None


def _in_order(several: list[Marks]) -> list[Break]:
    """The breaks between marks that overlap and lie far apart where nothing was suspicious."""
    marks = Marks.joined(several)
    _, first = np.unique(marks.at, return_index=True)
    marks = marks.take(first)
    far = marks.at[1:] - marks.at[:-1] > 2 * _SAMPLE_BYTES
    # between samples the clock was found to keep pace: only what lies close together is compared frame by frame
    pieces = np.split(np.arange(len(marks.at)), np.flatnonzero(far) + 1)
    found: list[Break] = []
    start = 0
    for piece in pieces:
        some = marks.take(piece)
        for k, one in enumerate(find_clock_breaks(some)):
            if one.jump:
                since = one.length_s if k else _signed(int(some.dts[0] - marks.dts[start])) * TICK_S + one.length_s
                found.append(Break(one.at, True, max(0.0, since)))
                start = int(np.searchsorted(marks.at, one.at))
    return found


def _pace(a: Marks, b: Marks) -> float:
    """Ticks a byte from the end of one sample to the beginning of the next."""
    return _signed(int(b.dts[0] - a.dts[-1])) / max(1, int(b.at[0] - a.at[-1]))


def _fits(a: Marks, b: Marks, usual: float) -> bool:
    """Whether the clock may have gone on between two samples; bit rates vary, so there is much leeway."""
    if find_clock_breaks(a) or a.stream[-1] != b.stream[0] or (len(b.at) > 1 and find_clock_breaks(b)):
        return False
    elapsed = _signed(int(b.dts[0] - a.dts[-1]))
    expected = usual * int(b.at[0] - a.at[-1])
    return expected / 8 + _BACK <= elapsed <= 3 * expected + _AHEAD


# -- reading time stamps ---------------------------------------------------------------------------------------------


class _Reading:
    """Reads the time stamps of video frames out of stretches of a file."""

    def __init__(self, file: Any, size: int, *, transport: bool) -> None:
        self._file = file
        self._size = size
        self._of = _transport_marks if transport else _program_marks

    def marks(self, begin: int, end: int) -> Marks:
        """All of `[begin, end)`."""
        found: list[Marks] = []
        rest = b""
        at = begin
        while at < end:
            self._file.seek(at)
            data = self._file.read(min(_CHUNK_BYTES, end - at))
            if not data:
                break
            PROGRESS.step()
            at += len(data)
            marks, used = self._of(rest + data, at - len(data) - len(rest))
            found.append(marks)
            rest = (rest + data)[used:]
        return Marks.joined(found)

    def sample(self, place: int, stream: int) -> Marks:
        """From `place` on, as much as it takes to meet a frame of the stream, or of any in its stead."""
        for times in (1, 4, 16):
            marks = self.marks(place, min(self._size, place + times * _SAMPLE_BYTES))
            ours = marks.take(marks.stream == stream)
            if len(ours.at):
                return ours
        return marks


def _transport_marks(data: bytes, offset: int) -> tuple[Marks, int]:
    """The marks of whole transport packets in `data`, and how many bytes these are."""
    found: list[Marks] = []
    at = 0
    for start, size, rows in _runs(data):
        packets = np.frombuffer(data, np.uint8, rows * size, start).reshape(rows, size)
        found.append(_marks_of(packets[:, 4:] if size == 192 else packets, offset + start, size))
        at = start + rows * size
    return Marks.joined(found), at if at else max(0, len(data) - 204 * 6)


def _runs(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Stretches of packets in step: start, size and number of packets."""
    at = 0
    while at + 188 <= len(data):
        tries = [(at, n) for n in _SIZES] + ([(at - 4, 192)] if at >= 4 and data[at] == 0x47 else [])
        step = next((found for found in tries if _in_step(data, *found)), None)
        if step is None:
            at = data.find(b"\x47", at + 1)
            if at < 0:
                return
            continue
        start, size = step
        head = 4 if size == 192 else 0
        rows = (len(data) - start) // size
        first_bytes = np.frombuffer(data, np.uint8, rows * size, start).reshape(rows, size)[:, head]
        bad = np.flatnonzero(first_bytes != 0x47)
        rows = int(bad[0]) if len(bad) else rows
        if rows == 0:
            at = start + 1
            continue
        yield start, size, rows
        at = start + rows * size
        if not len(bad):
            return


def _in_step(data: bytes, at: int, size: int) -> bool:
    """Whether packets of `size` begin at `at`: five sync bytes, or as many as there are."""
    head = at + (4 if size == 192 else 0)
    places = range(head, min(len(data), head + 5 * size), size)
    return len(places) > 0 and all(data[place] == 0x47 for place in places)


def _marks_of(packets: npt.NDArray[np.uint8], offset: int, size: int) -> Marks:
    """The marks of packets in rows; in M2TS a mark's position is that of the four bytes before its packet."""
    begins = np.flatnonzero((packets[:, 1] & 0x40) != 0)
    rows = packets[begins].astype(np.int64)
    if not len(rows):
        return Marks.joined([])
    control = rows[:, 3] >> 4 & 3
    payload = np.where(control & 2, 5 + rows[:, 4], 4)
    fits = ((control & 1) == 1) & (payload + 19 <= 188)
    begins, rows, payload, control = begins[fits], rows[fits], payload[fits], control[fits]
    head = rows[np.arange(len(rows))[:, None], payload[:, None] + np.arange(19)]
    video = (head[:, 0] == 0) & (head[:, 1] == 0) & (head[:, 2] == 1) & (head[:, 3] >= 0xE0) & (head[:, 3] <= 0xEF)
    stamped = video & (head[:, 6] >> 6 == 2) & (head[:, 7] & 0x80 != 0)
    head, rows, begins, control = head[stamped], rows[stamped], begins[stamped], control[stamped]
    stamp = np.where((head[:, 7] & 0x40 != 0)[:, None], head[:, 14:19], head[:, 9:14])
    access = (control & 2 != 0) & (rows[:, 4] > 0) & (rows[:, 5] & 0x40 != 0)
    return Marks(offset + begins * size, _stamp(stamp), (rows[:, 1] & 0x1F) << 8 | rows[:, 2], access)


def _stamp(five: Ints) -> Ints:
    """33 bits out of five bytes."""
    a, b, c, d, e = (five[:, k] for k in range(5))
    found: Ints = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
    return found


def _program_marks(data: bytes, offset: int) -> tuple[Marks, int]:
    """The marks of a stretch of MPEG-PS, at the packs that hold them, and how many bytes are done with."""
    found: list[tuple[int, int, int, bool]] = []
    done = max(0, len(data) - 64)
    for match in _PS_PACKET.finditer(data, 0, max(0, len(data) - 60)):
        at = match.start()
        stamp = _stamp_of_packet(data, at)
        if stamp is None:
            continue
        pack = data.rfind(b"\x00\x00\x01\xba", max(0, at - 4096), at)
        found.append((offset + (pack if pack >= 0 else at), stamp, data[at + 3], False))
    columns = list(zip(*found, strict=True)) if found else [(), (), (), ()]
    kinds = (np.int64, np.int64, np.int64, np.bool_)
    return Marks(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))), done


def _stamp_of_packet(data: bytes, at: int) -> int | None:
    """The DTS, else the PTS, of a packet of MPEG-2 or MPEG-1; None where it has none."""
    if data[at + 6] >> 6 == 2:
        flags = data[at + 7] >> 6
        place = {2: at + 9, 3: at + 14}.get(flags, -1)
    else:
        place = at + 6
        while place < at + 24 and data[place] == 0xFF:
            place += 1
        place += 2 if data[place] >> 6 == 1 else 0
        place = {2: place, 3: place + 5}.get(data[place] >> 4, -1)
    if place < 0 or not (data[place] & data[place + 2] & data[place + 4] & 1):
        return None
    return int(_stamp(np.frombuffer(data, np.uint8, 5, place).astype(np.int64)[None])[0])

"""Files that were joined with `cat` although their format has a header: where the next header begins.

Demuxers read on over it with two clocks mixed (Matroska), or never see what follows (MP4, AVI).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from operators.video.progress import PROGRESS

_MAX_BOXES = 100_000  # of a local file; fragments of a second make 28 hours
_MAX_BOXES_REMOTE = 64  # each may cost a request
_MAX_SCANNED_REMOTE = 2 * 2**30  # bytes: of formats in which only reading everything shows a second header
_BLOCK_BYTES = 2**20  # of a remote file that is read whole
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_DOC_TYPE = b"\x42\x82"
_HEADER_BYTES = 4096
_FLV_BEGINS, _FLV_HEADER_BYTES = b"FLV\x01", 13
_OGG_BEGINS, _OGG_HEADER_BYTES = b"OggS\x00\x02" + bytes(8), 27  # the first page of a stream (RFC 3533, 6)
_SIGNATURES = {  # FFmpeg's format -> how a file of it begins, long enough that no other bytes are taken for it
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),  # the GUID of the header object
    "ivf": b"DKIF\x00\x00\x20\x00",
    "mxf": bytes.fromhex("060e2b34020501010d0102010102"),  # SMPTE ST 377-1, 7.1: a header partition
    "nut": b"nut/multimedia container\x00",
    "rm": b".RMF\x00\x00\x00",
    "yuv4mpegpipe": b"YUV4MPEG2 ",
}
STREAMED = frozenset({"flv", "ogg", *_SIGNATURES})
"""Formats of which a demuxer should read all bytes but for an index: what it leaves unread is not understood."""


def find_joins(file: Any, size: int, format_name: str, *, remote: bool) -> list[int]:
    """Byte positions at which another file of the same format begins, in order; not 0.

    Args:
        file: has `seek` and `read`; a local one also has `fileno`.
        size: of the file in bytes.
        format_name: FFmpeg's.
        remote: every jump costs a request. Boxes are followed up to a number; formats of which all must be read are
            read up to 2 GiB, and not searched at all where the file is larger.
    """
    name = format_name.split(",", maxsplit=1)[0]
    found: Iterator[int] = iter(())
    if name == "mov":
        found = _boxes(file, size, _MAX_BOXES_REMOTE if remote else _MAX_BOXES)
    elif name == "matroska":
        found = _segments(file, size, remote=remote)
    elif name == "avi":
        found = _riffs(file, size)
    elif not remote or size <= _MAX_SCANNED_REMOTE:
        if name == "flv":
            found = _tags(file, size, remote=remote)
        elif name == "ogg":
            found = _chains(file, size, remote=remote)
        elif name in _SIGNATURES:
            found = _signed(file, size, _SIGNATURES[name], remote=remote)
    return list(found)


class _Blocks:
    """A remote file, searched and sliced as an `mmap` is, a block at a time and in order."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size = file, size
        self._start, self._block = 0, b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice | int) -> Any:
        if isinstance(where, int):
            return self._at(where, 1)[0]
        start, end, _ = where.indices(self._size)
        return self._at(start, end - start)[: max(0, end - start)]

    def find(self, wanted: bytes, at: int) -> int:
        """Position of the first `wanted` at or after `at`; -1: there is none."""
        while at + len(wanted) <= self._size:
            found = self._at(at, len(wanted)).find(wanted)
            if found >= 0:
                return at + found
            PROGRESS.step()
            at = self._start + len(self._block) - len(wanted) + 1
        return -1

    def _at(self, start: int, count: int) -> bytes:
        """From `start` to the end of a block that holds `count` bytes of it, unless the file ends before."""
        inside = start - self._start
        if not 0 <= inside <= inside + count <= len(self._block):
            self._start, self._block, inside = start, _read(self._file, start, max(count, _BLOCK_BYTES)), 0
        return self._block[inside:]


@contextmanager
def _bytes_of(file: Any, size: int, *, remote: bool) -> Iterator[Any]:
    if remote:
        yield _Blocks(file, size)
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _read(file: Any, at: int, count: int) -> bytes:
    file.seek(at)
    return bytes(file.read(count))


def _boxes(file: Any, size: int, most: int) -> Iterator[int]:
    """A `ftyp` after a `moov` begins a new file (ISO/IEC 14496-12, 4.3: one a file, near its beginning)."""
    at = 0
    described = False
    for _ in range(most):
        if at + 8 > size:
            return
        head = _read(file, at, 16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        length = int.from_bytes(head[8:16], "big") if length == 1 else length
        if name == b"ftyp" and described:
            yield at
            described = False
        described = described or name == b"moov"
        if length < 8:  # 0: to the end of the file; else damage
            return
        PROGRESS.step()
        at += length


def _segments(file: Any, size: int, *, remote: bool) -> Iterator[int]:
    """EBML headers (RFC 8794, 11.2). A Segment of unknown size is searched."""
    at = 0
    while 0 <= at < size:
        head = _read(file, at, _HEADER_BYTES)
        if not head.startswith(_EBML):
            return
        length, width = _ebml_number(head, 4)
        if length is None or head[4 + width + length :][:4] != _SEGMENT:
            return
        begin = 4 + width + length + 4
        segment, width = _ebml_number(head, begin)
        if segment is not None:
            at += begin + width + segment
        elif remote and size > _MAX_SCANNED_REMOTE:
            return
        else:
            at = _next_header(file, size, at + begin, remote=remote)
        if not 0 <= at < size or _read(file, at, 4) != _EBML:
            return
        yield at


def _ebml_number(data: bytes, at: int) -> tuple[int | None, int]:
    """A variable-length number and its width; None for the reserved value "unknown"."""
    if at >= len(data) or data[at] == 0:
        return None, 1
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _next_header(file: Any, size: int, at: int, *, remote: bool) -> int:
    with _bytes_of(file, size, remote=remote) as data:
        while (at := data.find(_EBML, at)) >= 0:
            PROGRESS.step()
            if _DOC_TYPE in data[at : at + 64]:
                return at
            at += 4
    return -1


def _riffs(file: Any, size: int) -> Iterator[int]:
    """A second RIFF of form `AVI `; OpenDML goes on in RIFFs of form `AVIX`."""
    at = 0
    for _ in range(_MAX_BOXES_REMOTE):
        head = _read(file, at, 12)
        if len(head) < 12 or head[:4] != b"RIFF":
            return
        if at and head[8:] == b"AVI ":
            yield at
        at += 8 + int.from_bytes(head[4:8], "little")
        at += at & 1
        if at >= size:
            return


def _tags(file: Any, size: int, *, remote: bool) -> Iterator[int]:
    """A header where a tag is due (Adobe Flash Video File Format Specification, annex E)."""
    with _bytes_of(file, size, remote=remote) as data:
        at = _FLV_HEADER_BYTES
        while at + 15 <= size:
            if data[at : at + 4] == _FLV_BEGINS:
                yield at
                at += _FLV_HEADER_BYTES
                continue
            PROGRESS.step()
            at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")


def _chains(file: Any, size: int, *, remote: bool) -> Iterator[int]:
    """First pages of streams that follow other pages: RFC 3533, 4, calls such a file chained."""
    with _bytes_of(file, size, remote=remote) as data:
        behind = at = 0  # streams of one link begin page by page
        while (at := data.find(_OGG_BEGINS, at)) >= 0:
            PROGRESS.step()
            if at != behind:
                yield at
            segments = data[at + 26] if at + _OGG_HEADER_BYTES <= len(data) else 0
            lengths = data[at + _OGG_HEADER_BYTES : at + _OGG_HEADER_BYTES + segments]
            at = behind = at + _OGG_HEADER_BYTES + segments + sum(lengths)


def _signed(file: Any, size: int, signature: bytes, *, remote: bool) -> Iterator[int]:
    with _bytes_of(file, size, remote=remote) as data:
        at = len(signature)
        while (at := data.find(signature, at)) >= 0:
            PROGRESS.step()
            yield at
            at += len(signature)

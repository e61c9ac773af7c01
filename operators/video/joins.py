"""Files that were joined with `cat` although their format has a header: where the next header begins.

Demuxers read on over it with two clocks mixed (Matroska), or never see what follows (MP4, AVI).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

from operators.video.progress import PROGRESS

_MAX_BOXES = 100_000  # of a local file; fragments of a second make 28 hours
_MAX_BOXES_REMOTE = 64  # each may cost a request
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_DOC_TYPE = b"\x42\x82"
_HEADER_BYTES = 4096
_FLV_BEGINS, _FLV_HEADER_BYTES = b"FLV\x01", 13


def find_joins(file: Any, size: int, format_name: str, *, remote: bool) -> list[int]:
    """Byte positions at which another file of the same format begins, in order; not 0.

    Args:
        file: has `seek` and `read`; a local one also has `fileno`.
        size: of the file in bytes.
        format_name: FFmpeg's.
        remote: every jump costs a request: formats that would need many are not searched.
    """
    name = format_name.split(",", maxsplit=1)[0]
    if name == "mov":
        return list(_boxes(file, size, _MAX_BOXES_REMOTE if remote else _MAX_BOXES))
    if name == "matroska":
        return list(_segments(file, size, remote=remote))
    if name == "avi":
        return list(_riffs(file, size))
    if name == "flv" and not remote:
        return list(_tags(file, size))
    return []


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
    """EBML headers (RFC 8794, 11.2). A Segment of unknown size is searched, where the file is at hand."""
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
        elif remote:
            return
        else:
            at = _next_header(file, at + begin)
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


def _next_header(file: Any, at: int) -> int:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
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


def _tags(file: Any, size: int) -> Iterator[int]:
    """A header where a tag is due (Adobe Flash Video File Format Specification, annex E)."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = _FLV_HEADER_BYTES
        while at + 15 <= size:
            if data[at : at + 4] == _FLV_BEGINS:
                yield at
                at += _FLV_HEADER_BYTES
                continue
            PROGRESS.step()
            at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")

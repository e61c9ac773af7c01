"""Which packets of a stream are disposable: no other frame refers to theirs, so they may be left undecoded.

Only headers are read. H.264 states it in `nal_ref_idc` (ITU-T H.264, 7.4.1), HEVC in the type of the unit (ITU-T H.265,
table 7-1: the types below 16 that are even), AV1 in the frame header (`operators.video.av1`). In HEVC, frames of a
higher temporal sub-layer may refer to such a unit; FFmpeg's decoder skips by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from operators.video.av1 import Av1Packets

_START = b"\x00\x00\x01"


class Disposables(Protocol):
    """The packets of one stream, in the order in which they are fed."""

    def disposable(self, packet: bytes) -> bool:
        """Whether no other frame refers to the frames in `packet`; False for what cannot be read."""


def disposables(codec: str, extradata: bytes) -> Disposables | None:
    """Return the reader for a decoder of FFmpeg's, such as `h264`; None if the codec has none.

    Args:
        codec: FFmpeg's name of the decoder.
        extradata: what the container says of the codec; may be empty.
    """
    if codec == "libdav1d":
        return Av1Packets(extradata)
    if codec == "h264":
        return _Units(extradata, length_at=4, header_bytes=1)
    if codec == "hevc":
        return _Units(extradata, length_at=21, header_bytes=2)
    return None


class _Units:
    """H.264 and HEVC: network abstraction layer units, with their lengths (MP4, Matroska) or behind start codes.

    Args:
        extradata: an `avcC` or `hvcC` record, which begins with its version, 1; or start codes.
        length_at: the byte of the record whose last two bits are the size of a length, less one.
        header_bytes: 1 for H.264, 2 for HEVC.
    """

    def __init__(self, extradata: bytes, *, length_at: int, header_bytes: int) -> None:
        recorded = extradata[:1] == b"\x01" and len(extradata) > length_at
        self._length_bytes = (extradata[length_at] & 0b11) + 1 if recorded else None
        self._is_hevc = header_bytes == 2

    def disposable(self, packet: bytes) -> bool:
        found = [d for header in self._headers(packet) if (d := self._of(header)) is not None]
        return bool(found) and all(found)

    def _of(self, header: int) -> bool | None:
        """Whether nothing refers to this slice; None for a unit that is no slice."""
        if self._is_hevc:
            kind = header >> 1 & 0b111111
            return kind < 16 and kind % 2 == 0 if kind < 32 else None
        return header >> 5 & 0b11 == 0 if 1 <= header & 0b11111 <= 5 else None

    def _headers(self, packet: bytes) -> Iterator[int]:
        """The first byte of each unit."""
        if self._length_bytes is None:
            at = packet.find(_START)
            while 0 <= at < len(packet) - len(_START):
                yield packet[at + len(_START)]
                at = packet.find(_START, at + len(_START))
            return
        at = 0
        while at + self._length_bytes < len(packet):
            length = int.from_bytes(packet[at : at + self._length_bytes])
            at += self._length_bytes
            yield packet[at]
            at += length

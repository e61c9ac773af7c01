"""Detection of encrypted video, which must be rejected because decoders return grey noise for it without an error."""

from __future__ import annotations

from collections import Counter
from typing import Any

from operators.core.base import ItemError
from operators.video.source import Source

_SAMPLE_AES = 0xDB  # stream type of H.264 in MPEG-TS with HLS SAMPLE-AES
_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_ENTRIES = frozenset({b"encv", b"drmi"})  # sample entries: Common Encryption (ISO/IEC 23001-7), FairPlay
_MAX_BOXES = 2000
_LOOK_BYTES = 64 * 1024
_EVEN = 400.0  # chi-square of 64 KiB of random bytes is 255 with a deviation of 23


def refuse_encrypted(source: Source, container: Any, stream: Any) -> None:
    """Check the description of the video stream for signs of encryption.

    Raises:
        ItemError: class undecodable if the video is encrypted, or class storage.
    """
    name = container.format.name
    how = None
    if name.startswith("matroska") and "enc_key_id" in {key.lower() for key in stream.metadata}:
        how = "ContentEncryption"
    elif name == "mpegts":
        how = _of_transport_stream(source, stream)
    elif name.startswith("mov"):
        with source.peek() as file:
            how = _of_boxes(file)
    if how is not None:
        raise encrypted(source.uri, how)


def encrypted(uri: str, how: str) -> ItemError:
    """The failure of an encrypted video."""
    return ItemError("undecodable", f"{uri} is encrypted ({how}); decrypt it first")


def has_key_information(packet: Any) -> bool:
    """Whether a packet has encryption side data, which Longcap cannot use."""
    return bool(packet.has_sidedata("encryption_info"))


def explain(source: Source, error: ItemError) -> ItemError:
    """The failure of an undecodable file, with encryption as the reason if there are signs of it."""
    if error.failure_class != "undecodable" or " is encrypted (" in error.message:
        return error
    try:
        with source.peek() as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(_LOOK_BYTES)
            if how := _of_boxes(file) if head[4:8] in (b"ftyp", b"styp", b"moov") else None:
                return encrypted(source.uri, how)
    except (OSError, ItemError):
        return error
    if not _is_ciphertext(head, size):
        return error
    hint = "its bytes look encrypted, as those of HLS segments with AES-128"
    return ItemError("undecodable", f"{error.message}; {hint}")


def _is_ciphertext(head: bytes, size: int) -> bool:
    """Whether a file without any known structure may be one block of ciphertext."""
    if size % 16 or len(head) < 4096:
        return False
    mean = len(head) / 256
    counts = Counter(head)
    return sum((counts[value] - mean) ** 2 / mean for value in range(256)) < _EVEN


def _of_transport_stream(source: Source, stream: Any) -> str | None:
    try:
        tag = stream.codec_context.codec_tag.encode()
    except UnicodeDecodeError as error:  # stream types from 0x80 on are no text
        tag = bytes(error.object)
    if tag[:1] == bytes([_SAMPLE_AES]):
        return "SAMPLE-AES"
    with source.peek() as file:
        file.seek(0)
        data = file.read(_LOOK_BYTES)
    size = next((n for n in (188, 192, 204) if _in_step(data, n)), None)
    if size is None:
        return None
    start = 4 if size == 192 else 0
    ours = scrambled = 0
    for at in range(start, len(data) - 4, size):
        if data[at] == 0x47 and (data[at + 1] & 0x1F) << 8 | data[at + 2] == stream.id:
            ours += 1
            scrambled += data[at + 3] >> 6 > 1
    return "scrambled transport packets" if ours and scrambled > ours / 2 else None


def _in_step(data: bytes, size: int) -> bool:
    start = 4 if size == 192 else 0
    return len(data) > 5 * size and all(data[start + k * size] == 0x47 for k in range(5))


def _of_boxes(file: Any) -> str | None:
    """Walk the boxes of an ISO media file (ISO/IEC 14496-12) down to its sample entries."""
    file.seek(0)
    end = file.seek(0, 2)
    boxes = [(0, end)]
    for _ in range(_MAX_BOXES):
        if not boxes:
            break
        at, end = boxes.pop()
        file.seek(at)
        head = file.read(16)
        if len(head) < 8 or at + 8 > end:
            continue
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        begin = 16 if size == 1 else 8
        size = int.from_bytes(head[8:16], "big") if size == 1 else size or end - at
        if size < 8:
            continue
        if at + size < end:
            boxes.append((at + size, end))
        if name in _INSIDE:
            boxes.append((at + begin, min(end, at + size)))
        elif name == b"stsd":
            file.seek(at + begin + 8)
            entry = file.read(8)[4:8]
            if entry in _ENTRIES:
                return "Common Encryption" if entry == b"encv" else "FairPlay"
        if name == b"moov" and begin:
            boxes = boxes[-1:]  # the rest of the file describes no track
    return None

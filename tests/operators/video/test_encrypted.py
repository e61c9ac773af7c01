"""Encrypted files are refused when they are probed: a decoder would make noise of them without an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operators.core.base import ItemError
from operators.video.facts import probe
from tests.support.video import render

_CENC = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


def _common(path: Path) -> None:
    render(path, options=_CENC)


def _fragments(path: Path) -> None:
    render(path, options={**_CENC, "movflags": "frag_keyframe+empty_moov"})


def _scheme_that_ffmpeg_does_not_know(path: Path) -> None:
    _common(path)
    path.write_bytes(path.read_bytes().replace(b"cenc", b"piff").replace(b"tenc", b"free").replace(b"senc", b"free"))


def _matroska(path: Path) -> None:
    """A track title that is overwritten with ContentEncodings of the same length (RFC 9559, 5.1.4.1.31)."""
    import av

    plain = path.with_name("plain.mkv")
    render(plain, count=10)
    title = "x" * 60
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream: Any = source.streams.video[0]
        copy: Any = target.add_stream_from_template(stream)
        copy.metadata["title"] = title
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    key = b"\x47\xe1\x81\x05" + b"\x47\xe2\x90" + bytes(range(16))
    encryption = b"\x50\x33\x81\x01" + b"\x50\x35" + bytes([0x80 + len(key)]) + key
    encoding = b"\x62\x40" + bytes([0x80 + len(encryption)]) + encryption
    void = 60 - len(encoding) - 2
    encoding += b"\xec" + bytes([0x80 + void]) + bytes(void)
    data = path.read_bytes()
    name = b"\x53\x6e\xbc" + title.encode()
    assert data.count(name) == 1
    path.write_bytes(data.replace(name, b"\x6d\x80\xbc" + encoding))


def _scrambled(path: Path) -> None:
    """MPEG-TS whose video packets say that they are scrambled."""
    render(path)
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 188):
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] == 256:
            data[at + 3] |= 0x80
    path.write_bytes(bytes(data))


def _sample_aes(path: Path) -> None:
    """MPEG-TS whose program map says H.264 with SAMPLE-AES."""
    render(path)
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 188):
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] == 4096 and data[at + 4] == 0:
            table = at + 5
            end = table + 3 + ((data[table + 1] & 0x0F) << 8 | data[table + 2])
            entry = data.index(b"\x1b\xe1\x00", table, end)
            data[entry] = 0xDB
            data[end - 4 : end] = _crc32_of_mpeg(bytes(data[table : end - 4])).to_bytes(4, "big")
    path.write_bytes(bytes(data))


def _crc32_of_mpeg(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("cenc.mp4", _common, "is encrypted (Common Encryption); decrypt it first"),
        ("fragments.mp4", _fragments, "is encrypted (Common Encryption)"),
        ("piff.mp4", _scheme_that_ffmpeg_does_not_know, "is encrypted (Common Encryption)"),
        ("track.mkv", _matroska, "is encrypted (ContentEncryption)"),
        ("dvb.ts", _scrambled, "is encrypted (scrambled transport packets)"),
        ("aes.ts", _sample_aes, "is encrypted (SAMPLE-AES)"),
        ("hls.ts", lambda p: p.write_bytes(random.Random(1).randbytes(65_536 * 2)), "its bytes look encrypted"),
    ],
)
def test_encrypted_video_is_refused(name: str, make: Callable[[Path], Any], says: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with pytest.raises(ItemError) as caught:
        probe(str(tmp_path / name))
    assert caught.value.failure_class == "undecodable"
    assert says in caught.value.message


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.ts", "clip.mkv"])
def test_video_in_the_clear_is_not(name: str, tmp_path: Path) -> None:
    render(tmp_path / name, sound_s=1.0)
    assert probe(str(tmp_path / name))["duration_s"] == pytest.approx(6.0, abs=0.1)

"""Hostile items: files, names, subtitles, manifest rows, and answers of a server."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import chat, video

MARK = "item-under-attack"  # is in the subtitles, and thus in the prompts, of videos with hostile answers


@dataclass
class Material:
    """Material for hostile files: small complete clips by name, as bytes, and their folder."""

    folder: Path
    clips: dict[str, bytes]

    def fresh(self, name: str, clip: str = "clip.mp4") -> Path:
        """Write a complete clip under a new name."""
        path = self.folder / name
        path.write_bytes(self.clips[clip])
        return path


# -- files -------------------------------------------------------------------------------------------------------------

File = Callable[[Material, str, random.Random], None]


def _bytes(make: Callable[[Material, random.Random], bytes], suffix: str = "mp4") -> File:
    def write(material: Material, stem: str, draw: random.Random) -> None:
        (material.folder / f"{stem}.{suffix}").write_bytes(make(material, draw))

    return write


def _duration_bomb(material: Material, draw: random.Random) -> bytes:
    """Write a Matroska header that claims up to ten thousand years for two seconds."""
    data = bytearray(material.clips["clip.mkv"])
    at = data.find(b"\x44\x89\x88")
    import re
    import struct

    data[at + 3 : at + 11] = struct.pack(">d", 10.0 ** draw.uniform(9, 15))
    for tag in re.finditer(rb"00:00:0\d\.\d{9}", bytes(data)):
        data[tag.start() : tag.end()] = b"99999999:00:00.000"
    return bytes(data)


def _patched_mp4(box: bytes, offset: int, size: int) -> Callable[[Material, random.Random], bytes]:
    """Write a clip with one field of one box set to a random or an extreme value."""

    def patch(material: Material, draw: random.Random) -> bytes:
        data = bytearray(material.clips["clip.mp4"])
        at = data.find(box)
        value = draw.choice([0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), draw.randrange(2 ** (8 * size))])
        data[at + 4 + offset : at + 4 + offset + size] = value.to_bytes(size, "big")
        return bytes(data)

    return patch


def _special(kind: str) -> File:
    def make(material: Material, stem: str, _draw: random.Random) -> None:
        path = material.folder / f"{stem}.mp4"
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as sock:
                here = Path.cwd()
                os.chdir(material.folder)  # socket addresses must be short
                try:
                    sock.bind(path.name)
                finally:
                    os.chdir(here)
        else:
            path.symlink_to({"zero": "/dev/zero", "nowhere": "/nowhere/at.mp4", "loop": path.name}[kind])

    return make


def _far_apart(material: Material, stem: str, draw: random.Random) -> None:
    """Write two frames many years apart."""
    years_s = draw.uniform(1, 12) * 365 * 86400
    video.render(material.folder / f"{stem}.mkv", times_s=[0.0, 0.1, 0.2, years_s])


FILES: dict[str, tuple[File, ...]] = {
    "empty": (_bytes(lambda m, d: b""),),
    "text": (_bytes(lambda m, d: b"this is no video"),),
    "noise": (_bytes(lambda m, d: d.randbytes(5000)),),
    "playlist": (_bytes(lambda m, d: b"#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),),
    "concat script": (_bytes(lambda m, d: b"ffconcat version 1.0\nfile /etc/passwd\n"),),
    "cut": (_bytes(lambda m, d: m.clips["clip.mp4"][: d.randrange(1, len(m.clips["clip.mp4"]))]),),
    "duration bomb": (_bytes(_duration_bomb, "mkv"),),
    "far apart": (_far_apart,),
    "joined ts": (_bytes(lambda m, d: m.clips["clip.ts"] * d.randint(2, 4), "ts"),),
    "joined webm": (_bytes(lambda m, d: m.clips["clip.webm"] * 2, "webm"),),
    "raw h264": (_bytes(lambda m, d: m.clips["clip.h264"]),),
    "header fields": (
        _bytes(_patched_mp4(b"mvhd", 16, 4)),
        _bytes(_patched_mp4(b"mdhd", 12, 4)),
        _bytes(_patched_mp4(b"mdhd", 16, 4)),
        _bytes(_patched_mp4(b"tkhd", 76, 4)),
        _bytes(_patched_mp4(b"stts", 4, 4)),
        _bytes(_patched_mp4(b"stsz", 8, 4)),
        _bytes(_patched_mp4(b"avc1", 24, 4)),
    ),
    "no file": tuple(_special(kind) for kind in ("fifo", "folder", "socket", "zero", "nowhere", "loop")),
}


# -- names -------------------------------------------------------------------------------------------------------------

NAMES: tuple[bytes, ...] = tuple(
    name.encode() if isinstance(name, str) else name
    for name in (
        "take#1", "q?v=1", "100%", "a%20b", "a::b", "zip::x", "http:", "C:\\x", "-o", "~user", "{}", "[1-3]", "*",
        "a b", "new\nline", "tab\there", "\x1b[31mred\x1b]0;PWN\x07",
        "rtl\u202egpm", "quote'\"", "über", "漢字", "👩‍👧", "e\u0301",
        b"latin1-\xe9", b"bad-\xff\xfe", "x" * 240, "$(touch pwned)", "a;b", "a&b=c", "trailing ", "dot.", "COM1",
    )
)  # fmt: skip


# -- subtitles ---------------------------------------------------------------------------------------------------------

CUE = "1\n00:00:00,000 --> 00:00:01,500\n{}\n\n"
SUBTITLES: dict[str, bytes | str] = {
    "utf-16": CUE.format("Grüße, привет").encode("utf-16"),
    "cp1251": CUE.format("Привет, это субтитры").encode("cp1251"),
    "gbk": CUE.format("今天我们去公园散步").encode("gbk"),
    "shift-jis": CUE.format("今日は公園を散歩しました").encode("shift-jis"),
    "noise": random.Random(1).randbytes(4000),
    "nothing": b"",
    "markup": CUE.format("<i>{\\an8}<v Ann><c.x>a</c></i> &amp; b").encode(),
    "surrogates": CUE.format("half \ud83d").encode("utf-8", "surrogatepass"),
    "nul": CUE.format("a\x00b\x1b[31m").encode(),
    "odd times": b"1\n-1:00:00,000 --> 99999999:00:00,000\nx\n\n2\n00:00:02,000 --> 00:00:01,000\ny\n\n",
    "one long line": CUE.format("word " * 400_000).encode(),
    "very large": (CUE.format("a line") * 1_500_000).encode(),
    "many cues": "".join(
        f"{i}\n00:00:00,{i % 1000:03d} --> 00:00:01,900\nline {i}\n\n" for i in range(30_000)
    ).encode(),
    "fifo": "fifo",
    "zero": "/dev/zero",
    "nowhere": "/nowhere",
    "folder": "folder",
}


def subtitles(path: Path, what: bytes | str) -> None:
    if isinstance(what, bytes):
        path.write_bytes(what)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(what)


# -- rows of a manifest ------------------------------------------------------------------------------------------------


def rows_of(clip: Path) -> dict[str, str]:
    """Return rows of a manifest as lines of JSON, without their id."""
    uri = f'"uri": {json.dumps(str(clip))}'
    return {
        "surrogate in a value": f'{uri}, "title": "half \\ud83d emoji"',
        "surrogate in a key": f'{uri}, "ti\\ud83dtle": "x"',
        "surrogate in the uri": '"uri": "/videos/half\\ud83d.mp4"',
        "huge number": f'{uri}, "n": {10**400}',
        "huge float": f'{uri}, "n": 1e999',
        "not a number": f'{uri}, "n": NaN',
        "deep": f'{uri}, "deep": {"[" * 400}{"]" * 400}',
        "long value": f'{uri}, "transcript": "{"word " * 60_000}"',
        "very long value": f'{uri}, "transcript": "{"word " * 3_600_000}"',
        "control characters": f'{uri}, "title": "a\\u0000b\\u001b[31m\\u202e"',
        "no such file": '"uri": "/nowhere/x.mp4"',
        "no such host in a file uri": '"uri": "file://elsewhere/x.mp4"',
        "escaped file uri": f'"uri": "file://{str(clip).replace("c", "%63", 1)}"',
        "a folder": f'"uri": {json.dumps(str(clip.parent))}',
        "signed": '"uri": "http://127.0.0.1:9/x.mp4?X-Amz-Signature=0123456789abcdef0123456789abcdef"',
        "a chain": '"uri": "simplecache::file:///etc/passwd"',
        "a device": '"uri": "/dev/zero"',
    }


# -- answers -----------------------------------------------------------------------------------------------------------

ANSWERS: dict[str, chat.Play] = {
    "surrogate": chat.Play(text="A brown dog runs over the grass and smiles \ud83d"),
    "thinking": chat.Play(text=f"<think>What is this? Frames 1, 2, 3.</think>\n{chat.GOOD}"),
    "control characters": chat.Play(text=f"{chat.GOOD}\x00\x1b[31m\x1b]0;PWN\x07"),
    "huge usage": chat.Play(usage={"prompt_tokens": 10**20, "completion_tokens": 20}),
    "negative usage": chat.Play(usage={"prompt_tokens": -(10**20), "completion_tokens": -5}),
    "usage of words": chat.Play(usage={"prompt_tokens": "many", "completion_tokens": None}),
    "no usage": chat.Play(usage=None),
    "nothing": chat.Play(text=""),
    "no JSON": chat.Play(whole=b"<html>proxy error</html>"),
    "list": chat.Play(whole=b"[]"),
    "number as text": chat.Play(whole={"choices": [{"message": {"content": 12345}, "finish_reason": "stop"}]}),
    "no choices": chat.Play(whole={"choices": []}),
    "bad bytes": chat.Play(whole=b'{"choices":[{"index":0,"message":{"content":"\xff\xfe"},"finish_reason":"stop"}]}'),
    "endless": chat.Play(endless=True),
    "server error": chat.Play(status=400),
    "filtered": chat.Play(finish="content_filter", text=""),
}  # fmt: skip


def answer(body: dict[str, Any], _number: int) -> chat.Play:
    """Return a constant good answer, or for prompts with the mark the hostile answer that they select."""
    content = body["messages"][0]["content"]
    prompt = content if isinstance(content, str) else "\n".join(p["text"] for p in content if p["type"] == "text")
    at = prompt.find(MARK)
    if at < 0:
        return chat.Play()
    number = int("".join(c for c in prompt[at + len(MARK) : at + len(MARK) + 6] if c.isdigit()) or 0)
    return list(ANSWERS.values())[number % len(ANSWERS)]

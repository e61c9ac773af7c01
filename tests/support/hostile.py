"""Hostile items of every kind beside good ones, and what a run over them must keep to.

    python -m tests.support.hostile --count 300 --seed 7

Each item is broken in its own way: its bytes, its name, its subtitles, its row of a manifest, the answers that a model
gives for it. One run captions the good items alone, another one all of them. The good items must have the same content
hashes in both, every hostile one must have a row (a long caption or a failure), and the driver's memory is bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import pipeline as longcap
from tests.support import chat, video

MOST_DRIVER_BYTES = 600 * 2**20
_MARK = "item-under-attack"  # stands in the subtitles, and so in the prompts, of videos whose answers are hostile


@dataclass
class Material:
    """What hostile files are made from: small whole clips by name, as bytes, and the folder they lie in."""

    folder: Path
    clips: dict[str, bytes]

    def fresh(self, name: str, clip: str = "clip.mp4") -> Path:
        """A whole clip under a name of its own."""
        path = self.folder / name
        path.write_bytes(self.clips[clip])
        return path


@dataclass
class Seen:
    """What came of a run over hostile items.

    Attributes:
        wrong: what must not be: a good item that changed, a hostile one without a row, memory, an exit code.
        kinds: how many items of each kind there were.
        outcomes: "captioned" or the failure's class, with how many hostile items.
        driver_bytes: the largest resident memory of the driver above what it had before.
    """

    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    driver_bytes: int = 0


# -- files -------------------------------------------------------------------------------------------------------------

File = Callable[[Material, str, random.Random], None]


def _bytes(make: Callable[[Material, random.Random], bytes], suffix: str = "mp4") -> File:
    def write(material: Material, stem: str, draw: random.Random) -> None:
        (material.folder / f"{stem}.{suffix}").write_bytes(make(material, draw))

    return write


def _duration_bomb(material: Material, draw: random.Random) -> bytes:
    """A Matroska header that claims up to ten thousand years for two seconds."""
    data = bytearray(material.clips["clip.mkv"])
    at = data.find(b"\x44\x89\x88")
    import re
    import struct

    data[at + 3 : at + 11] = struct.pack(">d", 10.0 ** draw.uniform(9, 15))
    for tag in re.finditer(rb"00:00:0\d\.\d{9}", bytes(data)):
        data[tag.start() : tag.end()] = b"99999999:00:00.000"
    return bytes(data)


def _patched_mp4(box: bytes, offset: int, size: int) -> Callable[[Material, random.Random], bytes]:
    """A clip with one field of one box set to a random or an extreme value."""

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
                os.chdir(material.folder)  # socket addresses are short
                try:
                    sock.bind(path.name)
                finally:
                    os.chdir(here)
        else:
            path.symlink_to({"zero": "/dev/zero", "nowhere": "/nowhere/at.mp4", "loop": path.name}[kind])

    return make


def _far_apart(material: Material, stem: str, draw: random.Random) -> None:
    """Two pictures many years apart."""
    years_s = draw.uniform(1, 12) * 365 * 86400
    video.render(material.folder / f"{stem}.mkv", times_s=[0.0, 0.1, 0.2, years_s])


_FILES: dict[str, tuple[File, ...]] = {
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

_NAMES: tuple[bytes, ...] = tuple(
    name.encode() if isinstance(name, str) else name
    for name in (
        "take#1", "q?v=1", "100%", "a%20b", "a::b", "zip::x", "http:", "C:\\x", "-o", "~user", "{}", "[1-3]", "*",
        "a b", "new\nline", "tab\there", "\x1b[31mred\x1b]0;PWN\x07",
        "rtl\u202egpm", "quote'\"", "über", "漢字", "👩‍👧", "e\u0301",
        b"latin1-\xe9", b"bad-\xff\xfe", "x" * 240, "$(touch pwned)", "a;b", "a&b=c", "trailing ", "dot.", "COM1",
    )
)  # fmt: skip


# -- subtitles ---------------------------------------------------------------------------------------------------------

_CUE = "1\n00:00:00,000 --> 00:00:01,500\n{}\n\n"
_SUBTITLES: dict[str, bytes | str] = {
    "utf-16": _CUE.format("Grüße, привет").encode("utf-16"),
    "cp1251": _CUE.format("Привет, это субтитры").encode("cp1251"),
    "gbk": _CUE.format("今天我们去公园散步").encode("gbk"),
    "shift-jis": _CUE.format("今日は公園を散歩しました").encode("shift-jis"),
    "noise": random.Random(1).randbytes(4000),
    "nothing": b"",
    "markup": _CUE.format("<i>{\\an8}<v Ann><c.x>a</c></i> &amp; b").encode(),
    "surrogates": _CUE.format("half \ud83d").encode("utf-8", "surrogatepass"),
    "nul": _CUE.format("a\x00b\x1b[31m").encode(),
    "odd times": b"1\n-1:00:00,000 --> 99999999:00:00,000\nx\n\n2\n00:00:02,000 --> 00:00:01,000\ny\n\n",
    "one long line": _CUE.format("word " * 400_000).encode(),
    "very large": (_CUE.format("a line") * 1_500_000).encode(),
    "many cues": "".join(
        f"{i}\n00:00:00,{i % 1000:03d} --> 00:00:01,900\nline {i}\n\n" for i in range(30_000)
    ).encode(),
    "fifo": "fifo",
    "zero": "/dev/zero",
    "nowhere": "/nowhere",
    "folder": "folder",
}


def _subtitles(path: Path, what: bytes | str) -> None:
    if isinstance(what, bytes):
        path.write_bytes(what)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(what)


# -- rows of a manifest ------------------------------------------------------------------------------------------------


def _rows(clip: Path) -> dict[str, str]:
    """Rows of a manifest as lines of JSON, without their id."""
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

_ANSWERS: dict[str, chat.Play] = {
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


def _answer(body: dict[str, Any], _number: int) -> chat.Play:
    """A good answer, the same for all, but for prompts that hold the mark: those say which hostile one they get."""
    content = body["messages"][0]["content"]
    prompt = content if isinstance(content, str) else "\n".join(p["text"] for p in content if p["type"] == "text")
    at = prompt.find(_MARK)
    if at < 0:
        return chat.Play()
    number = int("".join(c for c in prompt[at + len(_MARK) : at + len(_MARK) + 6] if c.isdigit()) or 0)
    return list(_ANSWERS.values())[number % len(_ANSWERS)]


# -- the whole ---------------------------------------------------------------------------------------------------------


def _material(folder: Path) -> Material:
    clips = {}
    for name, how in {
        "clip.mp4": {"sound_s": 1.0},
        "clip.mkv": {},
        "clip.ts": {},
        "clip.webm": {"codec": "libvpx"},
        "clip.h264": {"b_frames": 0},
    }.items():
        video.render(folder / name, count=20, gop=10, **how)  # type: ignore[arg-type]
        clips[name] = (folder / name).read_bytes()
        (folder / name).unlink()
    return Material(folder, clips)


def make(folder: Path, count: int, seed: int, good: int = 4) -> tuple[list[str], Counter[str]]:
    """Write `count` hostile items and `good` good ones below `folder`; the inputs of a run, and the kinds."""
    draw = random.Random(seed)
    for name in ("good", "hostile", "rows"):
        (folder / name).mkdir(parents=True)
    for number in range(good):
        video.render(folder / "good" / f"good-{number}.mp4", count=30 + 10 * number, gop=10)
    material, clip = _material(folder / "hostile"), folder / "rows" / "plain.mp4"
    kinds: Counter[str] = Counter()
    lines = []
    rows = _rows(clip)
    clip.write_bytes(material.clips["clip.mp4"])
    turn = 0
    while sum(kinds.values()) < count:
        number, group = turn, ("file", "name", "subtitles", "row", "answer")[turn % 5]
        turn += 1
        stem = f"item-{number}"
        if group == "file":
            kind = list(_FILES)[number // 5 % len(_FILES)]
            made = _FILES[kind]
            made[number // 5 // len(_FILES) % len(made)](material, stem, draw)
            if kind == "no file":  # a folder's listing leaves most of them out: a manifest names them
                lines.append(json.dumps({"video_id": f"row-{number}", "uri": str(folder / "hostile" / f"{stem}.mp4")}))
        elif group == "name":
            kind, name = "name", _NAMES[number // 5 % len(_NAMES)] + (f"-{number}".encode() if number > 160 else b"")
            path = os.path.join(os.fsencode(folder / "hostile"), name[:250] + b".mp4")  # noqa: PTH118  # bytes
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(material.clips["clip.mp4"])
        elif group == "subtitles":
            kind = list(_SUBTITLES)[number // 5 % len(_SUBTITLES)]
            material.fresh(f"{stem}.mp4")
            _subtitles(folder / "hostile" / f"{stem}.srt", _SUBTITLES[kind])
            kind = f"subtitles: {kind}"
        elif group == "row":
            kind = list(rows)[number // 5 % len(rows)]
            lines.append(f'{{"video_id": "row-{number}", {rows[kind]}}}')
            kind = f"row: {kind}"
        else:
            kind = f"answer: {list(_ANSWERS)[number // 5 % len(_ANSWERS)]}"
            material.fresh(f"{stem}.mp4")
            (folder / "hostile" / f"{stem}.srt").write_text(_CUE.format(f"{_MARK} {number // 5 % len(_ANSWERS)}"))
        kinds[kind] += 1
    (folder / "rows.jsonl").write_text("\n".join([*lines, ""]))
    return [str(folder / "good"), str(folder / "hostile"), str(folder / "rows.jsonl")], kinds


@contextmanager
def _memory(seen: Seen) -> Iterator[None]:
    """Watches this process's resident memory."""
    me, end = psutil.Process(), threading.Event()
    before = me.memory_info().rss

    def watch() -> None:
        while not end.wait(0.1):
            seen.driver_bytes = max(seen.driver_bytes, me.memory_info().rss - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _hashes(out: str) -> dict[str, list[str]]:
    output = longcap.open(out)
    found: dict[str, list[str]] = {}
    for row in output.to_arrow().to_pylist():
        name = row["uri"].rsplit("/", 1)[-1]
        if name.startswith("good-"):
            parts = [s["content_hash"] for s in output.captioned(row["video_id"])]
            found[name] = [row["content_hash"], *parts]
    return found


def attack(count: int, *, seed: int = 0, folder: Path) -> Seen:
    """Caption `count` hostile items beside good ones, and the good ones alone."""
    from pipeline.output.output import Output
    from pipeline.output.verification import verify

    seen = Seen()
    inputs, seen.kinds = make(folder, count, seed)
    with chat.serve(_answer) as server:
        engine = f'{{kind: openai, model: m, base_url: "{server.url}", api_key_env: null, retries: 0, max_tokens: 200}}'
        overrides = [f"caption.engine={engine}", "caption.frames=false", "run.max_failed=1.0"]
        config = longcap.load_config(None, overrides)
        alone = longcap.run(inputs[0], str(folder / "alone"), config, quiet=True)
        with _memory(seen):
            result = longcap.run(inputs, str(folder / "out"), config, quiet=True)
    report = result.report
    if _hashes(str(folder / "alone")) != _hashes(str(folder / "out")) or not alone.ok:
        seen.wrong.append("the good items' content hashes differ from those of a run without hostile ones")
    there = {row["video_id"] for row in result.to_arrow().to_pylist()}
    failed = {f["video_id"]: f["class"] for f in result.failures()}
    expected = sum(seen.kinds.values()) + 4
    if report.videos_planned != expected or report.unaccounted:
        seen.wrong.append(f"{report.videos_planned} of {expected} items were planned, {len(report.unaccounted)} open")
    if missing := expected - len(there | set(failed)):
        seen.wrong.append(f"{missing} items have neither a long caption nor a failure")
    seen.outcomes.update(failed.values())
    seen.outcomes["captioned"] = len(there)
    if "internal" in seen.outcomes:
        said = {f["message"] for f in result.failures() if f["class"] == "internal"}
        seen.wrong += [f"internal failure: {message}" for message in sorted(said)[:10]]
    if report.exit_code:
        seen.wrong.append(f"exit code {report.exit_code} although run.max_failed is 1")
    if seen.driver_bytes > MOST_DRIVER_BYTES:
        seen.wrong.append(f"the driver took {seen.driver_bytes / 2**20:.0f} MiB")
    found = verify(Output(str(folder / "out")))
    seen.wrong += [f"verify: {f.kind}: {f.what}: {f.why}" for f in found.findings[:10]]
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to work in; it is left as it is")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="longcap-hostile-"))
    began = time.monotonic()
    try:
        seen = attack(options.count, seed=options.seed, folder=folder)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for kind, number in sorted(seen.kinds.items()):
        print(f"{number:6} {kind}")
    print(
        "outcomes:",
        dict(seen.outcomes),
        f"driver +{seen.driver_bytes / 2**20:.0f} MiB, {time.monotonic() - began:.0f} s",
    )
    for line in seen.wrong:
        print(f"  wrong: {line}")
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Hostile subtitles, generated from a seed: reading must end soon, within limits, with a status."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from operators.core.base import Row
from operators.video.isolation import DecodeChild
from operators.video.subtitles import MAX_LINE_CHARACTERS, MAX_LINES, SubtitleReader, Subtitles
from tests.support.fuzz.outcome import Outcome

_ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-32", "cp1251", "koi8-r", "cp1252", "gbk", "big5", "shift_jis", "euc-kr",
    "cp1256",
)  # fmt: skip
_WORDS = (
    "hello", "мир", "字幕", "です", "안녕", "été", "مرحبا", "<i>", "</i>", "<", ">", "<3", "{\\an8}", "{\\p1}",
    "{", "}", "&amp;", "&#0;", "&#xD800;", "\\N", "<v Bob>", "<00:01.000>", "\x00", "\ufeff", "\u202e", "\ud83d",
    "1984", "-->", "[Events]", "|",
)  # fmt: skip
_SPACES = ("\n", "\r", "\r\n", "\n\n", "\n \n", "\u2028", "")
_SLOW_S = 30.0


def hostile(generator: random.Random) -> bytes:
    """Return the bytes of one subtitle file."""
    kind = generator.choice(("srt", "vtt", "ass", "microdvd", "repeated", "noise"))
    if kind == "noise":
        return generator.randbytes(generator.randrange(5000))
    if kind == "repeated":
        return (generator.choice(_WORDS) * generator.choice((10, 10_000, 300_000))).encode("utf-8", "replace")
    head = {"vtt": "WEBVTT\n\n", "ass": "[Script Info]\n[Events]\n", "microdvd": "{1}{1}25\n"}.get(kind, "")
    text = head + "".join(_cue(generator, kind) for _ in range(generator.choice((0, 1, 5, 200))))
    raw = bytearray(text.encode(generator.choice(_ENCODINGS), "replace"))
    for _ in range(generator.choice((0, 0, 1, 20))):
        if raw:
            raw[generator.randrange(len(raw))] = generator.randrange(256)
    return bytes(raw[: generator.randrange(len(raw) + 1)] if generator.random() < 0.2 else raw)


def fuzz(count: int, *, seed: int = 0) -> Outcome:
    """Adapt `run` to the common runner."""
    wrong = run(count, seed)
    return Outcome(counts=Counter(sound=count - len(wrong)), odd=wrong)


def run(count: int, seed: int) -> list[str]:
    """Read `count` files made from `seed` in the decoding process; return the problems, one line each."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, DecodeChild(no_progress_s=20.0, memory_limit_bytes=2**29) as child:
        path = Path(folder) / "a.srt"
        for number in range(count):
            path.write_bytes(hostile(random.Random(f"{seed}-{number}")))
            row: Row = {"subtitles_uri": str(path), "source_version": None, "first_pts_s": 0.0}
            began_s = time.monotonic()
            try:
                found = SubtitleReader(child.run).of(row)
            except Exception as error:
                wrong.append(f"seed {seed}, number {number}: {type(error).__name__}: {error}")
                continue
            assert found is not None
            took_s = time.monotonic() - began_s
            problem = _problem(found) or (f"took {took_s:.0f} s" if took_s > _SLOW_S else None)
            if problem:
                wrong.append(f"seed {seed}, number {number}: {problem}")
    return wrong


def _problem(found: Subtitles) -> str | None:
    """Return why lines are invalid."""
    text = "".join(cue.text for cue in found.cues)
    if any(why in found.status for why in ("ended the process", "took too", "internal")):
        return found.status
    if any(ord(c) < 32 or c in "\ufeff\u202e" or "\ud800" <= c <= "\udfff" for c in text):
        return "control characters or surrogates in the text"
    if any(
        not 0 <= cue.start_s < cue.end_s or not cue.text or len(cue.text) > MAX_LINE_CHARACTERS for cue in found.cues
    ):
        return "a line without span or text"
    return "too many lines" if len(found.cues) > MAX_LINES else None


def _cue(generator: random.Random, kind: str) -> str:
    start, end = (_time(generator) for _ in range(2))
    text = "".join(generator.choice(_WORDS) + generator.choice((" ", "", generator.choice(_SPACES))) for _ in range(6))
    if kind == "ass":
        return f"Dialogue: 0,{start},{end},D,,0,0,0,,{text}\n"
    if kind == "microdvd":
        return f"{{{generator.randrange(10**6)}}}{{{generator.randrange(10**6)}}}{text}\n"
    name, settings = generator.choice(("7", "", "id")), generator.choice(("", " align:left"))
    return f"{name}\n{start} --> {end}{settings}\n{text}{generator.choice(_SPACES)}"


def _time(generator: random.Random) -> str:
    hours = generator.choice((0, 0, 0, 1, 99, 100, 10**6, -1))
    minutes, seconds, fraction = generator.randrange(70), generator.randrange(70), generator.randrange(1000)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{generator.choice(',.:')}{fraction:03d}"

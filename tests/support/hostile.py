"""Run hostile items of every kind next to good ones, and check the results.

    python -m tests.support.hostile --count 300 --seed 7

Each item is damaged in one way: its bytes, name, subtitles, manifest row, or the model's answers. One run
captions only the good items, another run all items. The good items must have equal content
hashes in both, every hostile one must have a row (a long caption or a failure), and the driver's memory is bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import pipeline as longcap
from tests.support import chat, video
from tests.support.hostile_items import (
    ANSWERS,
    CUE,
    FILES,
    MARK,
    NAMES,
    SUBTITLES,
    Material,
    answer,
    rows_of,
    subtitles,
)

MOST_DRIVER_BYTES = 600 * 2**20


@dataclass
class Seen:
    """The result of a run over hostile items.

    Attributes:
        wrong: problems: a changed good item, a hostile item without a row, memory, an exit code.
        kinds: number of items of each kind.
        outcomes: "captioned" or a class of failures -> number of hostile items.
        driver_bytes: growth of the driver's largest resident memory.
    """

    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    driver_bytes: int = 0


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
    """Write `count` hostile and `good` good items below `folder`; return the inputs of a run, and the kinds."""
    draw = random.Random(seed)
    for name in ("good", "hostile", "rows"):
        (folder / name).mkdir(parents=True)
    for number in range(good):
        video.render(folder / "good" / f"good-{number}.mp4", count=30 + 10 * number, gop=10)
    material, clip = _material(folder / "hostile"), folder / "rows" / "plain.mp4"
    kinds: Counter[str] = Counter()
    lines = []
    rows = rows_of(clip)
    clip.write_bytes(material.clips["clip.mp4"])
    turn = 0
    while sum(kinds.values()) < count:
        number, group = turn, ("file", "name", "subtitles", "row", "answer")[turn % 5]
        turn += 1
        stem = f"item-{number}"
        if group == "file":
            kind = list(FILES)[number // 5 % len(FILES)]
            made = FILES[kind]
            made[number // 5 // len(FILES) % len(made)](material, stem, draw)
            if kind == "no file":  # the listing of a folder skips most of them, so a manifest names them
                lines.append(json.dumps({"video_id": f"row-{number}", "uri": str(folder / "hostile" / f"{stem}.mp4")}))
        elif group == "name":
            kind, name = "name", NAMES[number // 5 % len(NAMES)] + (f"-{number}".encode() if number > 160 else b"")
            path = os.path.join(os.fsencode(folder / "hostile"), name[:250] + b".mp4")  # noqa: PTH118  # bytes
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(material.clips["clip.mp4"])
        elif group == "subtitles":
            kind = list(SUBTITLES)[number // 5 % len(SUBTITLES)]
            material.fresh(f"{stem}.mp4")
            subtitles(folder / "hostile" / f"{stem}.srt", SUBTITLES[kind])
            kind = f"subtitles: {kind}"
        elif group == "row":
            kind = list(rows)[number // 5 % len(rows)]
            lines.append(f'{{"video_id": "row-{number}", {rows[kind]}}}')
            kind = f"row: {kind}"
        else:
            kind = f"answer: {list(ANSWERS)[number // 5 % len(ANSWERS)]}"
            material.fresh(f"{stem}.mp4")
            (folder / "hostile" / f"{stem}.srt").write_text(CUE.format(f"{MARK} {number // 5 % len(ANSWERS)}"))
        kinds[kind] += 1
    (folder / "rows.jsonl").write_text("\n".join([*lines, ""]))
    return [str(folder / "good"), str(folder / "hostile"), str(folder / "rows.jsonl")], kinds


@contextmanager
def _memory(seen: Seen) -> Iterator[None]:
    """Monitors this process's resident memory."""
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
    """Caption `count` hostile items next to good ones, and the good ones alone."""
    from pipeline.output.output import Output
    from pipeline.output.verification import verify

    seen = Seen()
    inputs, seen.kinds = make(folder, count, seed)
    with chat.serve(answer) as server:
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
    parser.add_argument("--keep", type=Path, help="work folder, which is kept")
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

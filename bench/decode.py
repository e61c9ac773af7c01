"""What decoding costs, against the others: CPU seconds and peak memory, as ratios to a full ffmpeg decode.

    python -m bench.decode --media FOLDER --work FOLDER [--tools ours,ffmpeg,decord] [--rounds 2] [--two-hours]

FOLDER holds real clips (`slides_talk_1080p.mp4`, …); long videos are made from them in the work folder once and kept.
Tools that are not installed are left out: see `bench/rivals.py`; each runs in a process of its own, one after the other
within a round, so that whatever else the machine does falls on all alike. The best round of each counts, less what the
tool takes to start (a run on one second of video).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench.rivals import TOOLS, pairs

_LOOK_S = 0.05


def run(tool: str, task: str, file: Path) -> tuple[float, float, str]:
    """CPU seconds and peak resident MB of a tool's whole process tree, and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.rivals", tool, task, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    cpu: dict[int, float] = {}
    peak = 0.0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        memory = 0.0
        try:
            tree = [watched, *watched.children(recursive=True)]
        except psutil.Error:
            break
        for one in tree:
            try:
                times = one.cpu_times()
                cpu[one.pid] = times.user + times.system
                memory += one.memory_info().rss / 2**20
            except psutil.Error:
                continue
        peak = max(peak, memory)
        time.sleep(_LOOK_S)
    out, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode(errors="replace").strip().splitlines()[-1][:160])
    return sum(cpu.values()), peak, out.decode().strip().splitlines()[-1]


def videos(media: Path, work: Path, two_hours: bool) -> dict[str, Path]:
    """The files, by the name they have in the table; those that must be made are made."""
    work.mkdir(parents=True, exist_ok=True)
    found = {
        "talk 1080p h264": media / "slides_talk_1080p.mp4",
        "film 800x332 vp8": media / "tears_of_steel_clip.webm",
        "people 768x432 h264": media / "one_by_one_people.mp4",
    }
    for gop in (250, 48):
        long = work / f"long_g{gop}.mp4"
        if not long.exists():
            _make_long(media, work, gop, long)
        found[f"656 s 720p h264 GOP {gop}"] = long
    for name, codec in (
        ("hevc", ["libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=250"]),
        ("vp9", ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "128", "-b:v", "2M"]),
        ("av1", ["libsvtav1", "-preset", "12", "-g", "128"]),
    ):
        made = work / f"minute.{name}.mkv"
        if not made.exists():
            _ffmpeg(
                "-ss", "100", "-t", "60", "-i", str(found["656 s 720p h264 GOP 250"]), "-an", "-c:v", *codec, str(made)
            )
        found[f"60 s 720p {name}"] = made
    if two_hours:
        made = work / "two_hours.mp4"
        if not made.exists():
            listed = work / "hours.txt"
            listed.write_text(f"file '{found['656 s 720p h264 GOP 250'].resolve()}'\n" * 11)
            _ffmpeg("-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", "-movflags", "+faststart", str(made))
        found["two hours 720p h264 GOP 250"] = made
    return found


def _make_long(media: Path, work: Path, gop: int, target: Path) -> None:
    names = json.loads((media / "manifest.json").read_text())["clips"]
    clips = [
        c["file"] for c in names if (c["duration_s"] or 0) > 4 and not c["file"].startswith(("broken", "edge", "no_"))
    ]
    fit = "scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:-1:-1,setsar=1,fps=24,format=yuv420p"
    listed = []
    for k, name in enumerate(clips[:20]):
        part = work / f"part{k:02}.mkv"
        if not part.exists():
            codec = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "12", "-bf", "0", "-g", "24"]
            _ffmpeg("-i", str(media / name), "-an", "-vf", fit, *codec, str(part))
        listed.append(f"file '{part.resolve()}'\n")
    (work / "parts.txt").write_text("".join(listed))
    codec = [
        "-c:v",
        "libx264",
        "-preset",
        "medium",
        "-crf",
        "23",
        "-g",
        str(gop),
        "-bf",
        "3",
        "-movflags",
        "+faststart",
    ]
    # the clips over and over: together they may be shorter
    clips_again = ["-stream_loop", "-1", "-f", "concat", "-safe", "0", "-i", str(work / "parts.txt"), "-t", "656"]
    _ffmpeg(*clips_again, *codec, str(target))


def _ffmpeg(*arguments: str) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    part = Path(arguments[-1]).with_name("making-" + Path(arguments[-1]).name)
    subprocess.run([get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments[:-1], str(part)], check=True)
    part.rename(arguments[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--tasks", default="1 fps,32,shots")
    parser.add_argument("--only", default="", help="part of a video's name in the table")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--two-hours", action="store_true")
    options = parser.parse_args()
    files = {n: f for n, f in videos(options.media, options.work, options.two_hours).items() if options.only in n}
    second = options.work / "second.mp4"
    if not second.exists():
        _ffmpeg("-t", "1", "-i", str(options.media / "slides_talk_1080p.mp4"), "-an", "-c", "copy", str(second))
    wanted = list(pairs(options.tools.split(","), options.tasks.split(",")))
    print(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, {platform.python_version()}")
    start = {tool: _best(tool, "1 fps", second, options.rounds)[0] for tool in {t for _, t in wanted}}
    for name, file in files.items():
        found: dict[tuple[str, str], Any] = {}
        for _ in range(options.rounds):
            for task, tool in wanted:
                key = ("full", tool) if tool == "ffmpeg" else (task, tool)
                if tool == "ffmpeg" and task != wanted[0][0]:
                    continue  # it does the same for every task
                try:
                    cpu_s, peak_mb, _ = run(tool, task, file)
                except RuntimeError as error:
                    found[key] = str(error)
                    continue
                before = found.get(key)
                best = min(cpu_s - start[tool], before[0]) if isinstance(before, tuple) else cpu_s - start[tool]
                found[key] = (best, peak_mb)
        full = found.get(("full", "ffmpeg"))
        print(f"\n{name}" + (f": ffmpeg decodes all of it in {full[0]:.1f} CPU s" if isinstance(full, tuple) else ""))
        for (task, tool), value in sorted(
            found.items(), key=lambda f: (f[0][0], f[1][0] if isinstance(f[1], tuple) else 9e9)
        ):
            if isinstance(value, str):
                print(f"  {task:6} {tool:11} fails: {value}")
            else:
                ratio = f"{value[0] / full[0]:.2f}" if isinstance(full, tuple) else "-"
                print(
                    f"  {task:6} {tool:11} {value[0]:7.2f} CPU s  {ratio:>5} of ffmpeg  {value[1]:6.0f} MB", flush=True
                )


def _best(tool: str, task: str, file: Path, rounds: int) -> tuple[float, float]:
    runs = []
    for _ in range(rounds):
        try:
            runs.append(run(tool, task, file)[:2])
        except RuntimeError as error:
            print(f"{tool} does not run here: {error}")
            return 0.0, 0.0
    return min(runs)


if __name__ == "__main__":
    main()

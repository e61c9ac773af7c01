"""Compare the cost of decoding with other tools: CPU seconds and peak memory, as ratios to a full ffmpeg decode.

    python -m bench.decode --media FOLDER --work FOLDER [--tools ours,decord] [--rounds 2] [--two-hours | --short]

FOLDER holds real clips (`slides_talk_1080p.mp4`, …); long videos are made from them once and kept in the work folder.
Tools that are not installed are listed as failed: see `bench/rivals.py`. Each tool runs in its own process, in turn
within a round, so that other load on the machine affects all alike. The best round of each tool counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.rivals import TOOLS, pairs

_LOOK_S = 0.05


def run(tool: str, task: str, file: Path, warm: Path) -> tuple[float, float]:
    """Return the CPU seconds of a tool for its task, and the peak resident MB of its process tree."""
    command = [sys.executable, "-m", "bench.rivals", tool, task, str(file), str(warm)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak = 0.0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            tree = [watched, *watched.children(recursive=True)]
        except psutil.Error:
            break
        memory = 0.0
        for one in tree:
            with contextlib.suppress(psutil.Error):
                memory += one.memory_info().rss / 2**20
        peak = max(peak, memory)
        time.sleep(_LOOK_S)
    out, errors = process.communicate()
    if process.returncode:
        messages = errors.decode(errors="replace").strip().splitlines()
        raise RuntimeError(next((line for line in reversed(messages) if "Error" in line), messages[-1])[:160])
    return json.loads(out.decode().strip().splitlines()[-1])["cpu_s"], peak


_PEOPLE, _FILM = "one_by_one_people.mp4", "tears_of_steel_clip.webm"
_X264 = ["-c:v", "libx264", "-preset", "veryfast"]
_QUICK = ["-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"]
_SHORT: dict[str, tuple[str, str, list[str]]] = {
    "20 s 480p h264": (
        _PEOPLE,
        "mp4",
        ["-t", "20", "-vf", "scale=854:480", *_X264, "-bf", "3", "-b-pyramid", "normal"],
    ),
    "20 s 480p hevc": (_PEOPLE, "mkv", ["-t", "20", "-vf", "scale=854:480", "-c:v", "libx265", "-preset", "superfast"]),
    "20 s 480p vp8": (_PEOPLE, "webm", ["-t", "20", "-vf", "scale=854:480", "-c:v", "libvpx", *_QUICK]),
    "20 s 480p vp9": (_PEOPLE, "webm", ["-t", "20", "-vf", "scale=854:480", "-c:v", "libvpx-vp9", *_QUICK]),
    "20 s 480p av1": (_PEOPLE, "mkv", ["-t", "20", "-vf", "scale=854:480", "-c:v", "libsvtav1", "-preset", "10"]),
    "20 s 1080p h264, open GOP": (
        _FILM,
        "mp4",
        ["-t", "20", "-vf", "scale=1920:800", *_X264, "-bf", "3", "-x264-params", "open-gop=1:b-pyramid=normal"],
    ),
    "20 s 1080p phone, variable rate, turned": (
        _PEOPLE,
        "mp4",
        ["-t", "20", "-vf", "scale=1920:1080,select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr", *_X264],
    ),
    "5 s 2160p hevc, 10 bit": (
        _FILM,
        "mkv",
        ["-t", "5", "-vf", "scale=3840:1600", "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast"],
    ),
    "5 s 1080p prores": (_FILM, "mov", ["-t", "5", "-vf", "scale=1920:800", "-c:v", "prores_ks", "-profile:v", "2"]),
}
"""Name in the table -> source clip, container, and options."""


def short(media: Path, work: Path, only: str) -> dict[str, Path]:
    """Return the files of `_SHORT` whose name contains `only`, creating missing ones."""
    work.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, (clip, suffix, how) in _SHORT.items():
        if only not in name:
            continue
        found[name] = made = work / f"{name.replace(' ', '_').replace(',', '')}.{suffix}"
        if not made.exists():
            turned = ["-display_rotation", "90"] if "turned" in name else []
            flat = made.with_name(f"flat-{made.name}") if turned else made
            _ffmpeg("-ss", "5", "-i", str(media / clip), "-an", *how, str(flat))
            if turned:
                _ffmpeg(*turned, "-i", str(flat), "-c", "copy", str(made))
    return found


def videos(media: Path, work: Path, two_hours: bool) -> dict[str, Path]:
    """Return the files by their name in the table, creating missing ones."""
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
    # repeat the clips: together they may be shorter
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
    parser.add_argument("--tasks", default="1 fps,32,shots,refs", help="refs: shots, from reference frames")
    parser.add_argument("--only", default="", help="part of a video's name in the table")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="short videos of more formats instead of long ones")
    parser.add_argument("--two-hours", action="store_true")
    options = parser.parse_args()
    if options.short:
        files = short(options.media, options.work, options.only)
    else:
        files = {n: f for n, f in videos(options.media, options.work, options.two_hours).items() if options.only in n}
    warm = options.work / "warm.mp4"
    if not warm.exists():
        _ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:d=1", "-pix_fmt", "yuv420p", str(warm))
    wanted = [("all", "ffmpeg"), *pairs(options.tools.split(","), options.tasks.split(","))]
    print(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, {platform.python_version()}")
    for name, file in files.items():
        found: dict[tuple[str, str], tuple[float, float]] = {}
        fails: dict[tuple[str, str], str] = {}
        for _ in range(options.rounds):
            for key in wanted:
                if key in fails:
                    continue
                task, tool = key
                try:
                    cpu_s, peak_mb = run(tool, task, file, warm)
                except RuntimeError as error:
                    fails[key] = str(error)
                    continue
                best_s, most_mb = found.get(key, (cpu_s, peak_mb))
                found[key] = min(cpu_s, best_s), max(peak_mb, most_mb)
        full_s = found["all", "ffmpeg"][0]
        print(f"\n{name}: ffmpeg decodes all of it in {full_s:.2f} CPU s", flush=True)
        for (task, tool), (cpu_s, peak_mb) in sorted(found.items(), key=lambda f: (f[0][0], f[1][0])):
            print(
                f"  {task:6} {tool:11} {cpu_s:7.2f} CPU s  {cpu_s / full_s:5.2f} of ffmpeg  {peak_mb:6.0f} MB",
                flush=True,
            )
        for (task, tool), why in fails.items():
            print(f"  {task:6} {tool:11} fails: {why}", flush=True)


if __name__ == "__main__":
    main()

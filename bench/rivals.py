"""One decoder with one task, in a separate process that `bench.decode` starts:

    python -m bench.rivals TOOL TASK FILE WARM

Every tool returns RGB frames of short side 336 to Python as arrays, which are dropped. It prints their number
and the CPU seconds, including child processes. WARM, a tiny video, is decoded before, so that the loading time of a
tool is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil

SIDE_PX = 336
COUNT = 32


def ours(task: str, file: str) -> int:
    import cv2

    cv2.setNumThreads(1)  # as in the decoding process
    from operators.video.backends import open_decoder
    from operators.video.facts import probe
    from operators.video.images import to_rgb
    from operators.video.protocol import Watch
    from operators.video.size import Size
    from operators.video.source import Source
    from operators.video.thumbnails import Thumbnails

    facts = probe(file)
    length_s = facts["duration_s"]
    times_s = [float(k) for k in range(int(length_s) + 1) if k < length_s]
    if task == "32":
        times_s = [(k + 0.5) * length_s / COUNT for k in range(COUNT)]
    with Source(file) as source:
        decoder = open_decoder("pyav", source, first_pts_s=facts["first_pts_s"])
        thumbnails = Thumbnails(8.0, decoder.aspect)
        sparse = thumbnails if task == "refs" else None
        watch = Watch(start_s=0.0, end_s=length_s, see=thumbnails.see, sparse=sparse)
        step_s = 1.0 if task != "32" else 0.0
        return sum(
            1
            for sample in decoder.sample(times_s, step_s=step_s, watch=watch if task in ("shots", "refs") else None)
            if to_rgb(sample.frame, aspect=decoder.aspect, size=Size(short_side_px=SIDE_PX)).size
        )


def _size(width: int, height: int) -> tuple[int, int]:
    scale = SIDE_PX / min(width, height)
    return round(width * scale), round(height * scale)


def decord(task: str, file: str) -> int:
    import decord as library

    height, width = library.VideoReader(file, num_threads=1)[0].shape[:2]
    small = _size(width, height)
    reader = library.VideoReader(file, num_threads=1, width=small[0], height=small[1])
    fps = reader.get_avg_fps()
    indices = [round(k * fps) for k in range(int(len(reader) / fps) + 1) if round(k * fps) < len(reader)]
    if task == "32":
        indices = [int((k + 0.5) * len(reader) / COUNT) for k in range(COUNT)]
    return sum(len(reader.get_batch(indices[k : k + 64]).asnumpy()) for k in range(0, len(indices), 64))


def torchcodec(task: str, file: str) -> int:
    import torch
    from torchcodec.decoders import VideoDecoder

    torch.set_num_threads(1)
    decoder = VideoDecoder(file, num_ffmpeg_threads=1, seek_mode="exact")
    begin_s, end_s = decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds
    times_s = [begin_s + k for k in range(int(end_s - begin_s) + 1) if begin_s + k < end_s]
    if task == "32":
        times_s = [begin_s + (k + 0.5) * (end_s - begin_s) / COUNT for k in range(COUNT)]
    found = 0
    for k in range(0, len(times_s), 16):
        batch = decoder.get_frames_played_at(times_s[k : k + 16]).data
        width, height = _size(batch.shape[3], batch.shape[2])
        small = torch.nn.functional.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
        found += len(small.permute(0, 2, 3, 1).contiguous().numpy())
    return found


def opencv(task: str, file: str) -> int:
    import cv2

    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    wanted = {int((k + 0.5) * count / COUNT) for k in range(COUNT)} if task == "32" else None
    index, due, found = 0, 0.0, 0
    while capture.grab():
        if index in wanted if wanted is not None else index >= due:
            due += fps
            _, frame = capture.retrieve()
            small = cv2.resize(frame, _size(frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_AREA)
            found += bool(cv2.cvtColor(small, cv2.COLOR_BGR2RGB).size)
        index += 1
    return found


def daft(task: str, file: str) -> int:
    import daft as library  # type: ignore[import-not-found]

    assert task == "1 fps", "it cannot be asked for a number of frames"
    width, height = _frame_size(file)
    frames = library.read_video_frames(file, image_height=height, image_width=width, sample_interval_seconds=1.0)
    return sum(1 for row in frames.select("data").iter_rows() if row["data"] is not None)


def ray(task: str, file: str) -> int:
    import ray as library

    assert task == "1 fps", "it cannot be asked for a number of frames"
    width, height = _frame_size(file)
    if not library.is_initialized():
        library.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=10**9)
    frames = library.data.read_videos(file, fps=1, resize=(height, width))
    return sum(len(batch["frame"]) for batch in frames.iter_batches(batch_size=16))


def ffmpeg(_: str, file: str) -> int:
    """Decode everything, convert nothing: the reference for all others."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [
        get_ffmpeg_exe(),
        "-nostdin",
        "-v",
        "error",
        "-threads",
        "1",
        "-i",
        file,
        "-map",
        "0:v:0",
        "-f",
        "null",
        "-",
    ]
    subprocess.run(command, check=True)
    return 0


def _frame_size(file: str) -> tuple[int, int]:
    import av

    with av.open(file) as container:
        stream = container.streams.video[0]
        return _size(stream.width, stream.height)


TOOLS: dict[str, Callable[[str, str], int]] = {
    "ours": ours,
    "decord": decord,
    "torchcodec": torchcodec,
    "opencv": opencv,
    "daft": daft,
    "ray": ray,
    "ffmpeg": ffmpeg,
}


def can(tool: str, task: str) -> bool:
    """Return whether a tool supports a task; ffmpeg is the reference."""
    asked = {"1 fps": True, "32": tool not in ("daft", "ray"), "shots": tool == "ours", "refs": tool == "ours"}
    return tool != "ffmpeg" and asked[task]


def pairs(tools: list[str], tasks: list[str]) -> Iterator[tuple[str, str]]:
    for task in tasks:
        for tool in tools:
            if can(tool, task):
                yield task, tool


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of its living and ended children."""
    me = psutil.Process()
    found = 0.0
    for one in [me, *me.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        found += times.user + times.system + times.children_user + times.children_system
    return found


def main(arguments: list[str]) -> None:
    tool, task, file, warm = arguments
    TOOLS[tool](task, warm)
    before = _cpu_s()
    frames = TOOLS[tool](task, file)
    if tool != "ffmpeg" and not frames:
        sys.exit("no frame came, and no error")
    print(json.dumps({"frames": frames, "cpu_s": _cpu_s() - before}))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Real clips: every frame and every pts against a full sequential decode, asked for at random and out of order."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.facts import probe
from operators.video.source import Source
from tests.support.video import expected_frames


def _checksum(frame: Any) -> int:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8)[: plane.line_size * plane.height].reshape(plane.height, plane.line_size)
    samples = 2 if "10le" in frame.format.name else 1  # what fills a row up is not part of the frame
    return zlib.crc32(np.ascontiguousarray(rows[:, : plane.width * samples]))


def _clips() -> list[str]:
    manifest = Path(__file__).parents[4] / "shared" / "media" / "manifest.json"
    if not manifest.is_file():
        return ["no clips"]
    return [clip["file"] for clip in json.loads(manifest.read_text())["clips"]]


@pytest.mark.parametrize("name", _clips())
def test_every_frame_is_the_one_of_a_full_decode(media: Path, name: str) -> None:
    path = media / name
    try:
        facts = probe(str(path))
    except ItemError as error:
        assert error.failure_class == "undecodable"
        return
    frames, base, interval, faults = _decode_all(path)
    draw = random.Random(name)
    for step_s, count in ((1.0, None), (0.37, 12), (1e-3, 12)):
        last_s = facts["duration_s"]
        times_s = [k * step_s for k in range(int(last_s / step_s) + 1)] if count is None else []
        times_s += [draw.uniform(0, last_s) for _ in range(count or 0)]
        draw.shuffle(times_s)
        expected = expected_frames(frames, base, interval, facts["first_pts_s"], times_s, step_s, faults)
        with Source(str(path)) as source:
            decoder = open_decoder("pyav", source, first_pts_s=facts["first_pts_s"])
            found = {t: (pts_s, _checksum(frame)) for t, pts_s, _, frame in decoder.sample(times_s, step_s=step_s)}
        if faults:  # what a decoder makes of damage depends on what it has seen: the time is right, the frame a guess
            found, expected = ({t: (pts_s, 0) for t, (pts_s, _) in x.items()} for x in (found, expected))
        wrong = {t: (found.get(t), expected.get(t)) for t in times_s if found.get(t) != expected.get(t)}
        assert not wrong, (step_s, wrong)


def _decode_all(path: Path) -> tuple[list[tuple[int, int, int]], Any, int, list[int]]:
    """Every frame in order, decoded packet by packet from the beginning: pts, checksum, duration in ticks.

    A frame that is handed out after a later one (a container whose pts are in order of decoding) is never shown.
    """
    import av

    found: list[tuple[int, int, int]] = []
    faults: list[int] = []
    with av.open(str(path), metadata_errors="replace") as container:
        stream: Any = container.streams.best("video")
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                faults.append(packet.pts)
                continue
            if packet.is_corrupt:
                faults.append(packet.pts)
            for frame in frames:
                if frame.pts is not None and (not found or frame.pts > found[-1][0]):
                    found.append((frame.pts, _checksum(frame), frame.duration or 0))
        rate = stream.average_rate or stream.guessed_rate
        interval = max(1, round(1 / rate / stream.time_base))
        return found, stream.time_base, interval, faults

"""Measure what `caption.frame_similarity` saves and loses, on stories with a known script, without a model.

    python -m bench.similarity [--seconds 600] [--stories 2] [--fps 1]

For each threshold: the share of frames with their own caption, and the events (a shape enters, grows,
meets another one, …) during which a frame is sampled but none is captioned, by kind. Windows show all frames,
so these events are missing only in frame captions.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from operators.video.duplicates import jpeg_thumbnail, structural_similarity
from operators.video.isolation import DecodeChild
from operators.video.moments import frames_at
from operators.video.size import Size
from pipeline.evaluation.exam.frames import write_video
from pipeline.evaluation.exam.story import write_story

_THRESHOLDS = (0.99, 0.98, 0.95, 0.9)
_FIRST_SEED = 12_000_000


def captioned(jpegs: Sequence[bytes], similarity: float) -> list[int]:
    """Return the indices of the frames that differ from the last captioned one, as in captioning."""
    small = [jpeg_thumbnail(jpeg) for jpeg in jpegs]
    kept = [0]
    for k in range(1, len(small)):
        if structural_similarity(small[kept[-1]], small[k]) < similarity:
            kept.append(k)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="length of a story")
    parser.add_argument("--stories", type=int, default=2)
    parser.add_argument("--fps", type=float, default=1.0, help="frames per second, as decode.fps")
    asked = parser.parse_args()
    frames, events = 0, 0
    kept: Counter[float] = Counter()
    lost: dict[float, Counter[str]] = {s: Counter() for s in _THRESHOLDS}
    for number in range(asked.stories):
        story = write_story(asked.seconds, _FIRST_SEED + number)
        times = [k / asked.fps for k in range(int(story.seconds * asked.fps))]
        with tempfile.TemporaryDirectory() as folder, DecodeChild() as child:
            path = Path(folder) / "story.mp4"
            write_video(story, path)
            row = {"uri": str(path), "first_pts_s": 0.0}
            jpegs = [p["jpeg"] for p in frames_at(child, row, times, Size(short_side_px=192))]
        frames += len(jpegs)
        seen = [e for e in story.events if any(e.start_s <= t <= e.end_s for t in times)]
        events += len(seen)
        for similarity in _THRESHOLDS:
            own = [times[k] for k in captioned(jpegs, similarity)]
            kept[similarity] += len(own)
            lost[similarity].update(e.kind for e in seen if not any(e.start_s <= t <= e.end_s for t in own))
    print(f"{frames} frames, {events} events with a frame\n")
    print("| `frame_similarity` | frames captioned | events without a captioned frame | kinds |\n|---|---|---|---|")
    for similarity in _THRESHOLDS:
        missing = lost[similarity]
        kinds = ", ".join(f"{kind} {count}" for kind, count in missing.most_common())
        share = f"{kept[similarity] / frames:.1%}"
        print(f"| {similarity:g} | {share} | {missing.total()} ({missing.total() / events:.1%}) | {kinds} |")


if __name__ == "__main__":
    main()

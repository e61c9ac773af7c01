from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operators.video.facts import probe
from operators.video.keyframes import keyframe_times, snap
from operators.video.source import Source
from tests.support.video import render


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("clip.mp4", {}),
        ("late.mkv", {"first_pts_s": 5.0}),
        ("clip.ts", {}),
        ("clip.webm", {"codec": "libvpx"}),
        ("clip.avi", {"codec": "mpeg4"}),
    ],
)
def test_keyframes_of_a_stretch(name: str, how: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / name
    render(path, count=60, fps=10.0, gop=12, **how)
    first_pts_s = probe(str(path))["first_pts_s"]
    with Source(str(path)) as source:
        found = keyframe_times(source, first_pts_s=first_pts_s, start_s=0.0, end_s=6.0)
        part = keyframe_times(source, first_pts_s=first_pts_s, start_s=2.0, end_s=4.0)
    # some encoders close with one more keyframe
    assert [t for t in found if t < 5.5] == pytest.approx([0.0, 1.2, 2.4, 3.6, 4.8], abs=1e-3)
    assert part == pytest.approx([2.4, 3.6], abs=1e-3)


def test_a_time_moves_to_the_nearest_keyframe_within_the_tolerance() -> None:
    snapped = snap([0.0, 1.0, 2.0, 3.05, 9.0], [0.0, 1.2, 2.4, 3.6], 0.4)
    assert snapped == {0.0: 0.0, 1.0: 1.2, 2.0: 2.4, 3.05: 3.05, 9.0: 9.0}
    assert snap([1.0], [], 0.4) == {1.0: 1.0}

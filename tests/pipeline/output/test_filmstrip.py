"""Frames at times: the right ones, on the clock of players, and never those of another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.core.base import ItemError
from operators.video.facts import probe
from operators.video.version import file_of_status, version_of
from pipeline.output.filmstrip import Filmstrip, Still, spread
from tests.support.video import SIZE, read_jpeg, render


def row(path: Path) -> dict[str, object]:
    return {"uri": str(path), **probe(str(path)), "source_version": version_of(file_of_status(path.stat()))}


def test_frames_are_those_on_screen_also_with_a_late_first_frame_and_rotation(tmp_path: Path) -> None:
    render(tmp_path / "a.mp4", count=60, fps=10.0)
    render(tmp_path / "late.mp4", count=60, fps=10.0, first_pts_s=1.5, turn_deg=90)
    with Filmstrip(short_side_px=64, quality=90) as strip:
        for name in ("a.mp4", "late.mp4"):
            found = strip.at(row(tmp_path / name), [4.05, 0.0, 2.5])
            assert [read_jpeg(s.jpeg) for s in found] == [0, 25, 40]
            assert [s.requested_s for s in found] == [0.0, 2.5, 4.05]
            assert [s.time_s for s in found] == pytest.approx([0.0, 2.5, 4.0], abs=1e-3)
            assert [(s.width_px, s.height_px) for s in found] == [SIZE] * 3
        assert found[0].pts_s == pytest.approx(1.5, abs=1e-3)


def test_times_outside_the_video_get_its_first_and_last_frame(tmp_path: Path) -> None:
    render(tmp_path / "a.mp4", count=20, fps=10.0)
    with Filmstrip() as strip:
        found = strip.at(row(tmp_path / "a.mp4"), [-1.0, 99.0])
    assert [read_jpeg(s.jpeg) for s in found] == [0, 19]


def test_a_file_that_changed_since_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    render(path, count=20)
    video = row(path)
    render(path, count=40)
    with Filmstrip() as strip, pytest.raises(ItemError) as error:
        strip.at(video, [0.0])
    assert error.value.failure_class == "changed"


def test_a_video_that_was_never_probed_has_no_frames() -> None:
    with Filmstrip() as strip, pytest.raises(ItemError, match="could not be probed"):
        strip.at({"uri": "/v.mp4", "first_pts_s": None, "duration_s": None}, [0.0])


def test_a_still_can_stand_inside_a_page() -> None:
    still = Still(requested_s=0.0, time_s=0.0, pts_s=0.0, jpeg=b"\xff\xd8\xff", width_px=1, height_px=1)
    assert still.data_uri == "data:image/jpeg;base64,/9j/"


def test_times_are_spread_over_the_whole() -> None:
    assert spread(10.0, 4) == [1.25, 3.75, 6.25, 8.75]

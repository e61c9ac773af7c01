"""Previews: streams that fit are remuxed, others are encoded; one at a time, kept, and ended when nobody wants them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.core.base import Row
from operators.video.facts import probe
from pipeline.viewer.cache import Cache
from pipeline.viewer.previews import Job, Previews
from tests.support import scenes, viewed


@pytest.fixture
def previews(tmp_path: Path) -> Iterator[Previews]:
    found = Previews(Cache(tmp_path / "cache"))
    yield found
    found.close()


def wait(previews: Previews, video: Row) -> Job:
    for _ in range(1200):
        job = previews.state(video)
        if job.state not in ("waiting", "working"):
            return job
        time.sleep(0.05)
    raise AssertionError("the preview does not end")


@pytest.mark.parametrize(("name", "codec"), [("stream.ts", "h264"), ("old.avi", "h264"), ("turned.mp4", "h264")])
def test_a_preview_is_what_browsers_play(previews: Previews, viewed_clips: Path, name: str, codec: str) -> None:
    video = viewed.video_row(name, viewed_clips / name)
    assert previews.state(video) == Job()
    assert previews.start(video).state in ("waiting", "working")
    job = wait(previews, video)
    assert job.state == "done", job.message
    made = probe(str(previews.path(video)))
    assert (made["container"], made["codec"], made["rotation_deg"]) == ("mp4", codec, 0)
    assert made["duration_s"] == pytest.approx(30.0, abs=0.15)
    assert (made["width_px"], made["height_px"]) == (video["width_px"], video["height_px"])
    assert made["first_pts_s"] == job.first_pts_s
    again = Previews(Cache(previews.path(video).parent))
    assert again.state(video).state == "done", "it is kept"


def test_of_two_one_waits_and_both_can_be_cancelled(previews: Previews, tmp_path: Path) -> None:
    videos = []
    for name in ("a", "b"):  # large enough that encoding takes a while
        path = tmp_path / f"{name}.mp4"
        shots = [scenes.Scene(seconds=20.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.15)]
        scenes.render(path, shots, fps=24)
        videos.append(viewed.video_row(name, path, codec="mpeg4"))
    first, second = videos
    previews.start(first)
    previews.start(second)
    for _ in range(200):
        if previews.state(first).state == "working":
            break
        time.sleep(0.01)
    assert previews.state(second).state == "waiting"
    assert previews.cancel(second).state == "cancelled"
    assert previews.cancel(first).state == "cancelled"
    time.sleep(0.3)
    assert not previews.path(first).exists() and not list(previews.path(first).parent.glob("*.part*"))
    assert wait(previews, first).state == "cancelled"


def test_what_cannot_be_encoded_says_why(previews: Previews, tmp_path: Path, viewed_clips: Path) -> None:
    path = tmp_path / "text.avi"
    path.write_text("this is no video")
    video = {**viewed.video_row("old", viewed_clips / "old.avi"), "uri": str(path), "source_version": None}
    previews.start(video)
    job = wait(previews, video)
    assert job.state == "failed" and "Invalid data" in job.message


def test_a_bug_in_one_preview_does_not_hold_up_the_next(
    previews: Previews, viewed_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = viewed.video_row("old", viewed_clips / "old.avi")

    def bug(*_: object) -> Path:
        raise KeyError("codec")

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.viewer.previews._local_copy", bug)
        previews.start(video)
        job = wait(previews, video)
    assert (job.state, job.message) == ("failed", "internal error: KeyError: 'codec'")
    previews.start(video)
    assert wait(previews, video).state == "done"

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.evaluation.exam.events import COLOURS
from pipeline.evaluation.exam.frames import on_screen, render, write_video
from pipeline.evaluation.exam.story import Story, write_story


def enters(story: Story) -> tuple[float, float, str]:
    """When the first shape begins to come in, when it stands, and its colour."""
    first = story.events[0]
    assert first.kind == "enter" and first.who
    return first.start_s, first.end_s, first.who.split()[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_shape_comes_in_and_stands_in_its_colour(seed: int) -> None:
    story = write_story(30, seed)
    start_s, end_s, colour = enters(story)
    actor = story.scenes[0].actors[0]
    before, behind = render(story, start_s - 0.1, 192), render(story, end_s, 192)
    x, y, _ = on_screen(actor, story.scenes[0], end_s)
    glow = 0.8 + 0.2 * story.light[0][1]
    there = behind[int(y * 192), int(x * 192)]
    assert np.abs(there - np.array(COLOURS[colour]) * glow).max() < 4
    assert np.abs(before[int(y * 192), int(x * 192)].astype(int) - there).max() > 30


def test_words_stand_only_as_long_as_the_script_says() -> None:
    story = next(s for s in (write_story(120, k) for k in range(9)) if s.words)
    a, b, _ = story.words[0]
    white = [(render(story, t, 96)[80:].min(2) > 240).sum() for t in (a - 0.2, (a + b) / 2, b + 0.2)]
    assert white[1] > 40 > 10 * max(white[0], white[2])


def test_night_is_dark_and_a_fade_goes_through_black() -> None:
    story = next(
        s for s in (write_story(600, k) for k in range(9)) if s.fades and any(e.kind == "night" for e in s.events)
    )
    night = next(e for e in story.events if e.kind == "night")
    assert render(story, night.end_s, 96).mean() < 0.8 * render(story, night.start_s, 96).mean()
    start_s, end_s = story.fades[0]
    assert render(story, (start_s + end_s) / 2 + 0.01, 96).mean() < 5


def test_the_video_has_its_length_and_equal_stories_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_video(write_story(12, 1), tmp_path / f"{name}.mp4", side_px=96)
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 12 * 8
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()

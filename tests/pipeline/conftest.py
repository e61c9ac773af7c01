"""Small real videos of every kind that a run must cope with, rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipeline as longcap
from tests.support import scenes, video


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five sources with frames and three without."""
    folder = tmp_path_factory.mktemp("clips")
    shots = [
        scenes.Scene(seconds=13.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.15),
        scenes.Scene(seconds=14.0, canvas=scenes.texture("red", "brown", seed=2)),
    ]
    scenes.render(folder / "two_shots.mp4", shots, fps=24)
    video.render(folder / "late.mkv", count=120, fps=10.0, first_pts_s=5.0)
    irregular = [0.0, 0.1, 0.4, 1.0, 1.1, 2.3, 6.9, 7.0, 7.2, 9.9, 10.4, 11.0, 12.5]
    video.render(folder / "vfr.mp4", times_s=irregular)
    video.render(folder / "short.mp4", count=3, fps=10.0)
    video.render(folder / "whole.mp4", count=200, fps=10.0, options={"movflags": "+faststart"})
    video.cut_short(folder / "whole.mp4", folder / "truncated.mp4", 0.65)
    (folder / "whole.mp4").unlink()
    video.render_sound(folder / "sound.mp4")
    (folder / "text.mp4").write_text("this is no video")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "notes.txt").write_text("ignored")
    return folder


@pytest.fixture(scope="session")
def done(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> longcap.Result:
    """A run over `clips` that nobody disturbed; tests that change it work on a copy."""
    config = longcap.load_config(None, ["plan.segment_s=10", "run.max_failed=0.5", "resources.decode.actors=1"])
    return longcap.run(str(clips), str(tmp_path_factory.mktemp("out") / "captions"), config, quiet=True)

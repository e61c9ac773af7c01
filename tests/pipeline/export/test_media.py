"""Clips are cut at the frame that is on screen at a time, on the clock of the video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.export.base import Unfit
from pipeline.export.folder import Folder
from pipeline.export.media import bring, cut, facts_of, fault_of, key_of, suffix_of
from tests.support.video import read_index, render, render_sound

ROW: dict[str, Any] = {"first_pts_s": 0.0, "discontinuities": 0}


def indices(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [read_index(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize("first_pts_s", [0.0, 5.0])
@pytest.mark.parametrize(
    ("start_s", "end_s", "frames"), [(2.0, 3.5, range(20, 35)), (0.0, 1.0, range(10)), (4.05, 4.3, range(40, 43))]
)
def test_a_clip_has_the_frames_of_its_span(
    first_pts_s: float, start_s: float, end_s: float, frames: range, tmp_path: Path
) -> None:
    render(tmp_path / "a.mkv", count=60, fps=10.0, first_pts_s=first_pts_s)
    cut(
        str(tmp_path / "a.mkv"),
        (start_s, end_s),
        {**ROW, "first_pts_s": first_pts_s},
        Folder(str(tmp_path)),
        "c/clip.mp4",
    )
    assert indices(tmp_path / "c" / "clip.mp4") == list(frames)
    assert facts_of(Folder(str(tmp_path)), "c/clip.mp4", relative=True)[0] == len(frames)


def test_what_cannot_be_cut_says_why(tmp_path: Path) -> None:
    render_sound(tmp_path / "sound.mp4")
    with pytest.raises(Unfit):
        cut(str(tmp_path / "sound.mp4"), (0.0, 1.0), ROW, Folder(str(tmp_path)), "clip.mp4")
    with pytest.raises(Unfit, match="timestamps jump"):
        cut(str(tmp_path / "sound.mp4"), (0.0, 1.0), {**ROW, "discontinuities": 2}, Folder(str(tmp_path)), "clip.mp4")
    with pytest.raises(Unfit, match=r"no longer exists at .*gone\.mp4"):
        bring(str(tmp_path / "gone.mp4"), Folder(str(tmp_path)), "a.mp4", link=False)
    assert not list(tmp_path.glob("*clip*"))


def test_an_ffmpeg_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render(tmp_path / "a.mp4", count=20, fps=10.0)
    monkeypatch.setattr("pipeline.export.media.ffmpeg_command", lambda _: ["sleep", "600"])
    monkeypatch.setattr("pipeline.export.media._START_S", 0.1)
    monkeypatch.setattr("pipeline.export.media._SLOWEST", 0.1)
    with pytest.raises(Unfit, match="ffmpeg did not end within 0 s and was ended"):
        cut(str(tmp_path / "a.mp4"), (0.0, 1.0), ROW, Folder(str(tmp_path)), "clip.mp4")


def test_faults_of_media_are_found_by_opening_them(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    render(tmp_path / "a.mp4", count=3, fps=10.0)
    render_sound(tmp_path / "sound.mp4")
    (tmp_path / "text.mp4").write_text("this is no video")
    assert fault_of(folder, "a.mp4") is None and fault_of(folder, str(tmp_path / "a.mp4")) is None
    assert "there is no file b.mp4" in str(fault_of(folder, "b.mp4"))
    assert "cannot be opened" in str(fault_of(folder, "text.mp4"))
    assert fault_of(folder, "sound.mp4") is not None


def test_names_are_safe_and_differ() -> None:
    assert key_of("talk-1") == "talk-1"
    assert len({key_of(name) for name in ("a b", "a/b", "a.b", "a_b", "ä", "../x")}) == 6
    assert all(set(key_of(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") for name in ("a b", "../x", "é", ""))
    assert (
        suffix_of("/x/a.MP4") == ".mp4" and suffix_of("s3://b/a.webm") == ".webm" and suffix_of("/x/noname") == ".mp4"
    )

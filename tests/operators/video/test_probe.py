from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.core.base import ItemError
from operators.core.rows import VIDEO_FACTS
from operators.video.probe import Probe, plausible, probe
from tests.support.video import SIZE, cut_short, flip_bytes, render, render_sound


def test_the_operator_adds_exactly_the_facts(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=50, fps=25.0, gop=10, sound_s=1.0)
    row = {"uri": str(tmp_path / "clip.mp4"), "video_id": "v"}
    with Probe().open() as apply:
        found = apply(row)
    assert set(found) - set(row) == Probe.writes == {field.name for field in VIDEO_FACTS}
    assert found["duration_s"] == pytest.approx(2.0)
    assert {k: v for k, v in found.items() if k not in ("duration_s", *row)} == {
        "container": "mp4",
        "codec": "h264",
        "fps": 25.0,
        "width_px": SIZE[0],
        "height_px": SIZE[1],
        "rotation_deg": 0,
        "first_pts_s": 0.0,
        "has_audio": True,
        "keyframe_interval_s": pytest.approx(0.4),
        "discontinuities": 0,
        "parts": None,
        "incomplete": None,
    }


@pytest.mark.parametrize(
    ("name", "how", "duration_s"),
    [
        ("clip.mp4", {}, 6.0),
        ("longer_sound.mp4", {"sound_s": 9.0}, 6.0),
        ("longer_sound.webm", {"codec": "libvpx", "sound_s": 9.0}, 6.0),
        ("no_duration.webm", {"codec": "libvpx-vp9", "options": {"live": "1"}}, 6.0),
        ("late.mkv", {"first_pts_s": 5.0}, 6.0),
        ("late.mp4", {"first_pts_s": 2.0}, 6.0),
        ("stream.ts", {"b_frames": 3}, 6.0),
        ("mpeg4.avi", {"codec": "mpeg4"}, 6.0),
        ("pictures.gif", {"codec": "gif", "pix_fmt": "rgb8"}, 6.0),
        ("fragmented.mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}, 6.0),
        ("one.mp4", {"count": 1}, 0.1),
    ],
)
def test_duration_is_that_of_the_frames(name: str, how: dict[str, Any], duration_s: float, tmp_path: Path) -> None:
    render(tmp_path / name, **{"count": 60, **how})
    assert probe(str(tmp_path / name))["duration_s"] == pytest.approx(duration_s, abs=0.001)


def test_a_variable_rate_with_b_frames_ends_with_its_last_frame(tmp_path: Path) -> None:
    path = tmp_path / "slides.mp4"
    render(path, times_s=[0.0, 0.1, 0.2, 3.2, 3.3, 7.0, 7.1], b_frames=2)
    assert 7.1 < probe(str(path))["duration_s"] < 8.0  # the header says 3.6


def test_first_pts_of_late_starts(tmp_path: Path) -> None:
    render(tmp_path / "late.mkv", first_pts_s=5.0)
    assert probe(str(tmp_path / "late.mkv"))["first_pts_s"] == pytest.approx(5.0)


@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270])
def test_size_and_rotation_are_as_shown(turn_deg: int, tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=5, turn_deg=turn_deg)
    facts = probe(str(tmp_path / "clip.mp4"))
    assert (facts["rotation_deg"], facts["width_px"], facts["height_px"]) == (turn_deg, *SIZE)


def test_anamorphic_pixels_are_made_square(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=5, aspect=Fraction(4, 3))
    facts = probe(str(tmp_path / "clip.mp4"))
    assert (facts["width_px"], facts["height_px"]) == (256, 64)


def test_a_size_that_an_encoder_rounded_is_not_stretched(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=5, aspect=Fraction(399, 400))
    assert probe(str(tmp_path / "clip.mp4"))["width_px"] == SIZE[0]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm"])
def test_a_file_cut_short_keeps_the_length_of_its_header(name: str, tmp_path: Path) -> None:
    whole, short = tmp_path / name, tmp_path / f"short_{name}"
    options = {"movflags": "faststart"} if name.endswith("mp4") else {"cues_to_front": "1"}
    render(whole, count=60, codec="libx264" if name.endswith("mp4") else "libvpx", options=options)
    cut_short(whole, short, 0.7)
    assert probe(str(short))["duration_s"] == pytest.approx(6.0, abs=0.01)


def test_a_damaged_beginning_is_passed_over(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole.mkv", tmp_path / "bad.mkv"
    render(whole, count=40, gop=10, b_frames=0, codec="ffv1", pix_fmt="yuv420p")
    flip_bytes(whole, bad, count=30, after=0.08, before=0.3)
    facts = probe(str(bad))
    assert facts["duration_s"] == pytest.approx(4.0, abs=0.01)
    assert facts["first_pts_s"] == 0.0


def _no_frames_in_it(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    data[at:-1] = bytes(len(data) - 1 - at)
    path.write_bytes(bytes(data))


def _cover_of_a_song(path: Path) -> None:
    import av
    from av.stream import Disposition

    with av.open(str(path), "w") as container:
        sound: Any = container.add_stream("aac", rate=48_000)
        cover: Any = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(cover.encode(None))
        for k in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, k * 1024
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def _still(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(path, "PNG")


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("sound.mp4", render_sound, "has no video stream (sound only)"),
        ("song.mp4", _cover_of_a_song, "has no video stream (sound only)"),
        ("empty.mp4", lambda path: path.touch(), "is empty (0 bytes)"),
        ("text.mp4", lambda path: path.write_text("hello " * 50), "not a video that FFmpeg can read"),
        ("still.png", _still, "is a still image (png), not a video"),
    ],
)
def test_what_cannot_be_captioned_says_why(name: str, make: Callable[[Path], Any], says: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with Probe().open() as apply, pytest.raises(ItemError) as caught:
        apply({"uri": str(tmp_path / name)})
    assert caught.value.failure_class == "undecodable"
    assert says in caught.value.message
    assert caught.value.attempts == 1


def test_a_video_of_which_nothing_decodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dead.mp4"
    render(path, count=30, options={"movflags": "faststart"})
    _no_frames_in_it(path)
    with pytest.raises(ItemError, match="no frame decodes"):
        probe(str(path))


def test_facts_that_no_column_holds_are_not_known_and_those_that_a_plan_needs_are_a_failure() -> None:
    good = {"container": "mp4\ud83d", "duration_s": 2.0, "fps": math.nan, "width_px": 64, "rotation_deg": 2**31}
    got = plausible(good, "/v.mp4")
    assert got == {"container": "mp4\ufffd", "duration_s": 2.0, "fps": None, "width_px": 64, "rotation_deg": None}
    for name, value in {"duration_s": math.inf, "width_px": 2**31, "first_pts_s": math.nan}.items():
        with pytest.raises(ItemError, match=f"no usable {name}"):
            plausible({**good, name: value}, "/v.mp4")

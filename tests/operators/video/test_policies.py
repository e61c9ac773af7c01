"""Which frames `decode` takes, policy by policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.core.rows import FRAME_IMAGE
from operators.video.decode import Decode
from operators.video.facts import probe
from tests.support.scenes import Scene, texture
from tests.support.scenes import render as film
from tests.support.video import read_jpeg, render


def _decode(path: Path, start_s: float = 0.0, end_s: float | None = None, **config: Any) -> dict[str, Any]:
    facts = probe(str(path))
    end_s = facts["duration_s"] if end_s is None else end_s
    span = {"start_s": start_s, "end_s": end_s, "decode_start_s": start_s, "decode_end_s": end_s}
    with Decode(**config).open() as decode:
        found = decode({"uri": str(path), **facts, **span})
    assert pa.array([found["images"]], type=pa.list_(FRAME_IMAGE)).to_pylist() == [found["images"]]
    return found


def test_count_gives_every_window_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=300, fps=10.0)
    found = _decode(path, sampling="count", window_frames=4, window_s=10.0)
    times = [p["time_s"] for p in found["images"]]
    assert times == [2.5 * k for k in range(12)]
    for start_s in range(0, 25, 5):
        assert sum(start_s <= t < start_s + 10 for t in times) == 4
    assert found["decode"]["decoded_s"] == pytest.approx(30.0)


@pytest.mark.parametrize("signals_fps", [0.0, 8.0])
def test_keyframes_snap_within_the_tolerance_and_keep_their_true_pts(signals_fps: float, tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    render(path, count=60, fps=10.0, gop=12, first_pts_s=3.0)
    found = _decode(path, sampling="keyframes", keyframe_tolerance_s=0.4, signals_fps=signals_fps)
    assert [(p["time_s"], read_jpeg(p["jpeg"])) for p in found["images"]] == [
        (0.0, 0),
        (1.0, 12),
        (2.0, 24),
        (3.0, 30),  # the nearest keyframe is 0.6 s away
        (4.0, 36),
        (5.0, 48),
    ]
    assert [p["pts_s"] for p in found["images"]] == pytest.approx([3.0, 4.2, 5.4, 6.0, 6.6, 7.8])
    assert found["decode"]["decoded_s"] == pytest.approx(6.0)


def test_keyframes_alone_cost_next_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=600, fps=10.0, gop=10, b_frames=0)
    found = _decode(path, sampling="keyframes", signals_fps=0.0, fps=0.2)
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [50 * k for k in range(12)]
    assert found["decode"]["pictures_decoded"] <= 24


def test_shots_gives_each_shot_a_frame_and_none_from_behind_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    colours = [("red", "white"), ("blue", "green"), ("yellow", "black"), ("teal", "beige")]
    lengths = [1.5, 0.5, 1.0, 3.0]  # cuts at 1.5, 2 and 3; the second shot holds no whole second of the grid but 1.5
    scenes = [
        Scene(seconds=s, canvas=texture(*c, seed=k)) for k, (s, c) in enumerate(zip(lengths, colours, strict=True))
    ]
    film(path, scenes)
    plain = _decode(path, fps=0.4)
    assert [p["time_s"] for p in plain["images"]] == [0.0, 2.5, 5.0]
    found = _decode(path, fps=0.4, sampling="shots")["images"]
    assert [p["time_s"] for p in found] == [0.0, 1.75, 2.5, 5.0]  # the middle of the second shot
    assert found[1]["pts_s"] == pytest.approx(1.75, abs=1 / 24)
    assert [p["until_s"] for p in found] == pytest.approx([1.5, 2.0, 3.0, 7.5], abs=1e-3)  # up to its shot's end


def test_a_frame_from_behind_a_cut_gives_way_to_the_one_on_screen(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, [Scene(seconds=2, canvas=texture("red", "white")), Scene(seconds=2, canvas=texture("blue", seed=4))])
    # the grid time 1.98 lies between the last frame of the first shot (47/24 s) and the first of the second (2 s)
    fps = 1 / 1.98
    assert _decode(path, fps=fps)["images"][1]["pts_s"] == pytest.approx(2.0)
    assert _decode(path, fps=fps, sampling="shots")["images"][1]["pts_s"] == pytest.approx(47 / 24)


def test_changes_leaves_out_near_duplicates_and_keeps_their_spans(tmp_path: Path) -> None:
    path = tmp_path / "slides.mp4"
    film(
        path,
        [Scene(seconds=s, canvas=texture(c, "white", seed=k)) for k, (s, c) in enumerate([(4, "red"), (3, "blue")])],
    )
    found = _decode(path, sampling="changes")
    assert [(p["time_s"], p["until_s"]) for p in found["images"]] == [(0.0, 4.0), (4.0, 7.0)]
    assert found["decode"]["decoded_s"] == pytest.approx(7.0) and not found["decode"]["missing"]
    everything = _decode(path, sampling="changes", similarity=1.0)
    assert len(everything["images"]) > 2
    # a segment has a frame of its own although the warm-up before it shows the same
    facts = probe(str(path))
    span = {"start_s": 2.0, "end_s": 7.0, "decode_start_s": 0.0, "decode_end_s": 7.0}
    with Decode(sampling="changes").open() as decode:
        own = decode({"uri": str(path), **facts, **span})["images"]
    assert [p["time_s"] for p in own] == [0.0, 2.0, 4.0]


def test_shots_without_signals_is_refused() -> None:
    with pytest.raises(ValueError, match="shots are found in signals"):
        Decode(sampling="shots", signals_fps=0.0)


def test_frames_fit_the_models_patches(tmp_path: Path) -> None:
    import io

    from PIL import Image

    path = tmp_path / "clip.mp4"
    render(path, count=3, size=(640, 360))
    found = _decode(path, short_side_px=336, max_pixels=100_000, multiple_px=28)
    assert Image.open(io.BytesIO(found["images"][0]["jpeg"])).size == (420, 224)

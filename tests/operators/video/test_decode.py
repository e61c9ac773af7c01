from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from operators.core.base import ItemError
from operators.core.fingerprint import identity
from operators.core.rows import DECODE_FACTS, FRAME_IMAGE, MAX_ROW_BYTES, SIGNALS
from operators.video.decode import Decode
from operators.video.facts import probe
from tests.support.video import cut_short, flip_bytes, read_index, read_jpeg, render


def _row(path: Path, start_s: float = 0.0, end_s: float | None = None, **more: float) -> dict[str, Any]:
    facts = probe(str(path))
    end_s = facts["duration_s"] if end_s is None else end_s
    span = {"decode_start_s": start_s, "decode_end_s": end_s}
    return {"uri": str(path), "video_id": "v", **facts, "start_s": start_s, "end_s": end_s, **span, **more}


def _decode(path: Path, operator: Decode | None = None, **row: Any) -> dict[str, Any]:
    with (operator or Decode()).open() as apply:
        return apply(_row(path, **row))


def test_a_segment_row_gains_frames_signals_and_the_truth_about_them(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=120, fps=10.0, gop=30, b_frames=2)
    found = _decode(path, start_s=4.0, end_s=9.0, decode_start_s=2.0, decode_end_s=11.0)
    assert set(found) - set(_row(path)) == {"images", "signals", "decode", "subtitle_lines"} == Decode.writes
    assert [p["time_s"] for p in found["images"]] == [float(k) for k in range(2, 11)]
    assert [p["pts_s"] for p in found["images"]] == [float(k) for k in range(2, 11)]
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [10 * k for k in range(2, 11)]
    assert found["decode"] == {
        "backend": "pyav",
        "attempts": 1,
        "expected_s": 5.0,  # of the own span alone
        "decoded_s": 5.0,
        "missing": [],
        "damaged_packets": 0,
        "pictures_decoded": found["decode"]["pictures_decoded"],
        "bytes_fetched": 0,
    }
    for column, shape in (("images", pa.list_(FRAME_IMAGE)), ("signals", SIGNALS), ("decode", DECODE_FACTS)):
        assert pa.array([found[column]], type=shape).to_pylist() == [found[column]]


def test_signals_are_the_first_frame_at_or_after_each_grid_time(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=100, fps=25.0, gop=30, b_frames=2)
    signals = _decode(path, Decode(signals_fps=8.0), start_s=0.0, end_s=2.0)["signals"]
    expected = sorted({int(np.ceil(j / 8 * 25 - 1e-9)) for j in range(16)})
    assert signals["times_s"] == pytest.approx([k / 25 for k in expected])
    luma = np.frombuffer(signals["luma"], np.uint8).reshape(-1, signals["height_px"], signals["width_px"])
    assert luma.shape == (16, 21, 64)
    assert [read_index(image) for image in luma] == expected
    sparse = tmp_path / "slow.mp4"
    render(sparse, count=8, fps=2.0)
    times_s = _decode(sparse, Decode(signals_fps=8.0))["signals"]["times_s"]
    assert times_s == pytest.approx([k / 2 for k in range(8)])  # none twice


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ten_bit.mp4", {"pix_fmt": "yuv420p10le"}),
        ("full_range.mp4", {"pix_fmt": "yuvj420p"}),
        ("rgb.mov", {"codec": "qtrle", "pix_fmt": "rgb24"}),
        ("palette.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
        ("turned.mp4", {"turn_deg": 270}),
    ],
)
def test_signals_and_frames_of_unusual_formats(name: str, how: dict[str, Any], tmp_path: Path) -> None:
    render(tmp_path / name, count=20, **how)
    found = _decode(tmp_path / name, Decode(signals_fps=10.0, fps=5.0))
    signals = found["signals"]
    luma = np.frombuffer(signals["luma"], np.uint8).reshape(-1, signals["height_px"], signals["width_px"])
    assert [read_index(image) for image in luma] == list(range(20))
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == list(range(0, 20, 2))
    assert abs(int(luma[0, 1, 1]) - 20) <= 6 and abs(int(luma[-1, 1, 1]) - 235) <= 6  # full range, black is 0


def test_without_signals_less_is_decoded_and_the_same_frames_come(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=300, fps=30.0, gop=60, b_frames=3)
    full, cheap = _decode(path), _decode(path, Decode(signals_fps=0.0))
    assert cheap["signals"] is None
    assert cheap["images"] == full["images"]
    assert cheap["decode"]["pictures_decoded"] < full["decode"]["pictures_decoded"] / 1.5


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "clip.webm"
    render(path, codec="libvpx", count=60)
    assert _decode(path) == _decode(path)


def test_frames_have_the_short_side_asked_for_and_are_never_enlarged(tmp_path: Path) -> None:
    import io

    from PIL import Image

    def size(short_side_px: int, **how: Any) -> tuple[int, int]:
        render(tmp_path / "clip.mp4", count=3, **how)
        found = _decode(tmp_path / "clip.mp4", Decode(short_side_px=short_side_px))
        return Image.open(io.BytesIO(found["images"][0]["jpeg"])).size

    assert size(32) == (96, 32)
    assert size(336) == (192, 64)
    assert size(32, turn_deg=90, size=(48, 192)) == (32, 128)


def test_a_video_shorter_than_a_step_has_its_one_frame(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=3, fps=10.0)
    found = _decode(tmp_path / "clip.mp4")
    assert [(p["time_s"], read_jpeg(p["jpeg"])) for p in found["images"]] == [(0.0, 0)]
    assert found["decode"]["decoded_s"] == pytest.approx(0.3)


def test_a_span_off_the_grid_counts_whole(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=100, fps=10.0)
    found = _decode(tmp_path / "clip.mp4", Decode(fps=0.4), start_s=4.0, end_s=9.0)
    assert [p["time_s"] for p in found["images"]] == [5.0, 7.5]
    assert found["decode"]["decoded_s"] == pytest.approx(5.0)


def test_a_file_cut_short_says_how_much_is_missing(tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.mp4", tmp_path / "short.mp4"
    render(whole, count=100, gop=10, options={"movflags": "faststart"})
    cut_short(whole, short, 0.75)
    found = _decode(short, Decode(fps=10.0))["decode"]
    there_s = len(decode_all_there(short)) / 10
    assert found["decoded_s"] == pytest.approx(there_s)
    assert [(m["start_s"], pytest.approx(m["end_s"])) for m in found["missing"]] == [(pytest.approx(there_s), 10.0)]
    at_1_fps = _decode(short)["decode"]  # its last second counts only as far as it decodes
    assert there_s % 1 > 0.05 and at_1_fps["decoded_s"] == pytest.approx(there_s)
    assert at_1_fps["missing"][0]["start_s"] == pytest.approx(there_s)
    with pytest.raises(ItemError, match=r"no frame of 8\.000 s to 10\.000 s decodes") as caught:
        _decode(short, start_s=8.0, end_s=10.0, decode_start_s=3.0)
    assert caught.value.failure_class == "undecodable"


def decode_all_there(path: Path) -> list[Any]:
    """The images of a damaged file, packet by packet."""
    import av

    found: list[Any] = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            try:
                found += packet.decode()
            except av.FFmpegError:
                continue
    return found


def test_damage_is_counted_once_over_all_segments(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole.mkv", tmp_path / "bad.mkv"
    render(whole, count=100, gop=25, codec="ffv1")
    flip_bytes(whole, bad, count=40, after=0.3, before=0.6)
    parts = [_decode(bad, start_s=5.0 * k, end_s=5.0 * (k + 1), decode_start_s=0.0)["decode"] for k in range(2)]
    whole_file = _decode(bad)["decode"]
    assert sum(part["damaged_packets"] for part in parts) == whole_file["damaged_packets"] > 0


def test_a_row_stays_under_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=60, fps=10.0)
    usual = _decode(path, Decode(fps=10.0, signals_fps=0.0))["images"]
    taken = sum(len(p["jpeg"]) for p in usual)
    assert taken < MAX_ROW_BYTES
    monkeypatch.setattr("operators.video.decode._ROOM_BYTES", taken - 1)
    tighter = _decode(path, Decode(fps=10.0, signals_fps=0.0))["images"]
    assert sum(len(p["jpeg"]) for p in tighter) < taken
    assert [read_jpeg(p["jpeg"]) for p in tighter] == list(range(60))
    monkeypatch.setattr("operators.video.decode._ROOM_BYTES", 1000)
    with pytest.raises(ItemError, match="lower fps, short_side_px or segment_s"):
        _decode(path, Decode(fps=10.0, signals_fps=0.0))


def test_what_is_gone_is_unreadable(tmp_path: Path) -> None:
    render(tmp_path / "clip.mp4", count=10)
    row = _row(tmp_path / "clip.mp4")
    (tmp_path / "clip.mp4").unlink()
    with Decode().open() as apply, pytest.raises(ItemError, match="does not exist") as caught:
        apply(row)
    assert (caught.value.failure_class, caught.value.attempts) == ("unreadable", 1)


def test_limits_are_no_part_of_the_fingerprint() -> None:
    assert identity(Decode()) == {
        "backend": "pyav",
        "fps": 1.0,
        "sampling": "fps",
        "window_pictures": 8,  # keys keep the earlier name
        "window_s": 10.0,
        "keyframe_tolerance_s": 0.5,
        "similarity": 0.95,
        "short_side_px": 336,
        "max_pixels": None,
        "multiple_px": 1,
        "signals_fps": 8.0,
        "shots": "thumbnails",
        "shots_weights": None,
        "shots_threshold": 0.5,
        "jpeg_quality": 90,
    }
    assert identity(Decode(cpu_limit_s=1.0)) == identity(Decode())


def test_a_hanging_decoder_moves_down_the_chain_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=20)
    operator = Decode(no_progress_s=8.0)
    tries = operator._tries(_row(path))
    assert [backend for backend, _, _ in tries] == ["pyav", "pyav", "pyav-sequential", "ffmpeg"]
    hang = ("pyav", "tests.operators.video.jobs:hang", {})
    monkeypatch.setattr(Decode, "_tries", lambda self, row: [hang, hang, tries[2]])
    found = _decode(path, operator)
    assert (found["decode"]["backend"], found["decode"]["attempts"]) == ("pyav-sequential", 3)
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [0, 10]

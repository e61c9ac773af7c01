"""Files that claim more than they hold: what is there is captioned, and the claim costs nothing."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from operators.core.base import ItemError
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.parts import load_parts
from operators.video.plausible import MAX_DURATION_S, MAX_STILL_S, believed, check_length
from tests.support.video import read_jpeg, render

_YEARS_S = 10 * 365 * 86_400.0


def _claim(path: Path, duration_ms: float, tag: bytes) -> None:
    """Let a Matroska header claim another length."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88")
    data[at + 3 : at + 11] = struct.pack(">d", duration_ms)
    for found in re.finditer(rb"00:00:0\d\.\d{9}", bytes(data)):
        data[found.start() : found.end()] = tag
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("claim_ms", [3.6e14, math.inf, -5e9, 1e300, math.nan])
def test_a_length_that_a_header_invents_is_not_planned(claim_ms: float, tmp_path: Path) -> None:
    path = tmp_path / "bomb.mkv"
    render(path, count=20, fps=10.0)
    _claim(path, claim_ms, b"99999999:00:00.000")
    facts = probe(str(path))
    assert facts["duration_s"] == pytest.approx(2.0)
    if claim_ms == 3.6e14:
        assert facts["incomplete"] == "the header claims 3.6e+11 s and the file holds 2 s"


def test_a_cut_upload_is_still_believed() -> None:
    assert believed(7200.0, 72.0) and believed(3600.0, 0.04)
    assert not believed(86_400.0, 0.04) and not believed(3.6e11, 2.0) and not believed(MAX_DURATION_S + 1, 1e6)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_ten_years_between_two_frames_are_cut_out(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"years.{suffix}"
    gap_s = _YEARS_S if suffix == "mkv" else 20_000.0
    times_s = [k / 10 for k in range(20)]
    render(path, times_s=[*times_s, *(t + gap_s for t in times_s)], gop=10, b_frames=0)
    facts = probe(str(path))
    assert facts["duration_s"] == pytest.approx(4.0, abs=0.11)
    assert (facts["discontinuities"], facts["incomplete"]) == (1, None)
    assert len(load_parts(facts["parts"])) == 2
    row = {"uri": str(path), "video_id": "v", **facts, "start_s": 0.0, "end_s": facts["duration_s"]}
    row |= {"decode_start_s": 0.0, "decode_end_s": facts["duration_s"]}
    with Decode(fps=2.0).open() as apply:
        found = apply(row)
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [0, 5, 10, 15, 20, 25, 30, 35][: len(found["images"])]
    assert len(found["images"]) >= 8 and found["decode"]["missing"] == []
    times_s = found["signals"]["times_s"]
    assert times_s == sorted(times_s) and times_s[-1] == pytest.approx(3.9, abs=0.11)


def test_a_last_frame_that_stays_for_hours_is_cut(tmp_path: Path) -> None:
    import av

    path, still = tmp_path / "clip.mp4", tmp_path / "still.mp4"
    render(path, count=3, fps=1.0, b_frames=0)
    with av.open(str(path)) as source, av.open(str(still), "w") as target:
        stream: Any = source.streams.video[0]
        copy: Any = target.add_stream_from_template(stream)
        packets = [p for p in source.demux(stream) if p.size]
        packets[-1].duration = round(18_000 / stream.time_base)
        for packet in packets:
            packet.stream = copy
            target.mux(packet)
    facts = probe(str(still))
    assert facts["duration_s"] == pytest.approx(3.0, abs=0.1)
    assert facts["discontinuities"] == 1


def test_a_still_below_the_limit_stays(tmp_path: Path) -> None:
    path = tmp_path / "slides.mp4"
    render(path, times_s=[0.0, 1500.0, 1501.0], b_frames=0)
    facts = probe(str(path))
    assert facts["duration_s"] > 1501.0 and facts["parts"] is None and facts["discontinuities"] == 0
    assert MAX_STILL_S == 3600.0


def test_a_wild_frame_rate_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "fast.mkv"
    render(path, count=20, fps=10.0)
    data = path.read_bytes()
    duration = b"\x23\xe3\x83\x84" + (100_000_000).to_bytes(4, "big")  # DefaultDuration in ns
    assert duration in data
    path.write_bytes(data.replace(duration, b"\x23\xe3\x83\x84" + (1).to_bytes(4, "big")))
    facts = probe(str(path))
    assert facts["fps"] <= 1000 and facts["duration_s"] == pytest.approx(2.0, abs=0.2)


def _huge_frames(path: Path) -> None:
    """An MP4 whose header and sequence parameters claim 32,768 x 16,384."""
    render(path, count=3, codec="mpeg4", b_frames=0)
    data = path.read_bytes()
    at = data.index(b"mp4v", data.index(b"stsd")) + 28
    path.write_bytes(data[:at] + struct.pack(">HH", 65_535, 65_535) + data[at + 4 :])


def test_frames_that_no_memory_holds_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    _huge_frames(path)
    try:
        facts = probe(str(path))  # the bitstream knows better
        assert facts["height_px"] == 64
    except ItemError as error:
        assert "65535x65535" in error.message


@pytest.mark.parametrize(
    ("duration_s", "first_pts_s", "says"),
    [
        (math.nan, 0.0, "not a number above 0"),
        (math.inf, 0.0, "not a number above 0"),
        (-1.0, 0.0, "not a number above 0"),
        (MAX_DURATION_S + 1, 0.0, "at most 604800 s"),
        (10.0, 1e12, "its clock starts at"),
        (10.0, math.nan, "its clock starts at"),
    ],
)
def test_what_cannot_be_planned_says_why(duration_s: float, first_pts_s: float, says: str) -> None:
    assert says in (check_length(duration_s, first_pts_s) or "")
    assert check_length(10.0, 1.7e9) is None


def test_more_than_a_week_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "week.mp4"
    render(path, times_s=[3500.0 * k for k in range(180)], b_frames=0)
    with pytest.raises(ItemError, match="at most 604800 s"):
        probe(str(path))

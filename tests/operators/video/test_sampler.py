"""Exactness: what the sampler returns against a full decode of the same file, one frame after the other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.video.facts import probe
from operators.video.sampler import Sampler, Watch, _Pending
from operators.video.source import Source
from tests.support.video import (
    cut_short,
    decode_all,
    expected_frames,
    flip_bytes,
    read_index,
    render,
    with_pts_of_decoding,
)


def _index(frame: Any) -> int:
    return read_index(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def _sample(
    path: Path, times_s: list[float], step_s: float, *, seek: bool = True, watch: Watch | None = None
) -> tuple[dict[float, tuple[float, int]], Sampler]:
    """What comes for each time: (pts in seconds, the index that the frame carries); and the sampler."""
    with Source(str(path)) as source:
        sampler = Sampler(source, first_pts_s=probe(str(path))["first_pts_s"], seek=seek)
        found = {
            time_s: (pts_s, _index(frame))
            for time_s, pts_s, _, frame in sampler.sample(times_s, step_s=step_s, watch=watch)
        }
    return found, sampler


def _expected(path: Path, times_s: list[float], step_s: float) -> dict[float, tuple[float, int]]:
    import av

    with av.open(str(path)) as container:
        stream: Any = container.streams.best("video")
        base, interval = stream.time_base, round(1 / stream.average_rate / stream.time_base)
    frames = decode_all(path)
    return expected_frames(frames, base, interval, float(frames[0][0] * base), times_s, step_s)


FORMATS: dict[str, dict[str, Any]] = {
    "closed.mp4": {"gop": 12, "b_frames": 2},
    "open.mp4": {"gop": 12, "b_frames": 3, "open_gop": True},
    "no_b.mp4": {"gop": 25, "b_frames": 0},
    "hevc_open.mp4": {"codec": "libx265", "gop": 10, "b_frames": 3, "open_gop": True},
    "mpeg4.avi": {"codec": "mpeg4", "gop": 12, "b_frames": 2},
    "stream.ts": {"gop": 12, "b_frames": 2},
    "late.mkv": {"first_pts_s": 5.0},
    "late.mp4": {"first_pts_s": 2.0},
    "vp8.webm": {"codec": "libvpx", "gop": 15},
    "vp9_no_duration.webm": {"codec": "libvpx-vp9", "options": {"live": "1"}},
    "av1.mp4": {"codec": "libsvtav1", "gop": 10},
    "fragmented.mp4": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "turned.mp4": {"turn_deg": 90},
    "pictures.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "ten_bit.mp4": {"pix_fmt": "yuv420p10le"},
    "ntsc.mp4": {"fps": 30000 / 1001},
}
REQUESTS = [(0.0, 6.0, 0.1), (0.0, 6.0, 1.0), (1.9, 6.0, 0.5), (3.3, 4.1, 0.3), (5.5, 6.0, 0.05), (0.0, 6.0, 2.7)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_is_the_one_of_a_full_decode(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    render(path, **{"count": 60, **FORMATS[name]})
    for start_s, end_s, step_s in REQUESTS:
        times_s = [start_s + k * step_s for k in range(int((end_s - start_s) / step_s) + 1)]
        for seek in (True, False):
            found, _ = _sample(path, times_s, step_s, seek=seek)
            assert found == _expected(path, times_s, step_s), (start_s, end_s, step_s, seek)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gop=st.integers(1, 30),
    b_frames=st.integers(0, 4),
    open_gop=st.booleans(),
    fps=st.sampled_from([5.0, 10.0, 24000 / 1001, 25.0, 30.0]),
    first_pts_s=st.sampled_from([0.0, 0.04, 3.2]),
    gaps=st.lists(st.tuples(st.integers(0, 49), st.integers(1, 40)), max_size=3),
    step_s=st.sampled_from([0.1, 1 / 3, 1.0]),
    picks=st.lists(st.floats(0, 12), min_size=1, max_size=8),
    seed=st.integers(0, 9),
)
def test_any_clip_and_any_request(
    tmp_path: Path,
    gop: int,
    b_frames: int,
    open_gop: bool,
    fps: float,
    first_pts_s: float,
    gaps: list[tuple[int, int]],
    step_s: float,
    picks: list[float],
    seed: int,
) -> None:
    slots, at = [], 0
    for k in range(50):
        slots.append(at)
        at += 1 + sum(extra for where, extra in gaps if where == k)
    path = tmp_path / f"any.{'mkv' if seed % 2 else 'mp4'}"
    render(
        path,
        times_s=[slot / fps for slot in slots],
        fps=fps,
        gop=gop,
        b_frames=b_frames,
        open_gop=open_gop,
        first_pts_s=first_pts_s,
    )
    times_s = [round(pick / step_s) * step_s for pick in picks]
    found, sampler = _sample(path, times_s, step_s)
    assert found == _expected(path, times_s, step_s)
    assert sorted([*found, *sampler.missing]) == sorted(set(times_s))


def test_a_gap_of_a_variable_rate_shows_the_frame_before_it(tmp_path: Path) -> None:
    path = tmp_path / "slides.mp4"
    times = [0.0, 0.1, 0.2, 3.25, 3.3, 7.05, 7.1]
    render(path, times_s=times, b_frames=2)
    found, _ = _sample(path, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 1.0)
    assert {t: index for t, (_, index) in found.items()} == {0: 0, 1: 2, 2: 2, 3: 3, 4: 4, 5: 4, 6: 4, 7: 5}
    assert found[2.0][0] == pytest.approx(0.2)  # its true pts, not the time asked for


def test_decodes_far_less_than_everything_for_sparse_targets(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    render(path, count=600, fps=30.0, gop=60, b_frames=3)
    _, sampler = _sample(path, [2.0 * k for k in range(10)], 2.0)
    assert sampler.frames_decoded <= 60
    _, sampler = _sample(path, [float(k) + 0.5 for k in range(19)], 1.0)
    assert sampler.frames_decoded < 400  # a full decode is 600
    times_s = [2.0 * k + 0.01 for k in range(10)]
    found, sampler = _sample(path, times_s, 0.0)  # what is on screen between two frames
    assert [index for _, index in found.values()] == [60 * k for k in range(10)]
    assert sampler.frames_decoded <= 100


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "libx264"])
def test_what_lies_before_a_keyframe_is_left_out_in_matroska_too(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "close.mkv"
    render(path, count=200, fps=25.0, gop=20, codec=codec)
    times_s = [float(k) for k in range(8)]
    found, sampler = _sample(path, times_s, 1.0)
    assert [index for _, index in found.values()] == [25 * k for k in range(8)]
    assert sampler.frames_decoded < 110  # up to the last of them there are 176


def test_an_index_that_is_not_there_is_not_looked_for_in_all_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    render(path, count=300, codec="libvpx", gop=15, size=(384, 216), noise=12, options={"live": "1"})
    fsspec.filesystem("memory").pipe("/sampler/live.webm", path.read_bytes())
    with Source("memory://sampler/live.webm") as source:
        sampler = Sampler(source, first_pts_s=probe(str(path))["first_pts_s"])
        found = {sample.time_s: _index(sample.frame) for sample in sampler.sample([0.0, 1.0, 2.0], step_s=1.0)}
    assert found == {0.0: 0, 1.0: 10, 2.0: 20}
    assert 0 < source.bytes_fetched < path.stat().st_size / 2


def test_pts_in_order_of_decoding_show_what_a_full_decode_shows(tmp_path: Path) -> None:
    """As some recorders write them: frames come out in another order than their pts; late ones are never shown."""
    import av

    right, wrong = tmp_path / "right.mp4", tmp_path / "wrong.mkv"
    render(right, count=600, fps=30.0, gop=60, b_frames=3)
    with_pts_of_decoding(right, wrong)
    shown = [(-1, 0, 0)]
    for frame in decode_all(wrong):
        if frame[0] > shown[-1][0]:
            shown.append(frame)
    assert len(shown) < 400, "most are never shown"
    with av.open(str(wrong)) as container:
        base = container.streams.video[0].time_base
    for times_s, step_s in (
        ([2.0 * k + j / 30 for k in range(9) for j in range(6)], 1 / 30),
        ([2.0 * k + j / 10 for k in range(9) for j in range(3)], 0.0),
        ([k / 3 for k in range(55)], 1 / 3),
    ):
        for j in range(len(times_s)):  # each by itself, as far as a jump goes
            found, _ = _sample(wrong, [times_s[j]], step_s)
            assert found == expected_frames(shown[1:], base, 33, 0.0, [times_s[j]], step_s)


@pytest.mark.parametrize(
    ("fed", "next_dts", "sure"),
    [
        ([(0, -2), (4, -1), (2, 0), (1, 1)], 2, False),  # 2 was fed; 3, the target's frame, was not
        ([(0, -2), (4, -1), (2, 0), (1, 1), (3, 2)], 3, True),
        ([(0, -2), (4, -1), (2, 0), (1, 1), (3, 2)], None, False),
        ([(3, 3)], 4, True),  # a keyframe by itself
        ([(2, 2), (3, 3)], 4, False),  # pts in order of decoding, or no frame shown later: nobody knows
        ([(2, 1), (3, 4)], 5, False),  # shown before it is decoded: pts are not to be trusted
    ],
)
def test_what_a_decoder_holds_back_is_asked_for_only_where_it_must_be_the_target(
    fed: list[tuple[int, int]], next_dts: int | None, sure: bool
) -> None:
    reader: Any = SimpleNamespace(ticks=lambda time_s: time_s, half_tick=0.5, base=Fraction(1), interval=1)
    pending = _Pending(reader, [3.0], 1.0)
    for pts, dts in fed:
        pending.feed(SimpleNamespace(pts=pts, dts=dts, is_discard=False))
    assert pending.all_fed(SimpleNamespace(dts=next_dts)) is sure


def test_a_watch_sees_every_frame_of_its_span_in_order(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(path, count=60, fps=10.0, gop=12, b_frames=3, open_gop=True)
    seen: list[tuple[float, int]] = []
    watch = Watch(start_s=1.5, end_s=4.0, see=lambda time_s, frame: seen.append((round(time_s, 6), _index(frame))))
    found, _ = _sample(path, [2.0, 3.0], 1.0, watch=watch)
    assert seen == [(k / 10, k) for k in range(15, 40)]
    assert [index for _, index in found.values()] == [20, 30]


def test_a_file_cut_short_misses_what_is_gone(tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.mp4", tmp_path / "short.mp4"
    render(whole, count=100, gop=10, options={"movflags": "faststart"})
    cut_short(whole, short, 0.75)  # the index at the front takes a third
    times_s = [k * 0.1 for k in range(100)]
    found, sampler = _sample(short, times_s, 0.1)
    last = max(found)
    assert 3.0 < last < 7.0
    assert sampler.missing == [t for t in times_s if t > last]
    assert all(round(t * 10) == index for t, (_, index) in found.items())


def test_damage_is_counted_where_it_is_and_leaves_a_hole(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole.mkv", tmp_path / "bad.mkv"
    render(whole, count=100, gop=25, b_frames=0, codec="ffv1", pix_fmt="yuv420p")
    flip_bytes(whole, bad, count=40, after=0.3, before=0.6)
    times_s = [k * 0.1 for k in range(100)]
    found, sampler = _sample(bad, times_s, 0.1)
    assert sampler.missing
    assert set(sampler.missing) == set(times_s) - set(found)
    damaged = sampler.damaged_packets(0.0, 10.0)
    assert damaged > 0
    assert damaged == sampler.damaged_packets(0.0, 5.0) + sampler.damaged_packets(5.0, 10.0)
    assert sampler.damaged_packets(0.0, 2.0) == sampler.damaged_packets(8.0, 10.0) == 0


def test_times_are_exact_fractions_of_the_time_base(tmp_path: Path) -> None:
    path = tmp_path / "ntsc.mp4"
    render(path, count=60, fps=30000 / 1001)
    times_s = [float(Fraction(1001 * k, 30000)) for k in range(60)]
    found, _ = _sample(path, times_s, 1001 / 30000)
    assert [found[t][1] for t in times_s] == list(range(60))

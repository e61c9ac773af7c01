"""Joined files and clocks that jump: time goes on, as in a sequential decode of each part."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from operators.video.backends import open_decoder
from operators.video.clock import Marks, find_breaks, find_clock_breaks
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.keyframes import keyframe_times
from operators.video.parts import load_parts
from operators.video.ranged import RangedFile
from operators.video.segment import SegmentRequest, decode_segment
from operators.video.size import Size
from operators.video.source import Source
from tests.support.video import decode_all, read_index, read_jpeg, render

FPS = 10.0


def _ts(path: Path, **how: Any) -> None:
    render(path, **{"count": 40, "fps": FPS, "gop": 10, "b_frames": 2, **how})


def _times(data: bytes, change: Callable[[int, int], int], *, size: int = 188) -> bytes:
    """An MPEG-TS with other time stamps: `change(byte position, 33 bits)` gives the new ones, PCR included."""
    out = bytearray(data)
    for at in range(0, len(out) - size + 1, size):
        control = out[at + 3] >> 4 & 3
        payload = at + (5 + out[at + 4] if control & 2 else 4)
        if control & 2 and out[at + 4] >= 7 and out[at + 5] & 0x10:
            base = int.from_bytes(out[at + 6 : at + 10], "big") << 1 | out[at + 10] >> 7
            base = change(at, base) % 2**33
            out[at + 6 : at + 10] = (base >> 1).to_bytes(4, "big")
            out[at + 10] = (base & 1) << 7 | out[at + 10] & 0x7F
        if not (control & 1 and out[at + 1] & 0x40) or bytes(out[payload : payload + 3]) != b"\0\0\1":
            continue
        for place in [payload + 9, payload + 14][: {2: 1, 3: 2}.get(out[payload + 7] >> 6, 0)]:
            a, b, c, d, e = out[place : place + 5]
            old = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
            new = change(at, old) % 2**33
            out[place : place + 5] = bytes(
                [
                    a & 0xF1 | (new >> 29 & 0xE),
                    new >> 22 & 0xFF,
                    new >> 14 & 0xFE | 1,
                    new >> 7 & 0xFF,
                    new << 1 & 0xFE | 1,
                ]
            )
    return bytes(out)


def _starts(data: bytes, pid: int = 256) -> list[int]:
    """Positions of the packets at which a frame begins."""
    return [
        at
        for at in range(0, len(data) - 187, 188)
        if data[at + 1] & 0x40 and (data[at + 1] & 0x1F) << 8 | data[at + 2] == pid
    ]


def _read(path: Path, facts: dict[str, Any], times_s: list[float], backend: Any = "pyav") -> dict[float, int]:
    with Source(str(path)) as source:
        decoder = open_decoder(
            backend, source, first_pts_s=facts["first_pts_s"], parts=load_parts(facts["parts"]), from_s=min(times_s)
        )
        found = {}
        for sample in decoder.sample(times_s, step_s=0.0):
            assert sample.pts_s - facts["first_pts_s"] == pytest.approx(sample.time_s, abs=0.06)
            found[sample.time_s] = read_index(sample.frame.to_ndarray(format="rgb24"))
        decoder.close()
    return found


def _check(path: Path, indices: list[int], *, discontinuities: int, backends: tuple[str, ...] = ("pyav",)) -> Any:
    """The timeline holds exactly these frames, `1 / FPS` apart."""
    facts = probe(str(path))
    assert facts["duration_s"] == pytest.approx(len(indices) / FPS, abs=0.02)
    assert (facts["discontinuities"], facts["incomplete"]) == (discontinuities, None)
    times_s = [k / FPS for k in range(len(indices))]
    for backend in backends:
        assert list(_read(path, facts, times_s, backend).values()) == indices, backend
    for time_s in random.Random(1).sample(times_s, 4):  # each a seek of its own
        assert _read(path, facts, [time_s])[time_s] == indices[round(time_s * FPS)]
    return facts


def test_two_recordings(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts")
    _ts(tmp_path / "b.ts", count=30)
    path = tmp_path / "joined.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    every = [*range(40), *range(30)]
    facts = _check(path, every, discontinuities=1, backends=("pyav", "pyav-sequential", "ffmpeg"))
    row = {"uri": str(path), "video_id": "v", **facts, "start_s": 3.0, "end_s": 6.0}
    for backend in ("pyav", "decord"):
        with Decode(fps=2.0, backend=backend).open() as apply:  # type: ignore[arg-type]
            found = apply(row | {"decode_start_s": 2.0, "decode_end_s": 7.0})
        assert [read_jpeg(p["jpeg"]) for p in found["images"]] == every[20::5]
        assert found["decode"]["backend"] == "pyav"
        assert (found["decode"]["decoded_s"], found["decode"]["missing"]) == (3.0, [])
        assert found["decode"]["damaged_packets"] == 0
        seen = found["signals"]["times_s"]
        assert seen == sorted(set(seen)) and len(seen) == 5 * 8
    with Source(str(path)) as source:
        keys = keyframe_times(
            source, first_pts_s=facts["first_pts_s"], start_s=0.0, end_s=7.0, parts=load_parts(facts["parts"])
        )
    assert keys == pytest.approx([0, 1, 2, 3, 4, 5, 6])


def test_parts_of_other_sizes_and_rates(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts", count=20)
    _ts(tmp_path / "b.ts", count=20, size=(384, 128), codec="mpeg2video")
    _ts(tmp_path / "c.ts", count=20, first_pts_s=500.0)
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join((tmp_path / f"{n}.ts").read_bytes() for n in "abc"))
    _check(path, [*range(20)] * 3, discontinuities=2)


def test_a_clock_that_jumps_within_a_group_of_pictures(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts", count=60, gop=20)
    data = (tmp_path / "a.ts").read_bytes()
    cut = _starts(data)[30]
    for name, ticks in (("ahead", 36_000 * 90_000), ("back", -2 * 90_000), ("far back", -20 * 90_000)):
        path = tmp_path / f"{name}.ts"
        path.write_bytes(_times(data, lambda at, t, ticks=ticks: t + ticks * (at >= cut)))  # type: ignore[misc]
        facts = _check(path, list(range(60)), discontinuities=1)
        assert [part.lead_bytes > 0 for part in load_parts(facts["parts"])] == [False, True, False]


def test_a_clock_that_wraps_is_no_jump(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts", count=60)
    path = tmp_path / "wraps.ts"
    path.write_bytes(_times((tmp_path / "a.ts").read_bytes(), lambda _, t: t + 2**33 - 4 * 90_000))
    facts = _check(path, list(range(60)), discontinuities=0)
    assert facts["parts"] is None


def test_a_long_recording_is_cut_before_its_clock_wraps_twice() -> None:
    """libavformat corrects only the first wrap of a clock."""
    count = 60 * 3600 // 8
    dts = (np.arange(count) * 8 * 90_000 + 2**33 - 1000) % 2**33
    marks = Marks(np.arange(count) * 188, dts, np.full(count, 256), np.arange(count) % 10 == 0)
    found = find_clock_breaks(marks)
    assert [(b.at // 188, b.jump) for b in found] == [(10_800, False), (21_600, False)]


def test_a_remote_recording_is_searched_by_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.video.clock._SAMPLE_EVERY", 128 * 1024)
    monkeypatch.setattr("operators.video.clock._SAMPLE_BYTES", 16 * 1024)
    _ts(tmp_path / "a.ts", count=300, noise=25.0)
    one = (tmp_path / "a.ts").read_bytes()
    assert len(one) > 2e6
    for name, data, jumps in (
        ("plain.ts", one * 1, 0),
        ("joined.ts", one + one, 1),
        ("late.ts", one + one[: len(one) // 188 // 20 * 188], 1),
        ("ahead.ts", _times(one, lambda at, t: t + 9_000_000 * (at > 1_000_000)), 1),
    ):
        fsspec.filesystem("memory").pipe(f"/clock/{name}", data)
        facts = probe(f"memory://clock/{name}")
        (tmp_path / name).write_bytes(data)
        assert facts["discontinuities"] == jumps, name
        assert facts == probe(str(tmp_path / name)), name
    counted = RangedFile("memory://clock/joined.ts")
    breaks, incomplete = find_breaks(counted, 2 * len(one), transport=True, stream=256, sampled=True)
    assert [b.jump for b in breaks] == [True] and incomplete is None
    assert counted.bytes_fetched < 0.75 * 2 * len(one)


def test_a_jump_that_probing_did_not_find_is_damage(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts", count=60)
    data = (tmp_path / "a.ts").read_bytes()
    cut = _starts(data)[30]
    path = tmp_path / "ahead.ts"
    path.write_bytes(_times(data, lambda at, t: t + 90_000 * 20 * (at >= cut)))
    with Source(str(path)) as source:
        decoder = open_decoder("pyav", source, first_pts_s=probe(str(path))["first_pts_s"])  # without its parts
        shown = [s.time_s for s in decoder.sample([1.0, 10.0, 15.0], step_s=1.0)]
        decoder.close()
        assert shown == [1.0] and decoder.missing == [10.0, 15.0]
        assert decoder.damaged_packets(0.0, 30.0) >= 1


def test_three_recordings_of_which_one_is_damaged(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts")
    data = (tmp_path / "a.ts").read_bytes()
    dead = bytearray(data)
    for at in range(0, len(dead), 188):  # the stream is there and nothing of it decodes
        if (dead[at + 1] & 0x1F) << 8 | dead[at + 2] == 256 and not dead[at + 1] & 0x40:
            dead[at + 20 : at + 188] = bytes(168)
    path = tmp_path / "joined.ts"
    path.write_bytes(data + bytes(dead) + data)
    facts = probe(str(path))
    assert facts["discontinuities"] == 2
    assert facts["duration_s"] == pytest.approx(12.0, abs=0.2)


def test_a_part_that_begins_within_a_group_of_pictures_of_another_recording(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts")
    _ts(tmp_path / "b.ts", count=60, gop=30)
    data = (tmp_path / "b.ts").read_bytes()
    tables, rest = data[:564], data[_starts(data)[10] :]
    path = tmp_path / "joined.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + tables + rest)
    facts = probe(str(path))
    assert facts["duration_s"] == pytest.approx(9.0, abs=0.31)
    row = {"uri": str(path), "video_id": "v", **facts, "start_s": 0.0, "end_s": facts["duration_s"]}
    with Decode(fps=FPS).open() as apply:
        found = apply(row | {"decode_start_s": 0.0, "decode_end_s": facts["duration_s"]})
    shown = [read_jpeg(p["jpeg"]) for p in found["images"]]
    assert shown[:40] == list(range(40)) and shown[-30:] == list(range(30, 60))
    lost_s = sum(m["end_s"] - m["start_s"] for m in found["decode"]["missing"])
    assert lost_s == pytest.approx(2.0, abs=0.31) or found["decode"]["damaged_packets"]


CONTAINERS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "mov": {},
    "mkv": {},
    "webm": {"codec": "libvpx"},
    "avi": {"codec": "mpeg4", "b_frames": 0},
    "flv": {"b_frames": 0},
    "ts": {},
    "mpg": {"codec": "mpeg2video", "fps": 25.0},
    "3gp": {},
    "ogv": {"codec": "libvpx", "b_frames": 0},
    "wmv": {"codec": "wmv2", "b_frames": 0},
    "ivf": {"codec": "libvpx", "b_frames": 0},
    "nut": {},
    "y4m": {"codec": "rawvideo", "b_frames": 0},
}


@pytest.mark.parametrize("suffix", list(CONTAINERS))
def test_decoded_seconds_equal_those_of_a_sequential_decode(suffix: str, tmp_path: Path) -> None:
    how = {"fps": FPS, "gop": 10, "b_frames": 2, **CONTAINERS[suffix]}
    one, two, joined = (tmp_path / f"{name}.{suffix}" for name in ("one", "two", "joined"))
    render(one, count=50, **how)
    render(two, count=30, **how)
    joined.write_bytes(one.read_bytes() + two.read_bytes())
    for path, truth, jumps in ((one, [one], 0), (joined, [one, two], 1)):
        frames = [index for clip in truth for _, index, _ in decode_all(clip)]
        facts = probe(str(path))
        assert facts["duration_s"] == pytest.approx(len(frames) / how["fps"], abs=0.11), path
        assert facts["discontinuities"] == jumps
        fsspec.filesystem("memory").pipe(f"/containers/{path.name}", path.read_bytes())
        assert probe(f"memory://containers/{path.name}") == facts
        times_s = [k / how["fps"] for k in range(len(frames))]
        request = SegmentRequest(
            uri=str(path),
            backend="pyav",
            first_pts_s=facts["first_pts_s"],
            parts=facts["parts"],
            start_s=0.0,
            end_s=facts["duration_s"],
            own_start_s=0.0,
            own_end_s=facts["duration_s"],
            times_s=times_s,
            step_s=1 / how["fps"],
            size=Size(short_side_px=64),
            jpeg_quality=90,
            signals_fps=8.0,
            max_bytes=2**30,
        )
        found = decode_segment(request=request)
        assert [read_jpeg(bytes(p["jpeg"])) for p in found["images"]] == frames
        assert found["had"] == times_s and found["damaged_packets"] == 0


def test_live_webm_of_unknown_size(tmp_path: Path) -> None:
    render(tmp_path / "a.webm", codec="libvpx", count=40, fps=FPS, gop=10, options={"live": "1"})
    path = tmp_path / "joined.webm"
    path.write_bytes((tmp_path / "a.webm").read_bytes() * 3)
    _check(path, [*range(40)] * 3, discontinuities=2)
    fsspec.filesystem("memory").pipe("/containers/live.webm", path.read_bytes())
    assert probe("memory://containers/live.webm") == probe(str(path))


def test_a_second_mp4_without_its_index_is_said_to_be_there(tmp_path: Path) -> None:
    render(tmp_path / "a.mp4", count=40, fps=FPS)
    data = (tmp_path / "a.mp4").read_bytes()
    path = tmp_path / "joined.mp4"
    path.write_bytes(data + data[: data.index(b"moov") - 4])
    facts = probe(str(path))
    assert facts["duration_s"] == pytest.approx(4.0)
    assert facts["incomplete"].startswith("no frame of bytes ")


def test_bytes_that_no_demuxer_reads_are_said_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large remote file is not searched, and nobody knows what stands behind a video of another format."""
    render(tmp_path / "a.flv", count=80, fps=FPS, noise=20.0)
    render(tmp_path / "b.ts", count=80, fps=FPS, noise=20.0)
    one, other = (tmp_path / "a.flv").read_bytes(), (tmp_path / "b.ts").read_bytes()
    fsspec.filesystem("memory").pipe("/unread/joined.flv", one + one)
    (tmp_path / "mixed.flv").write_bytes(one + other)
    monkeypatch.setattr("operators.video.joins._MAX_SCANNED_REMOTE", len(one))
    for uri in ("memory://unread/joined.flv", str(tmp_path / "mixed.flv")):
        facts = probe(uri)
        assert facts["duration_s"] == pytest.approx(8.0, abs=0.11)
        assert facts["incomplete"].startswith("FFmpeg reads ")
    assert probe(str(tmp_path / "a.flv"))["incomplete"] is None


def test_damaged_time_stamps_are_no_parts(tmp_path: Path) -> None:
    _ts(tmp_path / "a.ts", count=100)
    data = (tmp_path / "a.ts").read_bytes()
    wrong = set(random.Random(5).sample(_starts(data)[1:-1], 6))
    path = tmp_path / "bad.ts"
    path.write_bytes(_times(data, lambda at, t: t + 10_000_000 * (at in wrong)))
    facts = probe(str(path))
    assert (facts["discontinuities"], facts["parts"]) == (0, None)

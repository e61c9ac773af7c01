"""Thumbnails of reference frames: the same whichever frames are left undecoded, with cuts exact to the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.analysis.cuts import find_cuts
from operators.analysis.signals import read_signals
from operators.core.fingerprint import identity
from operators.video.backends import open_decoder
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.protocol import Backend, Watch
from operators.video.source import Source
from operators.video.thumbnails import Thumbnails
from tests.support.scenes import Scene, texture
from tests.support.scenes import render as film
from tests.support.video import flip_bytes, with_pts_of_decoding

CODECS: dict[str, tuple[str, list[str]]] = {
    "h264": ("mp4", ["libx264", "-bf", "3", "-b-pyramid", "normal"]),
    "h264 open": ("mp4", ["libx264", "-bf", "3", "-x264-params", "open-gop=1"]),
    "h264 ts": ("ts", ["libx264", "-bf", "3"]),
    "h264 no b": ("mp4", ["libx264", "-bf", "0"]),
    "hevc": ("mkv", ["libx265", "-x265-params", "log-level=none:bframes=4"]),
    "av1": ("mp4", ["libsvtav1", "-preset", "10"]),
    "vp9": ("webm", ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
}
Found = tuple[dict[str, Any], list[tuple[float, float]], int]


def _found(path: Path, backend: Backend = "pyav", *, references: bool = True, **span: float) -> Found:
    """The signals, the time and pts of one frame per second, and the number of decoded frames."""
    facts = probe(str(path))
    start_s, end_s = span.get("start_s", 0.0), span.get("end_s", facts["duration_s"])
    times_s = [float(k) for k in range(1000) if start_s <= k < end_s]
    with Source(str(path)) as source:
        decoder = open_decoder(backend, source, first_pts_s=facts["first_pts_s"])
        thumbnails = Thumbnails(8.0, decoder.aspect)
        watch = Watch(start_s=start_s, end_s=end_s, see=thumbnails.see, sparse=thumbnails if references else None)
        samples = [(s.time_s, s.pts_s) for s in decoder.sample(times_s, step_s=1.0, watch=watch)]
        return thumbnails.result(), samples, decoder.frames_decoded


def _encoded(source: Path, name: str, gop: int = 48) -> Path:
    import subprocess

    from imageio_ffmpeg import get_ffmpeg_exe

    suffix, codec = CODECS[name]
    made = source.with_name(f"made.{suffix}")
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", str(source), "-g", str(gop), "-c:v", *codec]
    subprocess.run([*command, str(made)], check=True)
    return made


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A still, two cuts close to each other, a pan, and their cuts in seconds."""
    path = tmp_path_factory.mktemp("references") / "film.mp4"
    still = [
        Scene(seconds=s, canvas=texture(*colours, seed=k))
        for k, (s, *colours) in enumerate(
            [(3 + 1 / 24, "red", "white"), (0.25, "blue", "black"), (2.5, "green", "yellow")]
        )
    ]
    film(path, [*still, Scene(seconds=2, canvas=texture("orange", "blue", seed=9), pan=0.2)])
    return path, [3 + 1 / 24, 3.25 + 1 / 24, 5.75 + 1 / 24]


@pytest.mark.parametrize("name", CODECS)
def test_leaving_frames_out_changes_nothing_that_is_found(name: str, scenes: tuple[Path, list[float]]) -> None:
    source, cuts_s = scenes
    path = _encoded(source, name)
    sparse, samples, decoded = _found(path)
    whole, whole_samples, every = _found(path, "pyav-sequential")
    assert sparse == whole
    assert samples == whole_samples == _found(path, references=False)[1]
    thumbs = read_signals(sparse)
    assert thumbs is not None
    assert find_cuts(thumbs) == pytest.approx(cuts_s, abs=0.003)  # Matroska rounds to milliseconds
    assert all(jump["earlier"] and jump["later"] for jump in sparse["jumps"])
    assert decoded < every or name in ("h264 no b", "h264 ts", "av1", "vp9")
    if name in ("h264 no b", "vp9"):
        assert sparse == _found(path, references=False)[0] and decoded == every, "there is none to leave out"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(3, 40), min_size=1, max_size=5),
    gop=st.sampled_from([6, 24, 250]),
    b_frames=st.integers(0, 5),
    start=st.integers(0, 20),
    length=st.integers(10, 80),
)
def test_any_film_and_any_span(
    tmp_path: Path, lengths: list[int], gop: int, b_frames: int, start: int, length: int
) -> None:
    canvases = [texture("red", "white", seed=k, grain=0.3) for k in range(2)]
    film(tmp_path / "film.mp4", [Scene(seconds=n / 24, canvas=canvases[k % 2]) for k, n in enumerate(lengths)])
    CODECS["any"] = ("mp4", ["libx264", "-preset", "ultrafast", "-bf", str(b_frames)])
    path = _encoded(tmp_path / "film.mp4", "any", gop)
    span = {"start_s": start / 24, "end_s": min((start + length) / 24, probe(str(path))["duration_s"])}
    if span["start_s"] < span["end_s"]:
        assert _found(path, **span)[:2] == _found(path, "pyav-sequential", **span)[:2]


def test_a_still_is_decoded_in_part(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", [Scene(seconds=8, canvas=texture("red", "white"))])
    path = _encoded(tmp_path / "film.mp4", "h264")
    signals, _, decoded = _found(path)
    assert decoded < 0.65 * 192 and len(signals["times_s"]) > 6 * 8


def test_pts_in_order_of_decoding_leave_nothing_out(tmp_path: Path, scenes: tuple[Path, list[float]]) -> None:
    right, wrong = _encoded(scenes[0], "h264"), tmp_path / "wrong.mkv"
    with_pts_of_decoding(right, wrong)
    assert _found(wrong) == _found(wrong, references=False)


def test_damage_ends(tmp_path: Path, scenes: tuple[Path, list[float]]) -> None:
    """Frames that do not come are asked for once."""
    path = _encoded(scenes[0], "h264")
    for seed in range(6):
        flip_bytes(path, tmp_path / "damaged.mp4", count=8, seed=seed)
        try:
            signals, _, decoded = _found(tmp_path / "damaged.mp4")
        except Exception:  # a header that no longer opens
            continue
        assert signals["times_s"] == sorted(set(signals["times_s"])) and decoded < 2_000


def test_the_default_keeps_its_key_and_another_value_has_one_of_its_own() -> None:
    assert identity(Decode(signals_from="frames")) == identity(Decode())
    assert identity(Decode(signals_from="references")) != identity(Decode())
    with pytest.raises(ValueError, match="set signals_from to frames"):
        Decode(signals_from="references", shots="transnetv2", shots_weights="weights.pth")

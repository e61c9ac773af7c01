"""`longcap frames`, `longcap probe` and the same in Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pipeline as longcap
from operators.core.base import ItemError
from operators.video.isolation import DecodeChild
from operators.video.size import Size
from pipeline.cli.main import main
from tests.support.scenes import Scene, texture
from tests.support.scenes import render as film
from tests.support.video import read_index, render


class Command:
    """Runs `longcap` in this process; `out` and `err` hold what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        code = main(arguments)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("look") / "clip.mkv"
    render(path, count=60, fps=10.0, first_pts_s=2.0, gop=12)
    return path


def test_frames_are_what_is_on_screen(clip: Path) -> None:
    found = list(longcap.frames(str(clip), [3.14, 0.0, 5.99, 3.14]))
    assert [(f.requested_s, read_index(f.pixels)) for f in found] == [(0.0, 0), (3.14, 31), (5.99, 59)]
    assert [f.pts_s for f in found] == pytest.approx([2.0, 5.1, 7.9])
    assert [f.time_s for f in found] == pytest.approx([0.0, 3.1, 5.9])
    assert found[0].duration_s == pytest.approx(0.1)
    assert found[0].pixels.dtype == np.uint8 and found[0].pixels.shape == (64, 192, 3)


def test_frames_by_step_and_by_count_and_by_size(clip: Path) -> None:
    assert [read_index(f.pixels) for f in longcap.frames(str(clip), every_s=2.0)] == [0, 20, 40]
    assert [read_index(f.pixels) for f in longcap.frames(str(clip), count=3)] == [10, 30, 50]
    sizes = [f.pixels.shape for f in longcap.frames(str(clip), [1.0], size=32)]
    assert sizes == [(32, 96, 3)]
    sizes = [f.pixels.shape for f in longcap.frames(str(clip), [1.0], size=Size(short_side_px=64, multiple_px=28))]
    assert sizes == [(56, 196, 3)]


def test_a_long_request_is_shared_out_and_comes_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.mp4"
    render(path, count=1500, fps=10.0, gop=20)
    started = []
    start = DecodeChild._start
    monkeypatch.setattr(DecodeChild, "_start", lambda self: (started.append(1), start(self))[1])
    found = list(longcap.frames(str(path), every_s=1.0, workers=2))
    assert [read_index(f.pixels) for f in found] == [10 * k for k in range(150)]
    assert len(started) == 2


@pytest.mark.parametrize("wish", [{}, {"at": [1.0], "count": 2}, {"at": [-1.0]}, {"every_s": 0.0}, {"count": 0}])
def test_what_cannot_be_meant_is_said(clip: Path, wish: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"exactly one|0 or above|above 0"):
        longcap.frames(str(clip), **wish)


def test_a_file_that_is_none_raises(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="does not exist"):
        list(longcap.frames(str(tmp_path / "none.mp4"), [0.0]))


def test_probe_finds_keyframes_and_cuts(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    scenes = [Scene(seconds=2, canvas=texture(*c, seed=k)) for k, c in enumerate([("red", "white"), ("blue", "green")])]
    film(path, scenes)
    found = longcap.probe(str(path))
    assert found.cuts_s == pytest.approx([2.0])
    assert found.keyframes_s[0] == 0.0
    assert found.facts["duration_s"] == pytest.approx(4.0)
    assert longcap.probe(str(path), cuts=False).cuts_s is None


def test_the_command_writes_png_files_and_a_line_each(clip: Path, tmp_path: Path, command: Command) -> None:
    assert command("frames", str(clip), "--at", "0.5,3", "--size", "32", "-o", str(tmp_path), "--json") == 0
    told = [json.loads(line) for line in command.out.splitlines()]
    assert [(t["requested_s"], t["pts_s"]) for t in told] == [(0.5, 2.5), (3.0, 5.0)]
    assert [read_index(np.asarray(Image.open(t["file"]))) for t in told] == [5, 30]


def test_the_command_tells_of_times_that_have_no_frame(clip: Path, tmp_path: Path, command: Command) -> None:
    assert command("frames", str(clip), "--at", "0.5,99", "-o", str(tmp_path)) == 1
    assert "has no frame at 99 s" in command.err
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.parametrize("wrong", [("--at", "soon"), ("--at", "-1"), (), ("--at", "1", "--count", "2")])
def test_the_command_says_what_it_needs(clip: Path, tmp_path: Path, command: Command, wrong: tuple[str, ...]) -> None:
    assert command("frames", str(clip), *wrong, "-o", str(tmp_path)) == 2
    assert command.err.count("\n") == 1


def test_files_of_others_are_replaced_only_by_force(clip: Path, tmp_path: Path, command: Command) -> None:
    frames = ("frames", str(clip), "--at", "0.5", "-o", str(tmp_path))
    strip = ("probe", str(clip), "--quick", "--strip", str(tmp_path / "mine.png"))
    assert command(*frames) == command(*frames) == 0
    (made,) = tmp_path.glob("*.png")
    for wanted, path in ((frames, made), (strip, tmp_path / "mine.png")):
        path.write_bytes(b"mine")
        assert command(*wanted) == 2
        assert f"{path} exists" in command.err and path.read_bytes() == b"mine"
        assert command(*wanted, "--force") == command(*wanted) == 0


def test_the_command_probe_speaks_to_people_and_programs(clip: Path, tmp_path: Path, command: Command) -> None:
    strip = tmp_path / "strip.png"
    assert command("probe", str(clip), "--strip", str(strip)) == 0
    assert "192x64" in command.out and "first pts 2 s" in command.out and "keyframes: 0.000, 1.200" in command.out
    assert Image.open(strip).size == (12 * 192, 64)
    assert command("probe", str(clip), "--json", "--quick") == 0
    told = json.loads(command.out)
    assert told["facts"]["duration_s"] == pytest.approx(6.0)
    assert told["cuts_s"] is None

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from operators.core.base import ItemError
from operators.video.decode import Decode
from operators.video.decord_backend import DecordDecoder
from operators.video.facts import probe
from operators.video.source import Source
from tests.support.video import read_jpeg, render


def _decode(path: Path, **how: Any) -> dict[str, Any]:
    facts = probe(str(path))
    span = {"start_s": 0.0, "end_s": facts["duration_s"]}
    row = {"uri": str(path), **facts, **span, "decode_start_s": 0.0, "decode_end_s": facts["duration_s"]}
    with Decode(**how).open() as apply:
        return apply(row)


@pytest.mark.parametrize("how", [{}, {"first_pts_s": 2.0}, {"turn_deg": 90}, {"times_s": [0, 0.5, 1.25, 4.0, 4.5]}])
def test_the_same_frames_as_the_default(how: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord has no wheel for this platform")
    path = tmp_path / "clip.mp4"
    render(path, **{"count": 50, "b_frames": 0, **how})
    ours, theirs = _decode(path), _decode(path, backend="decord")
    assert theirs["decode"]["backend"] == "decord"
    for column in ("time_s", "pts_s"):
        assert [p[column] for p in theirs["images"]] == pytest.approx([p[column] for p in ours["images"]], abs=1e-4)
    assert [read_jpeg(p["jpeg"]) for p in theirs["images"]] == [read_jpeg(p["jpeg"]) for p in ours["images"]]
    assert theirs["signals"]["times_s"] == pytest.approx(ours["signals"]["times_s"], abs=1e-4)


def test_what_decord_refuses_goes_to_the_default(tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord has no wheel for this platform")
    path = tmp_path / "clip.mp4"
    render(path, count=20, codec="libsvtav1")
    found = _decode(path, backend="decord")
    assert (found["decode"]["backend"], found["decode"]["attempts"]) == ("pyav", 2)


def test_without_decord_the_default_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render(tmp_path / "clip.mp4", count=5)
    monkeypatch.setitem(sys.modules, "decord", None)
    with (
        Source(str(tmp_path / "clip.mp4")) as source,
        pytest.raises(ItemError, match="set backend to pyav, the default"),
    ):
        DecordDecoder(source, first_pts_s=0.0)

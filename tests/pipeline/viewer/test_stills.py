"""Frames for pages: the right ones, decoded once, kept; and a video that has none says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from operators.core.base import ItemError
from pipeline.viewer.cache import Cache
from pipeline.viewer.stills import HEIGHTS, Stills
from tests.support import viewed
from tests.support.video import read_jpeg


def test_frames_are_exact_and_kept(viewed_clips: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    row = viewed.video_row("late", viewed_clips / "late.mp4")
    stills = Stills(cache)
    try:
        stills.soon(row, [0.0, 1.0, 2.0], HEIGHTS[1])
        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(lambda t: read_jpeg(stills.get(row, t, HEIGHTS[1])), [0.0, 1.0, 2.0, 1.0, 29.99, 99.0])
            )
        assert found == [0, 10, 20, 10, 299, 299]
    finally:
        stills.close()
    again = Stills(Cache(tmp_path / "cache"))
    (moved := viewed_clips / "late.mp4").rename(moved.with_suffix(".away"))
    try:
        assert read_jpeg(again.get(row, 1.0, HEIGHTS[1])) == 10, "from the cache: the file is not needed"
        with pytest.raises(ItemError):
            again.get(row, 7.0, HEIGHTS[1])
    finally:
        again.close()
        moved.with_suffix(".away").rename(moved)


def test_the_cache_forgets_what_was_used_least_recently(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", room_bytes=2500)
    assert cache.folder.stat().st_mode & 0o077 == 0, "closed to others"
    import os

    for k in range(4):
        cache.write(cache.path(k, suffix=".jpg"), bytes(1000))
        os.utime(cache.path(k, suffix=".jpg"), (k + 1, k + 1))
    Cache(tmp_path / "c", room_bytes=2500)
    assert [cache.read(cache.path(k, suffix=".jpg")) is not None for k in range(4)] == [False, False, True, True]

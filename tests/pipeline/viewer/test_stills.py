"""Frames for pages: the right ones, decoded once, kept; and a video that has none says so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from operators.core.base import ItemError, Row
from pipeline.output.filmstrip import Still
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


class Blocked:
    """A strip that decodes until it is closed."""

    def __init__(self) -> None:
        self.began, self.closed = threading.Event(), threading.Event()

    def at(self, video: Row, times_s: list[float]) -> list[Still]:
        self.began.set()
        self.closed.wait(60.0)
        raise ItemError("internal", "the decoder was closed")

    def close(self) -> None:
        self.closed.set()


def test_closing_answers_all_who_wait_also_for_frames_that_nobody_decodes_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strips: list[Blocked] = []

    def strip(**_: object) -> Blocked:
        strips.append(Blocked())
        return strips[-1]

    monkeypatch.setattr("pipeline.viewer.stills.Filmstrip", strip)
    stills = Stills(Cache(tmp_path / "cache"))
    waiting = [stills._ask({"uri": "a", "duration_s": 99.0}, [float(k)], HEIGHTS[0])[0] for k in range(9)]
    assert strips[0].began.wait(60.0)
    stills.close()
    for one in [*waiting, stills._ask({"uri": "a", "duration_s": 99.0}, [50.0], HEIGHTS[0])[0]]:
        with pytest.raises(ItemError, match="the viewer is shutting down"):
            one.result(60.0)
    assert all(one.closed.is_set() for one in strips)
    stills._pool.shutdown(wait=True)
    stills.close()  # again
    assert stills._coming == {}

"""Clips that a browser plays and clips that it does not, an output over them, and the application over that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from operators.store.store import Store
from pipeline.viewer.app import make_app
from pipeline.viewer.cache import Cache
from pipeline.viewer.reader import Reader
from pipeline.viewer.site import Site
from tests.support import rows, video, viewed

TOKEN = "a-token"
SPAN = {"count": 300, "fps": 10.0}


@pytest.fixture(scope="session")
def viewed_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seconds each: plain, with a late first frame, an edit list, turned, and two that browsers do not play."""
    folder = tmp_path_factory.mktemp("viewed")
    video.render(folder / "plain.mp4", **SPAN)
    video.render(folder / "late.mp4", first_pts_s=1.5, **SPAN)
    video.render(folder / "turned.mp4", turn_deg=90, **SPAN)
    video.render(folder / "whole.mp4", count=320, fps=10.0)
    video.with_edit_list(folder / "whole.mp4", folder / "edit.mp4", 2.0)
    (folder / "whole.mp4").unlink()
    video.render(folder / "old.avi", codec="mpeg4", b_frames=0, **SPAN)
    video.render(folder / "stream.ts", **SPAN)
    return folder


@pytest.fixture(scope="session")
def output(viewed_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """An output that no test changes: six clips, and one file that could not be read."""
    videos = [viewed.video_row(p.stem, p) for p in sorted(viewed_clips.iterdir())]
    lost = rows.video("lost", failure=rows.failure("unreadable", "it is no video", stage="probe"), duration_s=None)
    told = {"old": {"integrity": False, "coverage": 0.8, "metadata": '{"license": "CC0", "rank": 3}'}}
    return viewed.make(str(tmp_path_factory.mktemp("out") / "captions"), [*videos, lost], told=told)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache") / "viewer")


@pytest.fixture(scope="session")
def site(output: Store, cache: Cache) -> Iterator[Site]:
    found = Site(readers=[Reader(output.uri, "captions")], cache=cache, author="tester")
    yield found
    found.close()


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """A client that has the token."""
    yield from client_of(site)


def client_of(site: Site) -> Iterator[httpx.Client]:
    with TestClient(make_app(site, token=TOKEN), base_url="http://127.0.0.1:8400") as found:
        assert found.get(f"/?token={TOKEN}").status_code == 200
        yield found

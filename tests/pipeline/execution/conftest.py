"""Videos and logs for tests of recipes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos, one of two segments."""
    found = tmp_path_factory.mktemp("in")
    for clip in ("two_shots.mp4", "short.mp4"):
        shutil.copy(clips / clip, found / clip)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"

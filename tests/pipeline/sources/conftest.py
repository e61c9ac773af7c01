"""Fixtures of the tests in this folder."""

from __future__ import annotations

import fsspec
import pytest


@pytest.fixture
def remote() -> str:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    for name in ("a.mp4", "deep/b.MKV", "deep/b.en.srt", "note.txt"):
        fs.pipe_file(f"/bucket/{name}", b"12345")
    return "memory://bucket"

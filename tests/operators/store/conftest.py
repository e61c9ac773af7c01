"""Where a store may lie: in a folder, and on a real S3 server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty output location."""
    if request.param == "folder":
        return str(tmp_path / "out put")
    server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.uri}/{uuid.uuid4().hex}"

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.core import web
from operators.core.storage import file_system
from tests.support.web import WebServer, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "v.mp4").write_bytes(b"0" * 1000)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with serve(tmp_path) as found:
        yield found


def test_a_url_that_refuses_head_is_asked_for_one_byte(server: WebServer) -> None:
    fs, path = file_system(server.signed("v.mp4"))
    found = web.details(fs, path)
    assert (found["size"], found["ETag"]) == (1000, '"one"')
    assert [(method, wanted) for method, _, wanted in server.asked] == [("HEAD", None), ("GET", "bytes=0-0")]
    assert server.asked[-1][1] == server.signed("v.mp4").removeprefix(server.url)  # spelled as it was signed


def test_what_a_server_refuses_is_told_apart(server: WebServer) -> None:
    fs, _ = file_system(server.url)
    with pytest.raises(PermissionError, match="HTTP 403"):
        web.details(fs, f"{server.url}/v.mp4?sig=wrong")
    with pytest.raises(FileNotFoundError):
        web.details(fs, server.signed("none.mp4"))
    with pytest.raises(OSError, match="Cannot connect"):
        web.details(fs, "http://127.0.0.1:1/v.mp4")

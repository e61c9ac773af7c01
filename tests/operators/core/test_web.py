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


def test_a_busy_server_and_a_broken_answer_are_asked_again(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSES_S", (0.0, 0.0))
    fs, path = file_system(server.signed("v.mp4"))
    server.troubles[:] = [503, 429]
    assert web.details(fs, path)["size"] == 1000
    server.troubles[:] = [500] * 3
    with pytest.raises(OSError, match="HTTP 500"):
        web.details(fs, path)
    assert not server.troubles
    server.troubles[:] = [400, 400]
    with pytest.raises(OSError, match="HTTP 400"):
        web.details(fs, path)
    assert server.troubles == [400]  # what is refused for good is not asked for again


def test_a_server_says_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(web.time, "sleep", slept.append)

    def ask() -> None:
        raise web._BusyError("HTTP 429", {"Retry-After": waits.pop(0)})

    waits = ["3", "3600", "1"]
    with pytest.raises(OSError, match="429"):
        web.retried(ask)
    assert slept == [3.0, 10.0]

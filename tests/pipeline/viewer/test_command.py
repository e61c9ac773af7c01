"""`longcap view` as a program: the address that it prints lets in, and it ends when it is asked to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.terminal.errors import UsageError
from pipeline.viewer.command import bind, labels, url, view_command
from tests.support.command import ROOT


def test_the_printed_address_lets_in_and_a_signal_ends_it(output: Store, tmp_path: Path) -> None:
    arguments = ["view", output.uri, "--port", "0", "--cache", str(tmp_path / "cache"), "--read-only"]
    command = [sys.executable, "-m", "longcap", *arguments]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stderr is not None
    try:
        address = server.stdout.readline().strip()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(address, timeout=60) as answer:
            assert answer.status == 200 and b"plain.mp4" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=60)
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0, said
    assert "Traceback" not in said


HELD = """
import sys, threading
from pipeline.cli.main import entry
from pipeline.output.filmstrip import Filmstrip
from operators.core.base import ItemError
closed = threading.Event()
def at(self, video, times_s, **_):
    closed.wait(120)
    raise ItemError("internal", "the decoder was closed")
Filmstrip.at, Filmstrip.close = at, lambda self: closed.set()
entry()
"""


def test_pages_that_wait_for_frames_do_not_keep_it_alive(output: Store, tmp_path: Path) -> None:
    """More of them than decode at a time: what is queued must be answered, too."""
    arguments = ["view", output.uri, "--port", "0", "--cache", str(tmp_path / "cache"), "--no-token"]
    command = [sys.executable, "-c", HELD, *arguments]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline().strip().rstrip("/").rpartition(":")[2])
        with ExitStack() as stack:
            for k in range(8):
                page = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                head = f"GET /still?out=0&id=plain&t={k} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
                page.sendall(head.encode())
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60):
                pass  # those before it have begun
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0, said
    assert "Traceback" not in said and "Exception" not in said, said


def test_a_taken_port_is_said_or_another_one_is_found() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}.*--port"):
            bind("127.0.0.1", port)
    with pytest.raises(UsageError, match="cannot listen on 203"):
        bind("203.0.113.1", None)


def test_addresses() -> None:
    assert url("127.0.0.1", 8400, "a b") == "http://127.0.0.1:8400/?token=a+b"
    assert url("0.0.0.0", 8400, None) == "http://127.0.0.1:8400/"
    assert url("::1", 1, None) == "http://[::1]:1/"


def test_labels_tell_outputs_apart() -> None:
    assert labels(["captions/"]) == ["captions"]
    assert labels(["/a/captions", "s3://b/captions"]) == ["a/captions", "b/captions"]
    assert labels(["x", "x"]) == ["x (1)", "x (2)"]


def test_what_cannot_be_viewed_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], output: Store) -> None:
    assert main(["view", str(tmp_path / "nowhere")]) == 2
    assert "there is no output at" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--no-token is allowed on loopback only"):
        view_command(outs=[output.uri], host="0.0.0.0", no_token=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--cache"):
        view_command(outs=[output.uri], cache=str(tmp_path / "file"))

"""A server of OpenAI's chat completions on a free local port, with scripted answers and faults.

with serve(lambda body, number: Play(status=429, headers={"Retry-After": "3"}) if number == 0 else Play()) as server:
    ... base_url=server.url ...
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from typing import Any

from tests.support.ports import dead_port

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}
GOOD = "A brown dog runs over the wet grass and stops at a small wooden gate."


@dataclass(frozen=True, kw_only=True)
class Play:
    """The server's reaction to one request.

    Attributes:
        whole: body of the answer, unchanged; None: a chat completion, streamed if requested.
        text, refusal, finish, usage: fields of that completion.
        endless: repeat the text for a long time.
        cut_after: number of pieces after which the connection breaks.
        wait: the answer begins when this event is set.
        broken: send a piece in the middle that is not JSON.
        thoughts: reasoning of the model, besides its answer.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    whole: bytes | dict[str, Any] | None = None
    text: str = GOOD
    refusal: str | None = None
    finish: str | None = "stop"
    usage: dict[str, Any] | None = field(default_factory=lambda: USAGE)
    endless: bool = False
    cut_after: int | None = None
    wait: threading.Event | None = None
    broken: bool = False
    thoughts: str | None = None


Script = Callable[[dict[str, Any], int], Play]


@dataclass
class Asked:
    """One received request: headers in lower case, and whether the client left before the answer was complete."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def content(self) -> Any:
        return self.body["messages"][0]["content"]

    @property
    def prompt(self) -> str:
        """Return the text of the message."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part["text"] for part in self.content if part["type"] == "text")


class ChatServer:
    """Answers by `script`; `asked` records the requests, `most` the number of simultaneous ones."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.models: list[str] | int = 404  # the list of GET /models, or the status of its answer
        self.most = self.now = self.connections = 0
        self.guard = threading.Lock()
        self.idle = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"chat": self}))
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that leaves is no error here
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@contextmanager
def serve(script: Script | None = None) -> Iterator[ChatServer]:
    server = ChatServer(script or (lambda body, number: Play()))
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def dead_url() -> str:
    """Return an address at which nothing listens."""
    return f"http://127.0.0.1:{dead_port()}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        with self.chat.guard:
            self.chat.connections += 1
            self.chat.idle.clear()

    def finish(self) -> None:
        super().finish()
        with self.chat.guard:
            self.chat.connections -= 1
            if not self.chat.connections:
                self.chat.idle.set()

    def do_GET(self) -> None:
        models = self.chat.models
        if isinstance(models, int):
            self._whole(Play(status=models), {"error": {"message": f"the key is {self.headers['Authorization']}"}})
        else:
            self._whole(Play(), {"object": "list", "data": [{"id": name, "object": "model"} for name in models]})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(data) if self.headers["Content-Type"] == "application/json" else {}  # a form, such as a WAV
        asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        with self.chat.guard:
            number = len(self.chat.asked)
            self.chat.asked.append(asked)
            self.chat.now += 1
            self.chat.most = max(self.chat.most, self.chat.now)
        try:
            self._play(self.chat.script(body, number), stream=bool(body.get("stream")))
        except OSError:
            asked.left.set()
            self.close_connection = True
        finally:
            with self.chat.guard:
                self.chat.now -= 1

    def _play(self, play: Play, *, stream: bool) -> None:
        if play.wait is not None:
            play.wait.wait(60.0)
        if play.whole is not None or play.status != 200:
            self._whole(play, play.whole if play.whole is not None else {"error": {"message": "the script says so"}})
        elif not stream:
            message = {"role": "assistant", "content": play.text or None, "refusal": play.refusal}
            message |= {"reasoning_content": play.thoughts, "reasoning": play.thoughts} if play.thoughts else {}
            choice = {"index": 0, "message": message, "finish_reason": play.finish}
            self._whole(play, {"id": "c", "object": "chat.completion", "choices": [choice], "usage": play.usage})
        else:
            self._stream(play)

    def _whole(self, play: Play, body: bytes | dict[str, Any]) -> None:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(play.status)
        for name, value in {"Content-Type": "application/json", **play.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def _stream(self, play: Play) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if play.thoughts is not None:
            delta = {"reasoning_content": play.thoughts, "reasoning": play.thoughts}
            self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        pieces = re.findall(r"\s*\S+\s*$|\s*\S+", play.text)
        for number, piece in enumerate(islice(cycle(pieces), 500_000) if play.endless else pieces):
            if number == play.cut_after:
                # a reset, as from a server that dies
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise OSError
            self._event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            if play.broken:
                self._chunk(b'data: {"choices": [{"ind\n\n')
        if play.refusal is not None:
            self._event({"choices": [{"index": 0, "delta": {"refusal": play.refusal}, "finish_reason": None}]})
        if play.finish is not None:
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": play.finish}]})
        if play.usage is not None:
            self._event({"choices": [], "usage": play.usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, chunk: dict[str, Any]) -> None:
        self._chunk(b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", **chunk}).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

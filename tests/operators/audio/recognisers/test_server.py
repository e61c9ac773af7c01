"""A transcription server: what it is sent, and whatever it may answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from operators.audio.recognisers.server import Server, read_answer
from operators.core.base import ItemError

ANSWER = {
    "text": "Hello there. Bye.",
    "language": "english",
    "segments": [
        {"start": 0.1, "end": 1.0, "text": " Hello there.", "avg_logprob": -0.1},
        {"start": 1.2, "end": 1.9, "text": " Bye.", "avg_logprob": -0.5},
    ],
    "words": [
        {"word": "Hello", "start": 0.1, "end": 0.5},
        {"word": "there.", "start": 0.5, "end": 1.0},
        {"word": "Bye.", "start": 1.2, "end": 1.9},
    ],
}


@contextmanager
def serving(status: int, body: Any) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that gives one answer to everything; what it was sent."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_it_sends_a_wav_and_reads_lines_and_words() -> None:
    with serving(200, ANSWER) as (url, got):
        spec = Server(model="m", base_url=url, api_key_env=None, language="en")
        spec.check()
        with spec.open() as running:
            first, second = running.recognise(np.zeros(32_000, np.int16))
    assert (first.text, first.language, [w[2] for w in first.words or ()]) == (
        "Hello there.",
        "en",
        ["Hello", "there."],
    )
    assert (second.start_s, second.end_s, len(second.words or ())) == (1.2, 1.9, 1)
    assert 0.59 < (second.confidence or 0) < 0.62
    ((path, sent),) = got
    assert path == "/v1/audio/transcriptions" and b"RIFF" in sent and b"verbose_json" in sent
    assert sent.count(b"timestamp_granularities") == 2


def test_a_refusal_is_a_failure_of_the_engine() -> None:
    with serving(400, {"error": {"message": "no such model"}}) as (url, _):
        spec = Server(model="m", base_url=url, api_key_env=None, retries=0)
        with spec.open() as running, pytest.raises(ItemError) as failure:
            running.recognise(np.zeros(16_000, np.int16))
    assert failure.value.failure_class == "engine" and "no such model" in failure.value.message


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ({"text": "Hi."}, [(0.0, 2.0, "Hi.")]),
        ({"text": " "}, []),
        ({}, []),
        ({"text": "Hi.", "segments": "none", "words": [None, {"word": 1}], "language": 7}, [(0.0, 2.0, "Hi.")]),
        ({"text": "Hi.", "segments": [{"start": "x"}, {"start": 0, "end": 1, "text": "a"}]}, [(0.0, 1.0, "a")]),
        ({"segments": [{"start": 0, "end": float("nan"), "text": "a"}], "text": "b"}, [(0.0, 2.0, "b")]),
    ],
)
def test_whatever_it_answers_becomes_lines_or_none(body: dict[str, Any], lines: list[tuple[float, float, str]]) -> None:
    assert [(u.start_s, u.end_s, u.text) for u in read_answer(body, 2.0)] == lines


def test_a_wrong_address_is_said_in_one_line() -> None:
    with pytest.raises(ValueError, match="recogniser server: base_url"):
        Server(model="m", base_url="host", api_key_env=None).check()


def test_a_word_in_a_pause_belongs_to_the_nearest_line() -> None:
    spans, words = (
        [(0.0, 1.0), (2.0, 3.0)],
        [(0.1, 0.9, "one"), (1.0, 1.3, "two"), (1.8, 1.9, "three"), (3.0, 3.2, "four")],
    )
    body = {
        "segments": [{"start": a, "end": b, "text": "x"} for a, b in spans],
        "words": [{"start": a, "end": b, "word": word} for a, b, word in words],
    }
    found = read_answer(body, 4.0)
    assert [[w[2] for w in one.words or ()] for one in found] == [["one", "two"], ["three", "four"]]

"""The engine against a server that answers over HTTP: what goes out, and what comes back."""

from __future__ import annotations

import base64
import json
import logging
import random

import pytest

from operators.engines.ask import ask
from operators.engines.base import FrameImage, Request
from operators.engines.gates import ALWAYS, GENERATIVE
from tests.operators.engines.openai.against import KEY, REQUEST, WAIT_S, answer, both, engine
from tests.support.chat import GOOD, Play
from tests.support.engines import LOOP


@both
def test_what_the_model_thinks_beside_its_answer_is_no_part_of_it(stream: bool) -> None:
    thoughts = "The user wants a caption. " * 50
    got = answer(lambda body, number: Play(thoughts=thoughts), stream=stream)
    assert (got.text, got.finish_reason) == (GOOD, "stop")


@both
def test_an_answer_with_all_that_is_known_of_it(stream: bool) -> None:
    made = answer(stream=stream, price_input_per_mtok=10.0, price_cached_per_mtok=5.0, price_output_per_mtok=20.0)
    assert (made.text, made.finish_reason) == (GOOD, "stop")
    assert (made.prompt_tokens, made.cached_tokens, made.output_tokens) == (100, 60, 20)
    assert made.cost_usd == pytest.approx((40 * 10 + 60 * 5 + 20 * 20) / 1e6)
    assert json.loads(made.sampling or "") == {"max_tokens": 2048, "seed": 40, "temperature": 0.2}


@both
def test_the_server_gets_key_model_prompt_frames_and_schema(stream: bool) -> None:
    jpegs = [random.Random(k).randbytes(5000) for k in range(3)]
    request = Request(
        kind="window",
        start_s=0.0,
        end_s=3.0,
        prompt="What is seen?\nBetween 0 and 3 s.",
        images_at=13,
        images=tuple(FrameImage(time_s=float(k), pts_s=float(k), jpeg=j) for k, j in enumerate(jpegs)),
        schema='{"type": "object"}',
        seed=5,
        attempt=2,
    )
    with engine(stream=stream) as (made, server):
        made.submit(request).result(WAIT_S)
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (asked.body["model"], asked.body["seed"], asked.body["temperature"]) == ("m", 5, 0.5)
    assert asked.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert [part["type"] for part in asked.content] == ["text", *["image_url"] * 3, "text"]
    assert (asked.content[0]["text"], asked.content[-1]["text"]) == ("What is seen?", "\nBetween 0 and 3 s.")
    got = [base64.b64decode(p["image_url"]["url"].split(",")[1]) for p in asked.content[1:-1]]
    assert got == jpegs


def test_without_a_key_none_is_sent() -> None:
    with engine(key=None, api_key_env=None) as (made, server):
        made.submit(REQUEST).result(WAIT_S)
    assert "authorization" not in server.asked[0].headers


@both
@pytest.mark.parametrize(
    ("play", "finish", "text"),
    [
        (Play(finish="length"), "length", GOOD),
        (Play(finish="content_filter", text=""), "refusal", "withheld by the server's content filter"),
        (Play(finish="content_filter", text="A dog"), "refusal", "A dog"),
        (Play(text="", refusal="That I will not do."), "refusal", "That I will not do."),
        (Play(text=""), "stop", ""),
        (Play(finish="tool_calls"), "stop", GOOD),
    ],
)
def test_how_an_answer_ended(play: Play, finish: str, text: str, stream: bool) -> None:
    made = answer(lambda body, number: play, stream=stream)
    assert (made.finish_reason, made.text) == (finish, text)


@both
def test_a_refusal_never_becomes_a_caption(stream: bool) -> None:
    refused = Play(text="", refusal="A man walks in the park with a small dog.")  # words that no pattern would catch
    with engine(lambda body, number: refused, stream=stream) as (made, server):
        got = ask(made, REQUEST, tries=2, gates=(*ALWAYS, *GENERATIVE)).result(WAIT_S)
    assert (got.valid, got.failure_class, got.usage.rejected) == (False, "gate", ("refusal", "refusal"))
    assert [a.body["seed"] for a in server.asked] == [40, 41]
    assert got.usage.output_tokens == 40


def test_a_loop_is_stopped_while_it_is_written_and_the_server_is_left() -> None:
    with engine(lambda body, number: Play(text=LOOP + " ", endless=True)) as (made, server):
        got = made.submit(REQUEST).result(WAIT_S)
        assert server.asked[0].left.wait(WAIT_S), "the server still writes"
    assert got.finish_reason == "loop"
    assert 0 < got.output_tokens < 1000


@both
def test_tokens_that_the_server_does_not_count_are_estimated_and_that_is_said_once(
    stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    image = FrameImage(time_s=0.0, pts_s=0.0, jpeg=b"x")
    request = Request(kind="frame", start_s=0.0, end_s=1.0, prompt="a" * 35, images=(image, image))
    with (
        caplog.at_level(logging.WARNING),
        engine(lambda body, number: Play(usage=None), stream=stream, frame_tokens=500, price_output_per_mtok=1.0) as (
            made,
            _,
        ),
    ):
        got = [made.submit(request).result(WAIT_S) for _ in range(2)]
    assert got[0].prompt_tokens == 1010
    assert 14 <= got[0].output_tokens <= 30
    assert got[0].cost_usd == pytest.approx(got[0].output_tokens / 1e6)
    assert len([r for r in caplog.records if "are estimated" in r.message]) == 1

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from operators.engines.openai.faults import Fault, fault_of, retry_after_s
from operators.engines.openai.reply import BrokenReply

KEY = "sk-very-secret-0123"


class _Response:
    """As much of an HTTP response as an error of the client keeps."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status_code, self.headers, self.request = status, headers, None


def fault(status: int, body: Any, headers: dict[str, str] | None = None) -> Fault:
    error = openai.APIStatusError("HTTP error", response=_Response(status, headers or {}), body=body)  # type: ignore[arg-type]
    return of(error)


def of(error: Exception) -> Fault:
    found = fault_of(error, where="the server at host", key_env="MY_KEY", key=KEY, model="m")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "prompt", "context"),
    [
        # OpenAI
        (
            {
                "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in "
                "9000 tokens. Please reduce the length of the messages.",
                "code": "context_length_exceeded",
            },
            9000,
            8192,
        ),
        (
            {
                "message": "This model's maximum context length is 4097 tokens. However, you requested 5360 tokens "
                "(4360 in the messages, 1000 in the completion).",
                "code": "context_length_exceeded",
            },
            4360,
            4097,
        ),
        (
            {
                "message": "Your input exceeds the context window of this model. Please adjust it and try again.",
                "code": "context_length_exceeded",
            },
            None,
            None,
        ),
        # vLLM
        (
            {
                "message": "This model's maximum context length is 2048 tokens. However, your prompt contains at least "
                "2049 input tokens, which exceeds this limit even without any output tokens.",
                "code": 400,
            },
            2049,
            2048,
        ),
        (
            {
                "message": "You passed 1950 input tokens and requested 100 output tokens. However, the model's context "
                "length is only 2048 tokens, resulting in a maximum input length of 1948 tokens.",
                "code": 400,
            },
            1950,
            2048,
        ),
        (
            {
                "message": "The decoder prompt (length 3000) is longer than the maximum model length of 2048. Make "
                "sure that `max_model_len` is no smaller than the number of text tokens plus multimodal tokens."
            },
            3000,
            2048,
        ),
        (
            {
                "message": "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context "
                "length is 2048 tokens and your request has 1200 input tokens (1000 > 2048 - 1200)."
            },
            1200,
            2048,
        ),
        # llama.cpp, Gemini, Anthropic
        (
            {
                "message": "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "n_prompt_tokens": 5000,
                "n_ctx": 4096,
            },
            5000,
            4096,
        ),
        (
            {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."},
            1200000,
            1048576,
        ),
        ({"message": "prompt is too long: 208310 tokens > 200000 maximum"}, 208310, 200000),
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_the_words_of_many_servers(
    body: dict[str, Any], prompt: int | None, context: int | None
) -> None:
    found = fault(400, body)
    assert (found.too_long, found.prompt_tokens, found.context_tokens) == (True, prompt, context)
    # in the middle of a stream there is no status
    found = of(openai.APIError(body["message"], request=None, body=body))  # type: ignore[arg-type]
    assert (found.too_long, found.prompt_tokens, found.context_tokens) == (True, prompt, context)


@pytest.mark.parametrize(
    ("status", "body", "again", "says"),
    [
        (400, {"message": "At most 1 image(s) may be provided in one prompt."}, False, "HTTP 400: At most 1 image(s)"),
        (401, {"message": f"Incorrect API key provided: {KEY}"}, False, "refuses the key in MY_KEY (HTTP 401)"),
        (402, {"message": "Insufficient credits"}, False, "HTTP 402: Insufficient credits"),
        (403, {"message": "no"}, False, "refuses the key in MY_KEY (HTTP 403)"),
        (404, {"message": "The model `m` does not exist."}, False, "knows no model 'm'"),
        (408, {}, True, "HTTP 408"),
        (429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}, True, "Rate limit reached"),
        (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}, False, "quota is used up"),
        (500, {"message": "boom"}, True, "HTTP 500: boom"),
        (502, "<html><h1>Bad\n gateway</h1></html>", True, "HTTP 502: Bad gateway"),
        (503, None, True, "HTTP 503"),
    ],
)
def test_what_may_pass_is_asked_again_and_what_cannot_is_told(status: int, body: Any, again: bool, says: str) -> None:
    found = fault(status, body)
    assert (found.again, found.too_long) == (again, False)
    assert says in found.message and "\n" not in found.message
    assert KEY not in found.message


def test_without_a_key_the_server_that_wants_one_is_told_of() -> None:
    error = openai.APIStatusError("no", response=_Response(401, {}), body={})  # type: ignore[arg-type]
    found = fault_of(error, where="the server at host", key_env=None, key=None, model="m")
    assert found is not None and "name its variable with api_key_env" in found.message


def test_a_server_that_repeats_the_key_is_cut_short() -> None:
    found = fault(400, {"message": f"bad header Bearer {KEY} " + "and so on " * 100})
    assert KEY not in found.message and "***" in found.message and len(found.message) < 300


def test_an_error_in_mid_stream_is_asked_again() -> None:
    found = of(openai.APIError("The server had an error", request=None, body={"message": "had an error"}))  # type: ignore[arg-type]
    assert found.again and "in the middle of the answer: had an error" in found.message
    found = of(openai.APIError("bad", request=None, body={"message": "bad grammar", "code": 400}))  # type: ignore[arg-type]
    assert not found.again and "HTTP 400: bad grammar" in found.message


@pytest.mark.parametrize(
    "error", [TimeoutError(), BrokenReply("the answer broke off"), json.JSONDecodeError("x", "y", 0)]
)
def test_what_the_network_does_is_asked_again(error: Exception) -> None:
    assert of(error).again and of(error).message.startswith("the server at host")


def test_a_bug_is_no_fault_of_the_server() -> None:
    assert fault_of(TypeError("x"), where="", key_env=None, key=None, model="m") is None


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf", "retry-after": "4"}, 4.0),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], wanted: float | None) -> None:
    now_s = 1445412480.0  # 07:28:00 of that day
    assert retry_after_s(headers, now_s) == wanted
    assert fault(429, {}, headers).busy

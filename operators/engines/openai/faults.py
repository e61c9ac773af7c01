"""Classification of failed requests: retry, give up, or report that the prompt is too long."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from operators.engines.openai.bounds import Elsewhere, TooMuch
from operators.engines.openai.reply import BrokenReply
from operators.engines.openai.scrub import scrubber

_CUT = 240  # characters of a server's words that are handed on
_LOOKED_AT = 2**13  # characters of them that are searched for a key
_MOST_TOKENS = 10**9  # that a server can mean when it speaks of a context
_AGAIN = frozenset({408, 409, 425, 429})  # and all from 500 on
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})

# OpenAI, vLLM, llama.cpp, Gemini and Anthropic, as they word it
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum model length|prompt is too long|input token count .*exceeds",
    re.I | re.S,
)
_CONTEXT = re.compile(
    r"(?:context length|context window|context size|maximum model length)(?: is| of)?(?: only)? \(?(\d+)"
    r"|number of tokens allowed \((\d+)\)|> (\d+) maximum",
    re.I,
)
_PROMPT = re.compile(
    r"\((\d+) in the messages|resulted in (\d+) tokens|(?:contains|passed|has)(?: at least)? (\d+) input tokens"
    r"|prompt \(length (\d+)\)|prompt is too long: (\d+)|token count \((\d+)\)|request \((\d+) tokens\)",
    re.I,
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The reason why an attempt failed.

    Attributes:
        message: one line, without the API key.
        again: whether a retry may succeed.
        wait_s: how long the server asks to wait, in seconds; None if it does not say.
        busy: whether it is a rate limit of the server, which all requests share.
        too_long: whether the prompt does not fit the model's context.
        prompt_tokens, context_tokens: length of the prompt and of the context, as reported by the server.
    """

    message: str
    again: bool = False
    wait_s: float | None = None
    busy: bool = False
    too_long: bool = False
    prompt_tokens: int | None = None
    context_tokens: int | None = None


def fault_of(error: Exception, *, where: str, key_env: str | None, key: str | None, model: str) -> Fault | None:
    """Classify an exception; None for one that comes neither from the server nor from the network.

    Args:
        where: the name of the server in messages.
        key_env: the environment variable of the key, for messages. `key` itself is removed from the server's messages.
    """
    import openai

    if (refused := _refused(error, where, key)) is not None:
        return refused
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return Fault(message=f"{where} did not answer in time", again=True)
    if isinstance(error, openai.APIConnectionError):
        return Fault(message=f"{where} cannot be reached ({_scrub(_cause(error), key)})", again=True)
    if isinstance(error, openai.APIError):
        return _described(error, where=where, key_env=key_env, key=key, model=model)
    sender = type(error).__module__.split(".")[0]  # httpx or, since openai 3, httpx2
    # a ValueError is an integer of thousands of digits, a RecursionError JSON that is nested too deep
    if isinstance(error, ValueError | RecursionError) or sender.startswith("http"):
        # the client hands these on as they are
        return Fault(message=f"{where} sent what is no answer ({type(error).__name__})", again=True)
    return None


def _refused(error: Exception, where: str, key: str | None) -> Fault | None:
    """What our own limits refuse; the client wraps what they raise while it sends."""
    for cause in _chain(error):
        if isinstance(cause, TooMuch | BrokenReply):
            return Fault(message=f"{where}: {_scrub(str(cause), key)}", again=True)
        if isinstance(cause, Elsewhere):
            there = _scrub(str(cause), key)
            return Fault(message=f"{where} redirects to {there}, which gets nothing; set base_url to where it answers")
    return None


def retry_after_s(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """What `retry-after-ms` or `Retry-After` (RFC 9110: seconds, or a date) asks for; None for neither or nonsense.

    Args:
        now_s: seconds since the epoch, for a date.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        given = headers.get(name)
        if given is None:
            continue
        try:
            seconds = float(given) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(given).timestamp() - (time.time() if now_s is None else now_s)
            except (ValueError, TypeError, LookupError, OverflowError):
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _described(error: Any, *, where: str, key_env: str | None, key: str | None, model: str) -> Fault:
    """From an error that the server words itself, as its whole answer or in the middle of a stream."""
    body = error.body if isinstance(error.body, dict) else {}
    code, said = body.get("code"), _scrub(str(body.get("message") or _page(error)), key)
    in_body = code if type(code) is int and 100 <= code <= 599 else None
    status = getattr(error, "status_code", None) or in_body
    if status in (401, 403):  # the server's own words hold parts of the key
        which = f"the key in {key_env}" if key_env else "requests without a key; name its variable with api_key_env"
        return Fault(message=f"{where} refuses {which} (HTTP {status})")
    if status == 404:
        return Fault(message=f"{where} knows no model {model!r}, or base_url lacks its /v1 (HTTP 404: {said})")
    if code == "context_length_exceeded" or (status in (400, 413, 422, None) and _TOO_LONG.search(said)):
        takes, room = _PROMPT.search(said), _CONTEXT.search(said)
        return Fault(
            message=f"{where}: {said}",
            too_long=True,
            prompt_tokens=_number(takes) or _whole(body.get("n_prompt_tokens")),
            context_tokens=_number(room) or _whole(body.get("n_ctx")),
        )
    if any(isinstance(word, str) and word in _NO_MONEY for word in (code, body.get("type"))):
        return Fault(message=f"{where}: the account's quota is used up ({said})")
    busy = status == 429
    response = getattr(error, "response", None)
    return Fault(
        message=f"{where}: {'HTTP ' + str(status) if status else 'an error in the middle of the answer'}: {said}",
        again=status is None or status in _AGAIN or status >= 500,
        wait_s=retry_after_s(response.headers) if response is not None else None,
        busy=busy,
    )


def _page(error: Any) -> str:
    """Words of an error that is no JSON, such as a proxy's page."""
    text = error.body if isinstance(error.body, str) else str(getattr(error, "message", ""))
    return re.sub(r"<[^>]*>", " ", text)


def _cause(error: BaseException) -> str:
    cause: BaseException | None = error.__cause__
    return (str(cause) or type(cause).__name__) if cause is not None else str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; at most ten."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _scrub(text: str, key: str | None) -> str:
    """One line, of bounded length, without the key."""
    line = " ".join(text[:_LOOKED_AT].split())
    return scrubber(key)(line)[:_CUT]


def _number(match: re.Match[str] | None) -> int | None:
    return _whole(next((int(group) for group in match.groups() if group), None)) if match else None


def _whole(value: Any) -> int | None:
    """A number of tokens that can be one."""
    return value if type(value) is int and 0 < value < _MOST_TOKENS else None

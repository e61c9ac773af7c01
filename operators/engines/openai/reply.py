"""Reading of responses, complete or streamed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from operators.engines.gates import ends_in_loop

Finish = Literal["stop", "length", "loop", "refusal"]

_LOOK_EVERY = 32  # pieces, about a token each: a loop is found within a line or two
_FINISH: dict[str, Finish] = {"length": "length", "max_tokens": "length", "content_filter": "refusal"}
_WITHHELD = "withheld by the server's content filter"


_TAIL = 2**14  # characters at the end of an answer in which a loop is looked for
_MOST_TOKENS = 10**7  # of a prompt or an answer: no model reads or writes more
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError)


class BrokenReply(Exception):
    """The response is incomplete or is not a chat completion."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The content of a response.

    Attributes:
        prompt_tokens, output_tokens, cached_tokens: as counted by the server; None if it reports none or an impossible
            value (a negative number, text, more than ten million).
        pieces: number of streamed chunks; 0 if the response was not streamed.
    """

    text: str
    finish: Finish
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    pieces: int = 0


@dataclass
class _Parts:
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: Any = None
    pieces: int = 0
    characters: int = 0
    tail: str = ""

    def add(self, text: Any) -> None:
        """Append a piece of the answer."""
        if not isinstance(text, str):
            raise BrokenReply(f"the answer's content is {type(text).__name__}, not text")
        self.texts.append(text)
        self.characters += len(text)
        self.tail = (self.tail + text)[-_TAIL:]

    def refuse(self, text: Any) -> None:
        """Append a piece of the model's refusal."""
        if not isinstance(text, str):
            raise BrokenReply(f"the answer's refusal is {type(text).__name__}, not text")
        self.refusals.append(text)
        self.characters += len(text)

    def reply(self, *, loop: bool = False) -> Reply:
        if self.finish == "error":  # a gateway's word for what went wrong behind it
            raise BrokenReply("the answer broke off with an error")
        text, refusal = "".join(self.texts), "".join(self.refusals)
        finish: Finish = "loop" if loop else _FINISH.get(self.finish or "stop", "stop")
        if refusal.strip():
            text, finish = text or refusal, "refusal"
        if finish == "refusal" and not text.strip():
            text = _WITHHELD
        details = getattr(self.usage, "prompt_tokens_details", None)
        return Reply(
            text=text,
            finish=finish,
            prompt_tokens=_count(self.usage, "prompt_tokens"),
            output_tokens=_count(self.usage, "completion_tokens"),
            cached_tokens=_count(details, "cached_tokens"),
            pieces=self.pieces,
        )


def read_whole(completion: Any, most_characters: int) -> Reply:
    """Read a `ChatCompletion`. The client builds one from any JSON and passes on responses that are not JSON.

    Args:
        most_characters: longer answers are cut and count as having reached their token limit.
    """
    try:
        choices = getattr(completion, "choices", None)
        if not choices or getattr(choices[0], "message", None) is None:
            raise BrokenReply("the answer is no chat completion")
        parts = _Parts(finish=choices[0].finish_reason, usage=getattr(completion, "usage", None))
        parts.add(choices[0].message.content or "")
        parts.refuse(getattr(choices[0].message, "refusal", None) or "")
        return _cut(parts.reply(), most_characters)
    except _MALFORMED as error:
        raise _malformed(error) from error


async def read_stream(stream: Any, most_characters: int) -> Reply:
    """Read an `AsyncStream` of chunks. Stops reading, which makes the server stop generating, if the text loops.

    Args:
        most_characters: as for `read_whole`.
    """
    parts = _Parts()
    try:
        async with stream:
            async for chunk in stream:
                parts.usage = getattr(chunk, "usage", None) or parts.usage
                for choice in (getattr(chunk, "choices", None) or ())[:1]:
                    delta = choice.delta
                    parts.refuse(getattr(delta, "refusal", None) or "")
                    parts.finish = choice.finish_reason or parts.finish
                    if not getattr(delta, "content", None):
                        continue
                    parts.add(delta.content)
                    parts.pieces += 1
                    if parts.pieces % _LOOK_EVERY == 0 and ends_in_loop(parts.tail):
                        return _cut(parts.reply(loop=True), most_characters)
                if parts.characters > most_characters:
                    return _cut(parts.reply(), most_characters)
        if parts.finish is None:
            raise BrokenReply("the answer broke off")
        return _cut(parts.reply(), most_characters)
    except _MALFORMED as error:
        raise _malformed(error) from error


def _cut(reply: Reply, most_characters: int) -> Reply:
    """Apply the client's limit to answers of servers that ignore `max_tokens`."""
    if len(reply.text) <= most_characters:
        return reply
    finish = "length" if reply.finish == "stop" else reply.finish
    return replace(reply, text=reply.text[:most_characters], finish=finish)


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _malformed(error: Exception) -> BrokenReply:
    return BrokenReply(f"the answer is no chat completion ({type(error).__name__})")

"""Reading an answer, whole or while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from operators.engines.gates import ends_in_loop

Finish = Literal["stop", "length", "loop", "refusal"]

_LOOK_EVERY = 32  # pieces, about a token each: a loop is found within a line or two
_FINISH: dict[str, Finish] = {"length": "length", "max_tokens": "length", "content_filter": "refusal"}
_WITHHELD = "withheld by the server's content filter"


class BrokenReply(Exception):
    """The server's answer ended before its end, or is no chat completion."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer as it came.

    Attributes:
        prompt_tokens, output_tokens, cached_tokens: as the server counted them; None where it did not say.
        pieces: in how many parts it came; 0 where it came whole.
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
            prompt_tokens=getattr(self.usage, "prompt_tokens", None),
            output_tokens=getattr(self.usage, "completion_tokens", None),
            cached_tokens=getattr(details, "cached_tokens", None),
            pieces=self.pieces,
        )


def read_whole(completion: Any) -> Reply:
    """From a `ChatCompletion`; the client builds one from whatever JSON comes, or hands on what is none."""
    choices = getattr(completion, "choices", None)
    if not choices or getattr(choices[0], "message", None) is None:
        raise BrokenReply("the answer is no chat completion")
    parts = _Parts(finish=choices[0].finish_reason, usage=getattr(completion, "usage", None))
    parts.texts.append(choices[0].message.content or "")
    parts.refusals.append(getattr(choices[0].message, "refusal", None) or "")
    return parts.reply()


async def read_stream(stream: Any) -> Reply:
    """From an `AsyncStream` of chunks. Stops reading, which makes the server stop writing, once the text is a loop."""
    parts = _Parts()
    async with stream:
        async for chunk in stream:
            parts.usage = getattr(chunk, "usage", None) or parts.usage
            for choice in (getattr(chunk, "choices", None) or ())[:1]:
                delta = choice.delta
                parts.refusals.append(getattr(delta, "refusal", None) or "")
                parts.finish = choice.finish_reason or parts.finish
                if not getattr(delta, "content", None):
                    continue
                parts.texts.append(delta.content)
                parts.pieces += 1
                if parts.pieces % _LOOK_EVERY == 0 and ends_in_loop("".join(parts.texts)):
                    return parts.reply(loop=True)
    if parts.finish is None:
        raise BrokenReply("the answer broke off")
    return parts.reply()

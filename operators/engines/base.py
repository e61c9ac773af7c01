"""The engine contract: an engine turns a prompt, images and measured facts into text.

An engine spec is a frozen dataclass whose fields are its configuration. `open()` boots the engine once per actor and
yields a `RunningEngine` with `submit(request) -> Future[Generation]`. It returns futures so that one engine can process
requests of many segments simultaneously.
"""

from __future__ import annotations

import abc
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from operators.analysis.facts import Facts
from operators.core.base import ItemError
from operators.core.entry_points import ENGINES, distribution_of
from operators.core.text import storable

KINDS = ("frame", "window", "digest", "names", "outline", "section", "repair", "video")
"""Kinds of requests that Longcap's operators make. Other operators may use other kinds."""


@dataclass(frozen=True, kw_only=True)
class FrameImage:
    """One frame as an encoded image.

    Attributes:
        time_s: the grid time that it was decoded for, in seconds from the first presented frame.
        pts_s: the container's presentation time in seconds.
        jpeg: JPEG bytes in the configured size.
        until_s: end of the span that it represents, in seconds; None if it represents its grid cell.
    """

    time_s: float
    pts_s: float
    jpeg: bytes
    until_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request for text.

    Attributes:
        kind: one of `KINDS`, or an operator's own kind: frame (one image), window (a few seconds), digest (several
            captions in one), names (coreference), outline (the topic of each section), section (a paragraph), repair
            (a paragraph without its unsupported sentences), video (the whole video).
        start_s, end_s: the span to describe, in seconds; for a frame its time and the end of its grid cell.
        prompt: the rendered prompt.
        images: frames in order of time; empty for requests that only aggregate text.
        images_at: index into `prompt` at which the images are inserted; None appends them. Text that many requests
            share comes before it, so that an engine can reuse the prefix.
        instructions: the fixed text of the prompt, the same in all requests of its kind. An answer that repeats it is
            an echo. Engines may ignore it.
        facts: facts measured in the span; None if there are none.
        texts: the captions that a section or a video is narrated from, in order of time.
        words: approximate number of words requested; None leaves it to the engine.
        schema: JSON Schema of the answer, as text; None requests free text.
        seed: seed of the sampler, so that equal input gives equal text.
        attempt: number of this attempt, from 1. Later attempts, after a gate rejected an answer, may sample at a higher
            temperature.
    """

    kind: str
    start_s: float
    end_s: float
    prompt: str
    instructions: str = ""
    images: tuple[FrameImage, ...] = ()
    images_at: int | None = None
    facts: Facts | None = None
    texts: tuple[str, ...] = ()
    words: int | None = None
    schema: str | None = None
    seed: int = 0
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The answer to a request.

    Attributes:
        finish_reason: "stop" for a complete answer; "length" if it was cut at its token limit; "loop" if the engine
            stopped it because it repeated itself; "refusal" if the model or its server refused to answer.
        prompt_tokens, output_tokens: as counted by the model's tokenizer; image tokens are included.
        cached_tokens: prompt tokens that were taken from a cache.
        seconds: from submission to the last token, including the time in the queue.
        cost_usd: the vendor's price in US dollars; 0 for a local engine.
        sampling: JSON of the sampling settings; None if nothing was sampled.

    Output of engines is untrusted: the text is made storable (see `storable`), and numbers are limited to ranges that
    rows can hold.
    """

    text: str
    finish_reason: Literal["stop", "length", "loop", "refusal"] = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    cost_usd: float = 0.0
    sampling: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ItemError("engine", f"the engine's answer is {type(self.text).__name__}, not text")
        object.__setattr__(self, "text", storable(self.text))
        for name in ("prompt_tokens", "output_tokens", "cached_tokens"):
            object.__setattr__(self, name, _bounded(getattr(self, name), _MOST_TOKENS, int))
        for name in ("seconds", "cost_usd"):
            object.__setattr__(self, name, _bounded(getattr(self, name), _MOST, float))


_MOST_TOKENS = 2**40
_MOST = 1e12


def _bounded(value: Any, most: float, kind: type[int] | type[float]) -> Any:
    """Return `value` if it is a number from 0 to `most`, else 0."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    return kind(value) if good else kind(0)


class PromptTooLong(ItemError):
    """The request does not fit the model's context. It must be reduced; a retry would not help.

    Args:
        tokens: length of the prompt in tokens; None if the engine does not report it.
        limit: number of tokens that fit.
    """

    def __init__(self, tokens: int | None, limit: int) -> None:
        self.tokens, self.limit = tokens, limit
        takes = "more tokens" if tokens is None else f"{tokens} tokens"
        super().__init__("gate", f"the prompt takes {takes} and the model has room for {limit}")

    def __reduce__(self) -> Any:
        return (PromptTooLong, (self.tokens, self.limit))


class EngineRefused(ItemError):
    """The engine cannot boot on this machine because of its settings or files. A retry would not help."""

    def __init__(self, message: str) -> None:
        super().__init__("engine", message)

    def __reduce__(self) -> Any:
        return (EngineRefused, (self.message,))


class RunningEngine(abc.ABC):
    """A booted engine. Thread-safe: many segments submit requests simultaneously."""

    context_tokens: int | None = None
    """Limit of prompt and answer together, in tokens; None for no limit."""

    @abc.abstractmethod
    def submit(self, request: Request) -> Future[Generation]:
        """Submit a request and return its future. Never raises.

        If the request fails, the future carries an `operators.core.base.ItemError`: `PromptTooLong` if the request does
        not fit the context, else one of class `engine`.
        """

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text` in a prompt. The base class, for engines without a tokenizer, counts words."""
        return len(text.split())

    def answer_tokens(self, request: Request) -> int:  # noqa: ARG002  # an engine without a limit needs none
        """Number of tokens that the engine reserves for the answer to `request`."""
        return 0


@dataclass(frozen=True, kw_only=True)
class EngineSpec(abc.ABC):
    """Base class of engine specs. `model_id` and `revision` are stored in the provenance of every caption.

    Class variables:
        version: increment it whenever equal requests get different answers; part of every fingerprint.
        generative: whether a model writes the text, so that the gates for language models apply.
        local_model: whether it loads a model on the machine that it runs on.
        place: path of the class in keys, "package.module:ClassName"; None for the module that defines it. Set it to the
            earlier path when a class moves, so that existing keys stay valid.
    """

    version: ClassVar[int]
    generative: ClassVar[bool] = True
    local_model: ClassVar[bool] = False
    place: ClassVar[str | None] = None

    def identity_extra(self) -> dict[str, Any]:
        """Path and version of the engine class, which distinguish engines with equal fields in fingerprints.

        For an engine of another installed distribution, that distribution's version is included.
        """
        cls = type(self)
        extra: dict[str, Any] = {"engine": cls.place or f"{cls.__module__}:{cls.__qualname__}", "version": self.version}
        distribution = distribution_of(cls, ENGINES)
        return extra if distribution is None else {**extra, "distribution": distribution}

    @property
    @abc.abstractmethod
    def model_id(self) -> str: ...

    @property
    def revision(self) -> str:
        return str(self.version)

    @property
    def gpus(self) -> int:
        """Number of GPUs that one engine uses on a machine with GPUs."""
        return 0

    def check(self, *, images: bool, elsewhere: bool = False) -> None:  # noqa: B027  # nothing to check is fine
        """Check, without booting, for problems that would make every request fail.

        Args:
            images: whether requests will contain images.
            elsewhere: whether it may boot on another machine, where software that is missing here may be installed.

        Raises:
            ValueError: one line that says what does not fit and what to do.
        """

    def reach(self) -> None:  # noqa: B027  # a local engine needs no network
        """Check over the network that the engine's server or model is available. Takes a few seconds at most.

        Called once, after `check`, before a run that boots the engine on this machine.

        Raises:
            ValueError: one line that says what is not available and what to do.
        """

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningEngine]:
        """Boot the engine, yield it, and on exit end all its processes and free its memory.

        Raises:
            EngineRefused: it cannot boot, and a retry would not help.
            ItemError: it did not boot, but a retry may succeed.
        """

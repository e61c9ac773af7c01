"""What an engine is: it turns a prompt, pictures and measured facts into text.

An engine *spec* is a frozen dataclass (its fields are its config); `open()` boots it once per actor and yields
something with `submit(request) -> Future[Generation]`. Futures, because requests of many segments must meet inside one
engine.
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
"""Kinds of requests that the operators of Longcap make. Other operators may have other kinds."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One frame as a model gets it.

    Attributes:
        time_s: seconds from the first presented picture at which it is seen.
        pts_s: the container's presentation time in seconds.
        jpeg: JPEG bytes at the size that was asked for.
        until_s: up to when it stands for what is on screen; None where it stands for its grid cell.
    """

    time_s: float
    pts_s: float
    jpeg: bytes
    until_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing to be put into words.

    Attributes:
        kind: what is asked for, one of `KINDS` or a word of the operator's own: frame (one picture), window (a few
            seconds), digest (several captions as one), names (who is who), outline (what each section is to tell),
            section (a paragraph), repair (a paragraph again, without what nothing supports), video (the whole).
        start_s, end_s: the span to describe; for a frame its time and the end of its grid cell.
        prompt: the rendered prompt.
        pictures: frames in order of time; empty where texts alone are aggregated.
        pictures_at: index into `prompt` at which the pictures stand; None: behind it. What is the same in many requests
            stands before them, so that an engine computes it once.
        instructions: the fixed text of the prompt, the same in all requests of its kind; an answer that repeats it is
            an echo. Engines need not look at it.
        facts: what was measured in the span; None where nothing was.
        texts: the captions that a section or a video is narrated from, in order of time.
        words: about how many words are wanted; None leaves it to the engine.
        schema: JSON Schema that the answer has to follow, as text; None: free text.
        seed: seeds whatever draws numbers, so that equal input gives equal text.
        attempt: counts from 1 how often a gate has sent the answer back: a later one may draw more boldly.
    """

    kind: str
    start_s: float
    end_s: float
    prompt: str
    instructions: str = ""
    pictures: tuple[Picture, ...] = ()
    pictures_at: int | None = None
    facts: Facts | None = None
    texts: tuple[str, ...] = ()
    words: int | None = None
    schema: str | None = None
    seed: int = 0
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What came back.

    Attributes:
        finish_reason: "stop" for a whole answer, "length" for one that was cut at its token limit, "loop" for one
            that the engine stopped because it repeated itself, "refusal" where the model or its server says that it
            will not answer.
        prompt_tokens, output_tokens: as the model counts; pictures count as the model's own tokens.
        cached_tokens: of the prompt's, those that the engine did not have to compute again.
        seconds: from submission to the last token, waiting included.
        cost_usd: what a vendor charges for it, in US dollars; 0 for an engine of one's own.
        sampling: JSON of the sampling settings that made it; None where nothing was drawn.

    This is the door for what engines say: text is made storable (see `storable`), and numbers that no row could hold
    are bounded.
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
    """`value`, or 0 for what is no number from 0 to `most`."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    return kind(value) if good else kind(0)


class PromptTooLong(ItemError):
    """The request does not fit the model's context: it must be made smaller, not asked again.

    Args:
        tokens: what the prompt takes; None where the engine does not say.
        limit: what there is room for.
    """

    def __init__(self, tokens: int | None, limit: int) -> None:
        self.tokens, self.limit = tokens, limit
        takes = "more tokens" if tokens is None else f"{tokens} tokens"
        super().__init__("gate", f"the prompt takes {takes} and the model has room for {limit}")

    def __reduce__(self) -> Any:
        return (PromptTooLong, (self.tokens, self.limit))


class EngineRefused(ItemError):
    """The engine does not boot on this machine, and would not if it were tried again: settings or files are wrong."""

    def __init__(self, message: str) -> None:
        super().__init__("engine", message)

    def __reduce__(self) -> Any:
        return (EngineRefused, (self.message,))


class RunningEngine(abc.ABC):
    """A booted engine. Thread-safe: many segments submit at once."""

    context_tokens: int | None = None
    """Tokens that prompt and answer may take together; None: no limit."""

    @abc.abstractmethod
    def submit(self, request: Request) -> Future[Generation]:
        """Never raises; the future carries `operators.core.base.ItemError` when the request failed.

        That is `PromptTooLong` where it does not fit, class `engine` otherwise.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens that `text` takes in a prompt; words here, for an engine without a tokenizer."""
        return len(text.split())

    def answer_tokens(self, request: Request) -> int:  # noqa: ARG002  # an engine without a limit needs none
        """Tokens that the engine keeps free for the answer to `request`."""
        return 0


@dataclass(frozen=True, kw_only=True)
class EngineSpec(abc.ABC):
    """Base of engine specs. `model_id` and `revision` stand in every caption's provenance.

    Class variables:
        version: raised whenever equal requests would get other answers; part of every fingerprint.
        generative: its text is a model's, so that it must pass the gates that catch what models do wrong.
        local_model: it loads a model on the machine it runs on.
        place: the name by which keys know the class, "package.module:ClassName"; None: where it is defined. Set it
            when a class moves, so that what it made before stays valid.
    """

    version: ClassVar[int]
    generative: ClassVar[bool] = True
    local_model: ClassVar[bool] = False
    place: ClassVar[str | None] = None

    def identity_extra(self) -> dict[str, Any]:
        """Which engine it is and its version: two engines with equal fields are not the same captioner.

        Of an engine that an installed distribution offers, the distribution's version counts as well.
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
        """GPUs that one engine takes on a machine that has some."""
        return 0

    def check(self, *, pictures: bool, elsewhere: bool = False) -> None:  # noqa: B027  # nothing to check is fine
        """Look, without booting, for what would make every request fail.

        Args:
            pictures: whether it will be shown any.
            elsewhere: it may boot on another machine: what is missing here may be there.

        Raises:
            ValueError: in one line: what does not fit and what to do.
        """

    def reach(self) -> None:  # noqa: B027  # an engine that is all here has nothing to ask
        """Ask over the network for what every request would need: a server, a model. Takes some seconds at most.

        Called once before a run that boots the engine on this machine, after `check`.

        Raises:
            ValueError: in one line: what is not there and what to do.
        """

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningEngine]:
        """Boot once; on exit leave no process and no memory behind.

        Raises:
            EngineRefused: it does not boot and never will; any other `ItemError` may pass.
        """

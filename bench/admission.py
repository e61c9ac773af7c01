"""Requests of captioning against a scripted engine that sleeps, in virtual time.

The engine runs a limited number of sequences simultaneously; an answer takes as many steps as it has tokens. The
requests are those of `operators.caption` and `operators.narrate`: all frames of a segment simultaneously and its
windows in sequence; an outline, then the sections in sequence, then the opening. The engine's own `Admission` decides
the order of admission, or a rival with the same method.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from math import log
from typing import Protocol

from operators.caption.caption import Caption
from operators.core.grid import Grid, Span
from operators.engines.vllm.admission import PRIORITY, Admission
from operators.engines.vllm.engine import _ROOM as ROOM
from operators.narrate.narrate import Narrate
from tests.support.virtual_time import run

TOKENS = {"frame": 70.0, "window": 120.0, "outline": 400.0, "section": 160.0, "video": 110.0}
"""Median tokens of an answer: a frame's and a window's caption, sections of 120 words a minute, the opening."""
SPREAD = 0.5  # sigma of the log-normal lengths: a tenth exceeds 1.9 times the median
STEP_S = 0.025  # one token of every running sequence
PREPARE_S = 0.01  # decoding and preprocessing of a frame, before its request reaches the engine
PREFILL_S = 0.02  # time of a frame in the prompt
SEGMENT_S = 120.0
DECODE_S = 6.0  # CPU seconds of a segment


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One configuration; the defaults are those of the operators.

    Attributes:
        policy: "admission", or a rival: "arrival" (no priorities), "open" (no limit), "batch" (the next batch
                enters when the previous one is finished).
        chained: whether each window waits for the previous one in its segment.
        room: share of the simultaneous sequences.
        decoders: number of segments that are decoded simultaneously.
    """

    policy: str = "admission"
    chained: bool = True
    room: float = ROOM
    max_num_seqs: int = 64
    concurrency: int = Caption.concurrency
    narrated: int = Narrate.concurrency
    decoders: int = 8


@dataclass
class Engine:
    """`slots` simultaneous sequences, first come first served, as in vLLM's scheduler."""

    slots: int
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    async def generate(self, tokens: float, frames: int) -> None:
        async with self._free:
            began = _now()
            await asyncio.sleep(frames * PREFILL_S + tokens * STEP_S)
            self.spans.append((began, _now()))

    def busy(self, until_s: float) -> float:
        """Return the share of all slots' time up to `until_s` in which a sequence ran."""
        ran = sum(min(end, until_s) - begin for begin, end in self.spans if begin < until_s)
        return ran / (self.slots * until_s)


class Policy(Protocol):
    def enter(self, priority: int) -> AbstractAsyncContextManager[None]: ...


class BatchAtATime:
    """A rival: waiting requests enter together when the engine is empty; a batch waits for its slowest request."""

    def __init__(self, size: int) -> None:
        self._size, self._inside = size, 0
        self._waiting: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def enter(self, priority: int) -> AsyncIterator[None]:  # noqa: ARG002  # a batch has no order
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        asyncio.get_running_loop().call_soon(self._next)  # simultaneous requests form one batch
        await place
        try:
            yield
        finally:
            self._inside -= 1
            self._next()

    def _next(self) -> None:
        if self._inside:
            return
        batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self._inside = len(batch)
        for place in batch:
            place.set_result(None)


@dataclass
class Actor:
    """An engine, and the steps of `operators.engines.vllm.engine.Engine` before a request reaches it."""

    setting: Setting
    engine: Engine
    door: Policy

    @staticmethod
    def of(setting: Setting) -> Actor:
        slots = setting.max_num_seqs
        door: Policy
        if setting.policy == "batch":
            door = BatchAtATime(slots)
        else:
            door = Admission(2**31 if setting.policy == "open" else max(1, int(slots * setting.room)))
        return Actor(setting, Engine(slots), door)

    async def ask(self, kind: str, tokens: float, frames: int = 0) -> None:
        priority = PRIORITY[kind] if self.setting.policy == "admission" else 0
        async with self.door.enter(priority):
            await asyncio.sleep(frames * PREPARE_S)
            await self.engine.generate(tokens, frames)


@dataclass(frozen=True)
class Segment:
    video: int
    frames: tuple[float, ...]
    windows: tuple[float, ...]


@dataclass(frozen=True)
class Job:
    """Videos with the segments and the tokens of each answer; deterministic for equal `minutes` and `seed`."""

    segments: tuple[Segment, ...]
    sections: tuple[tuple[float, ...], ...]
    seconds: float

    @staticmethod
    def of(minutes: list[int], seed: int = 1) -> Job:
        draw = random.Random(seed)

        def tokens(kind: str, count: int) -> tuple[float, ...]:
            return tuple(min(768.0, draw.lognormvariate(log(TOKENS[kind]), SPREAD)) for _ in range(count))

        caption, segments, sections = Caption(), [], []
        for video, length in enumerate(minutes):
            grid = Grid(length * 60.0, caption.window_s, caption.stride_s)
            for start in range(0, length * 60, int(SEGMENT_S)):
                span = Span(float(start), min(start + SEGMENT_S, length * 60.0))
                own = grid.windows_of(span)
                warm_up = min(own.start, caption.warm_up())
                frames = tokens("frame", int(span.seconds))
                segments.append(Segment(video, frames, tokens("window", len(own) + warm_up)))
            parts = max(1, round(length * 60 / Narrate.section_s))
            lengths = (*tokens("outline", 1), *tokens("section", parts), *tokens("video", 1))
            sections.append(lengths)
        return Job(tuple(segments), tuple(sections), sum(minutes) * 60.0)


@dataclass(frozen=True)
class Outcome:
    """Times in seconds of virtual time.

    Attributes:
        busy: share of the captioner's slot time in use, from the start to its last answer.
        fed: the same up to the time at which the last segment entered the actor; after that it only drains.
        took_s: time of the captioner's last answer.
        first_s: time of the first long caption.
        decoded_s: time at which the last segment was decoded.
    """

    busy: float
    fed: float
    took_s: float
    first_s: float
    decoded_s: float


def caption_and_narrate(job: Job, setting: Setting, flush_s: float) -> Outcome:
    """Run decoders, a captioner and a narrator in streaming mode: videos are narrated while others are captioned."""
    return run(_streamed(job, setting, flush_s))


def narrate_all(job: Job, setting: Setting) -> float:
    """Return the utilization of a narrator for which all videos are ready at the start, as in a phased run."""

    async def main() -> float:
        actor, left = Actor.of(setting), iter(job.sections)

        async def thread() -> None:
            for lengths in left:
                await _narrate(actor, lengths)

        await asyncio.gather(*(thread() for _ in range(setting.narrated)))
        return actor.engine.busy(_now())

    return run(main())


async def _streamed(job: Job, setting: Setting, flush_s: float) -> Outcome:
    captioner, narrator = Actor.of(setting), Actor.of(setting)
    decoding = iter(job.segments)
    # Ray Data keeps twice as many blocks in flight as an actor processes simultaneously
    decoded: asyncio.Queue[Segment] = asyncio.Queue(setting.concurrency)
    whole: asyncio.Queue[int] = asyncio.Queue()
    left = [sum(s.video == video for s in job.segments) for video in range(len(job.sections))]
    decoded_s, taken_s, narrated_s = [0.0], [0.0], list[float]()

    async def decoder() -> None:
        for segment in decoding:
            await asyncio.sleep(DECODE_S)
            decoded_s.append(_now())
            await decoded.put(segment)

    async def caption_thread() -> None:
        while True:
            segment = await decoded.get()
            taken_s.append(_now())
            await _caption(captioner, segment)
            left[segment.video] -= 1
            if not left[segment.video]:
                whole.put_nowait(segment.video)

    async def narrate_thread() -> None:
        while True:
            video = await whole.get()
            await asyncio.sleep(flush_s)
            await _narrate(narrator, job.sections[video])
            narrated_s.append(_now())
            if len(narrated_s) == len(job.sections):
                done.set_result(None)

    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tasks = [asyncio.create_task(decoder()) for _ in range(setting.decoders)]
    tasks += [asyncio.create_task(caption_thread()) for _ in range(setting.concurrency)]
    tasks += [asyncio.create_task(narrate_thread()) for _ in range(setting.narrated)]
    await done
    for task in tasks:
        task.cancel()
    took = max(end for _, end in captioner.engine.spans)
    return Outcome(
        busy=captioner.engine.busy(took),
        fed=captioner.engine.busy(max(taken_s)),
        took_s=took,
        first_s=min(narrated_s),
        decoded_s=max(decoded_s),
    )


async def _caption(actor: Actor, segment: Segment) -> None:
    asked = [asyncio.create_task(actor.ask("frame", tokens, 1)) for tokens in segment.frames]
    for tokens in segment.windows:
        window = asyncio.create_task(actor.ask("window", tokens, 10))
        asked.append(window)
        if actor.setting.chained:
            await window
    await asyncio.gather(*asked)


async def _narrate(actor: Actor, lengths: tuple[float, ...]) -> None:
    kinds = ("outline", *("section" for _ in lengths[2:]), "video")
    for kind, tokens in zip(kinds, lengths, strict=True):
        await actor.ask(kind, tokens)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""Frame captions and window captions of one segment: the first two levels of LongCaption-Agent.

Frame level: one caption of static detail for each frame of the 1 fps grid, all at once. Window level: each 10 s window
is told in the light of the caption before it. `chain: segment` restarts that chain at each segment, warmed up by a
window or two before it whose captions only seed the context and are dropped; `chain: none` makes windows independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.base import SIZING, Apply, ItemError, Operator, Row
from operators.engines.base import Picture, Request, RunningEngine
from operators.engines.gates import Answer, ask
from operators.engines.measure import MeasureEngine
from operators.engines.measure.evidence import evidence
from operators.engines.registry import AnyEngine
from operators.fingerprint import digest
from operators.grid import Grid, Span
from operators.measure.facts import Facts
from operators.prompts import Prompt, load_prompt
from operators.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class Caption(Operator):
    """Captions the frames and windows of a segment with one engine."""

    name: ClassVar[str] = "caption"
    version: ClassVar[int] = 1
    pool: ClassVar[Literal["decode", "caption", "narrate"]] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"video_id", "segment_index", "start_s", "end_s", "duration_s", "pictures", "facts", "decode"}
    )
    writes: ClassVar[frozenset[str]] = frozenset({"frames", "windows", "facts", "provenance"})

    engine: Annotated[AnyEngine, Field(description="what turns pictures and prompts into captions")] = field(
        default_factory=MeasureEngine
    )
    window_s: Annotated[float, Field(gt=0, description="length of a window in s; 10 in LongCaption-Agent")] = 10.0
    stride_s: Annotated[
        float, Field(gt=0, description="distance between window starts in s, at most window_s; 5 in LongCaption-Agent")
    ] = 5.0
    chain: Annotated[
        Literal["segment", "none"],
        Field(description="segment: each window knows the caption before it, anew in each segment; none: independent"),
    ] = "segment"
    warm_up_windows: Annotated[
        int, Field(ge=0, le=8, description="windows before a segment that are captioned only to seed its chain")
    ] = 1
    frame_prompt: Annotated[str, Field(description="prompt of a frame: a name or a path to a .j2 file")] = "frame"
    window_prompt: Annotated[str, Field(description="prompt of a window: a name or a path to a .j2 file")] = "window"
    language: Annotated[str, Field(min_length=1, description="language of the captions, as the prompts name it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="times a request is asked before its failure is recorded")] = 3
    concurrency: Annotated[
        int, Field(ge=1, description="segments in one captioner actor at once, so that their requests meet"), SIZING
    ] = 4

    def identity_extra(self) -> dict[str, Any]:
        """The prompts' texts: a changed prompt never reuses stale captions."""
        return {"prompts": [p.hash for p in self._prompts().values()]}

    def _prompts(self) -> dict[str, Prompt]:
        return {"frame": load_prompt(self.frame_prompt), "window": load_prompt(self.window_prompt)}

    def warm_up(self) -> int:
        """Windows that must be decoded before a segment's start."""
        return self.warm_up_windows if self.chain == "segment" else 0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self._prompts()
        with self.engine.open() as engine:
            yield lambda row: self._apply(row, engine, prompts)

    def _apply(self, row: Row, engine: RunningEngine, prompts: dict[str, Prompt]) -> Row:
        work = _Work(
            caption=self,
            engine=engine,
            prompts=prompts,
            segment=Span(row["start_s"], row["end_s"]),
            grid=Grid(row["duration_s"], self.window_s, self.stride_s),
            pictures=[Picture(**p) for p in row["pictures"] or ()],
            facts=Facts.parse(row["facts"]) if row["facts"] else None,
            seed=int(digest([row["video_id"], row["segment_index"]], hex_digits=8), 16),
        )
        frames, windows = work.frames(), work.windows()
        answers = [answer for _, answer in windows]
        if not any(answer.valid for answer in answers):
            why = answers[0]
            raise ItemError(
                why.failure_class or "internal",
                f"no window of the segment could be captioned: {why.problem}",
                attempts=max(1, why.attempts),
            )
        return {
            **row,
            "frames": [{**about, **_columns(answer)} for about, answer in frames],
            "windows": [{**about, **_columns(answer)} for about, answer in windows],
            "facts": work.facts.slice(work.segment.start_s, work.segment.end_s).dump() if work.facts else None,
            "provenance": provenance(self.engine, list(prompts.values()), {"tries": self.tries, "seed": work.seed}),
        }


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One segment being captioned."""

    caption: Caption
    engine: RunningEngine
    prompts: dict[str, Prompt]
    segment: Span
    grid: Grid
    pictures: list[Picture]
    facts: Facts | None
    seed: int

    def _ask(self, request: Request) -> Future[Answer]:
        return ask(self.engine, request, tries=self.caption.tries)

    def _facts(self, span: Span) -> Facts | None:
        return self.facts.slice(span.start_s, span.end_s) if self.facts else None

    def frames(self) -> list[tuple[Row, Answer]]:
        """Every frame that the segment owns, all asked for at once; one that stays on screen is described once."""
        text = self.prompts["frame"].render(language=self.caption.language)
        own = [p for p in self.pictures if self.segment.start_s <= p.time_s < self.segment.end_s]
        cell_s = self._frame_cell_s()
        asked: list[tuple[Row, Future[Answer]]] = []
        for k, picture in enumerate(own):
            if k and picture.pts_s == own[k - 1].pts_s:
                continue
            span = Span(picture.time_s, min(picture.until_s or picture.time_s + cell_s, self.segment.end_s))
            request = Request(
                kind="frame",
                start_s=span.start_s,
                end_s=span.end_s,
                prompt=text,
                pictures=(picture,),
                facts=self._facts(span),
                seed=self.seed + k,
            )
            about = {"time_s": picture.time_s, "pts_s": picture.pts_s, "prompt_hash": digest(text)}
            asked.append((about, self._ask(request)))
        return [(about, answer.result()) for about, answer in asked]

    def _frame_cell_s(self) -> float:
        """Step of the pictures' grid, in s: the decoder chooses it, and where pictures are missing gaps are wider."""
        gaps = (b.time_s - a.time_s for a, b in pairwise(self.pictures))
        return min([self.caption.stride_s, *gaps])

    def windows(self) -> list[tuple[Row, Answer]]:
        """Every window that the segment owns, in order; those before it only seed the chain."""
        own = self.grid.windows_of(self.segment)
        chained = self.caption.chain == "segment"
        previous = ""
        asked: list[tuple[Row, Future[Answer]]] = []
        for k in range(max(0, own.start - self.caption.warm_up()), own.stop):
            request = self._window(k, previous)
            if request.pictures:
                answer = self._ask(request)
                if chained:
                    previous = answer.result().text or previous
            else:
                answer = Future()
                answer.set_result(Answer("", 0, "undecodable", "no picture of it decoded"))
            about = {
                "window_index": k,
                "start_s": request.start_s,
                "end_s": request.end_s,
                "pts_s": [p.pts_s for p in request.pictures],
                "prompt_hash": digest(request.prompt),
            }
            asked.append((about, answer))
        return [(about, answer.result()) for about, answer in asked if about["window_index"] in own]

    def _stands_in(self, picture: Picture, span: Span) -> bool:
        """Whether a picture is of `span`: taken in it, or the last new one before it and still on screen."""
        return span.start_s <= picture.time_s < span.end_s or (
            picture.time_s < span.start_s < (picture.until_s or picture.time_s) - 1e-6
        )

    def _window(self, k: int, previous: str) -> Request:
        span = self.grid.window(k)
        facts = self._facts(span)
        prompt = self.prompts["window"].render(
            language=self.caption.language,
            start_s=span.start_s,
            end_s=span.end_s,
            previous=previous,
            evidence="" if isinstance(self.caption.engine, MeasureEngine) else evidence(facts, span),
        )
        return Request(
            kind="window",
            start_s=span.start_s,
            end_s=span.end_s,
            prompt=prompt,
            pictures=tuple(p for p in self.pictures if self._stands_in(p, span)),
            facts=facts,
            seed=self.seed + k,
        )


def _columns(answer: Answer) -> Row:
    return {
        "text": answer.text,
        "valid": answer.valid,
        "attempts": answer.attempts,
        "problem": answer.problem,
    }

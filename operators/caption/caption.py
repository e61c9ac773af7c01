"""Frame captions and window captions of one segment: the first two levels of LongCaption-Agent.

Frame level: one caption of static detail for each frame of the 1 fps grid, all at once. Window level: each 10 s window
is told in the light of the caption before it. `chain: segment` restarts that chain at each segment, warmed up by a
window or two before it whose captions only seed the context and are dropped. `chain: video` is the paper's: one chain
through the whole video, so that its segments are captioned in order, each seeded by the last caption of the one before
(`previous`). `chain: none` makes windows independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.base import SIZING, Apply, ItemError, Operator, Row
from operators.caption.segment import Seed, SegmentWork, columns
from operators.caption.structure import parse_window
from operators.engines.ask import Usage
from operators.engines.base import Picture, RunningEngine
from operators.engines.gates import gates_of
from operators.engines.measure import MeasureEngine
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.fingerprint import digest
from operators.grid import Grid, Span
from operators.measure.facts import Facts
from operators.prompts import Prompt, load_prompt
from operators.provenance import provenance
from operators.windows import WindowRule, Windows


@dataclass(frozen=True, kw_only=True)
class Caption(Operator):
    """Captions the frames and windows of a segment with one engine.

    Where the chain runs through the video, the row may bring `previous`: text and `window_index` of the last caption.
    """

    name: ClassVar[str] = "caption"
    version: ClassVar[int] = 2
    pool: ClassVar[Literal["decode", "caption", "narrate"]] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"video_id", "segment_index", "start_s", "end_s", "duration_s", "pictures", "facts", "decode"}
    )
    writes: ClassVar[frozenset[str]] = frozenset({"frames", "windows", "facts", "provenance", "usage"})

    engine: Annotated[AnyEngine, Field(description="what turns pictures and prompts into captions")] = field(
        default_factory=MeasureEngine
    )
    window_s: Annotated[float, Field(gt=0, description="length of a window in s; 10 in LongCaption-Agent")] = 10.0
    stride_s: Annotated[
        float, Field(gt=0, description="distance between window starts in s, at most window_s; 5 in LongCaption-Agent")
    ] = 5.0
    windows: Annotated[
        WindowRule,
        Field(
            description="grid: the same times in all videos; shots: each shot has windows of its own, none crosses a "
            "hard cut; needs measure in the recipe"
        ),
    ] = "grid"
    min_shot_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: shots, a shorter shot is told together with the next, in s; 0: each by itself",
        ),
    ] = 0.0
    chain: Annotated[
        Literal["segment", "video", "none"],
        Field(
            description="segment: each window knows the caption before it, anew in each segment; video: all through "
            "the video, whose segments are then captioned in order by one actor; none: independent"
        ),
    ] = "segment"
    warm_up_windows: Annotated[
        int, Field(ge=0, le=8, description="windows before a segment that are captioned only to seed its chain")
    ] = 1
    frames: Annotated[bool, Field(description="caption single frames, too: the detail that windows leave out")] = True
    fields: Annotated[
        bool,
        Field(
            description="ask for windows as JSON: caption, subjects, actions, camera, scene, text on screen; for models"
        ),
    ] = False
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

    def layout(self, duration_s: float) -> Windows:
        """Where the windows of a video of this length lie."""
        grid = Grid(duration_s, self.window_s, self.stride_s)
        return Windows(grid=grid, rule=self.windows, min_shot_s=self.min_shot_s)

    @property
    def chained(self) -> bool:
        """Whether a window knows the caption before it."""
        return self.chain != "none"

    def warm_up(self) -> int:
        """Windows that must be decoded before a segment's start."""
        return self.warm_up_windows if self.chain == "segment" else 0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self._prompts()
        with shared(self.engine) as engine:
            yield lambda row: self._apply(row, engine, prompts)

    def _apply(self, row: Row, engine: RunningEngine, prompts: dict[str, Prompt]) -> Row:
        facts = Facts.parse(row["facts"]) if row["facts"] else None
        work = SegmentWork(
            caption=self,
            engine=engine,
            gates=gates_of(self.engine),
            prompts=prompts,
            segment=Span(row["start_s"], row["end_s"]),
            windows=self.layout(row["duration_s"]),
            pictures=[Picture(**p) for p in row["pictures"] or ()],
            facts=facts,
            seed=int(digest([row["video_id"], row["segment_index"]], hex_digits=8), 16),
            before=Seed(**row["previous"]) if row.get("previous") else Seed(),
        )
        asked = work.frames() if self.frames else []
        told = work.tell()
        windows = told[-len(work.own) :]  # those before them only warm up
        answers = [answer for _, answer in windows]
        if not any(answer.valid for answer in answers):
            why = answers[0]
            raise ItemError(
                why.failure_class or "internal",
                f"no window of the segment could be captioned: {why.problem}",
                attempts=max(1, why.attempts),
            )
        frames = [(about, future.result()) for about, future in asked]
        return {
            **row,
            "frames": [{**about, "text": answer.text, **columns(answer)} for about, answer in frames],
            "windows": [
                {
                    **about,
                    "text": work.text(answer),
                    "fields": parse_window(answer.text).model_dump_json() if self.fields and answer.valid else None,
                    "pts_s": [p.pts_s for p in answer.request.pictures] if answer.request else [],
                    **columns(answer),
                }
                for about, answer in windows
            ],
            "facts": facts.slice(work.segment.start_s, work.segment.end_s).dump() if facts else None,
            "provenance": provenance(self.engine, list(prompts.values()), {"tries": self.tries, "seed": work.seed}),
            "usage": sum((answer.usage for _, answer in (*frames, *told)), Usage()).row(),
        }

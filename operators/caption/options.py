"""What a config says of captions, and the windows and prompts that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from operators.core.base import ADDED, FROM_PLAN, SIZING, Operator
from operators.core.grid import Grid
from operators.core.spoken import talk_of
from operators.core.windows import WindowRule, Windows
from operators.engines.registry import AnyEngine
from operators.engines.template import MeasureEngine
from operators.prompts import Prompt, load_prompt


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(Operator):
    """The fields of the operator `caption`, and what follows from them alone."""

    engine: Annotated[AnyEngine, Field(description="what turns frames and prompts into captions")] = field(
        default_factory=MeasureEngine
    )
    window_s: Annotated[
        float, Field(gt=0, description="length of a window in s; 10 in LongCaption-Agent"), FROM_PLAN
    ] = 10.0
    stride_s: Annotated[
        float,
        Field(gt=0, description="distance between window starts in s, at most window_s; 5 in LongCaption-Agent"),
        FROM_PLAN,
    ] = 5.0
    windows: Annotated[
        WindowRule,
        Field(
            description="grid: the same times in all videos; shots: each shot has windows of its own, none crosses a "
            "hard cut; needs measure in the recipe; lines: as grid, but no edge lies in a spoken line; needs a "
            "table of speech"
        ),
        FROM_PLAN,
    ] = "grid"
    min_shot_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: shots, a shorter shot is captioned with the next one, in s; 0: each by itself",
        ),
        FROM_PLAN,
    ] = 0.0
    line_reach_s: Annotated[
        float,
        Field(ge=0, description="with windows: lines, how far an edge moves at most to a gap between lines, in s"),
        FROM_PLAN,
        ADDED,
    ] = 5.0
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
    frame_similarity: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="SSIM of thumbnails from which a frame gets no caption of its own: that of the frame before it "
            "stands for it; windows show every frame all the same; null: every frame has one",
        ),
        ADDED,
    ] = None
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
        return {"prompts": [p.hash for p in self.prompts().values()]}

    def prompts(self) -> dict[str, Prompt]:
        return {"frame": load_prompt(self.frame_prompt), "window": load_prompt(self.window_prompt)}

    def layout(self, duration_s: float, speech: Iterable[Mapping[str, Any]] | None = None) -> Windows:
        """Where the windows of a video of this length lie.

        Args:
            speech: the column `speech`, at least of the surroundings; counts with `windows: lines` alone.
        """
        grid = Grid(duration_s, self.window_s, self.stride_s)
        return Windows(
            grid=grid,
            rule=self.windows,
            min_shot_s=self.min_shot_s,
            talk=talk_of(speech) if self.windows == "lines" else (),
            line_reach_s=self.line_reach_s,
        )

    @property
    def chained(self) -> bool:
        """Whether a window knows the caption before it."""
        return self.chain != "none"

    def warm_up(self) -> int:
        """Windows that must be decoded before a segment's start."""
        return self.warm_up_windows if self.chain == "segment" else 0

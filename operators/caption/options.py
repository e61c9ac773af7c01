"""Options of the operator `caption`, and the windows and prompts derived from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from operators.core.base import ADDED, FROM_PLAN, SIZING, Operator
from operators.core.grid import Grid
from operators.core.spoken import talk_of
from operators.core.windows import WindowRule, Windows
from operators.embedding.talk import TalkClassifier, check_talk_classifier, talk_identity
from operators.engines.registry import AnyEngine
from operators.engines.template import MeasureEngine
from operators.prompts import Prompt, load_prompt


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(Operator):
    """The fields of the operator `caption`, and properties derived from them."""

    engine: Annotated[AnyEngine, Field(description="engine that captions frames and windows")] = field(
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
            description="grid: the same times in all videos; shots: windows within each shot, so that none crosses a "
            "hard cut (needs measure in the recipe); lines: as grid, but no edge lies in a spoken line "
            "(needs a table of speech)"
        ),
        FROM_PLAN,
    ] = "grid"
    min_shot_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: shots, a shot shorter than this, in s, is captioned with the next one; 0: each "
            "shot separately",
        ),
        FROM_PLAN,
    ] = 0.0
    line_reach_s: Annotated[
        float,
        Field(ge=0, description="with windows: lines, maximum distance in s that an edge moves to a gap between lines"),
        FROM_PLAN,
        ADDED,
    ] = 5.0
    chain: Annotated[
        Literal["segment", "video", "none"],
        Field(
            description="segment: the prompt of a window contains the previous caption of its segment; video: of the "
            "whole video, whose segments are then captioned in order by one actor; none: windows are "
            "independent"
        ),
    ] = "segment"
    warm_up_windows: Annotated[
        int, Field(ge=0, le=8, description="windows before a segment that are captioned only to start its chain")
    ] = 1
    frames: Annotated[
        bool, Field(description="caption single frames as well, for details that captions of windows omit")
    ] = True
    frame_similarity: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="minimum SSIM of thumbnails at which a frame reuses the caption of the previous frame; "
            "windows still show every frame; null: every frame is captioned",
        ),
        ADDED,
    ] = None
    fields: Annotated[
        bool,
        Field(
            description="request windows as JSON with caption, subjects, actions, camera, scene and text on screen; "
            "for engines with a model"
        ),
    ] = False
    frame_prompt: Annotated[str, Field(description="prompt for a frame: a name or a path to a .j2 file")] = "frame"
    window_prompt: Annotated[str, Field(description="prompt for a window: a name or a path to a .j2 file")] = "window"
    language: Annotated[str, Field(min_length=1, description="language of the captions, as named in the prompts")] = (
        "English"
    )
    talk_classifier: TalkClassifier = "words"
    tries: Annotated[
        int, Field(ge=1, le=10, description="maximum attempts of a request before its failure is recorded")
    ] = 3
    concurrency: Annotated[
        int,
        Field(
            ge=1,
            description="segments that one captioner actor processes concurrently, so that their requests are batched",
        ),
        SIZING,
    ] = 4

    def identity_extra(self) -> dict[str, Any]:
        """Hashes of the prompts' texts and of a fitted classifier, so that captions of a changed one are not reused."""
        return {"prompts": [p.hash for p in self.prompts().values()], **talk_identity(self.talk_classifier)}

    def check(self) -> None:
        check_talk_classifier(self.talk_classifier, "caption.talk_classifier")

    def prompts(self) -> dict[str, Prompt]:
        return {"frame": load_prompt(self.frame_prompt), "window": load_prompt(self.window_prompt)}

    def layout(self, duration_s: float, speech: Iterable[Mapping[str, Any]] | None = None) -> Windows:
        """The windows of a video of this duration.

        Args:
            speech: the column `speech`, at least around the requested span; used only with `windows: lines`.
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
        """Whether the prompt of a window contains the caption of the previous one."""
        return self.chain != "none"

    def warm_up(self) -> int:
        """Number of windows that must be decoded before the start of a segment."""
        return self.warm_up_windows if self.chain == "segment" else 0

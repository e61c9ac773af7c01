"""What a config says of long captions, and the words and prompts that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from operators.base import SIZING, Operator
from operators.engines.measure import MeasureEngine
from operators.engines.registry import AnyEngine
from operators.prompts import Prompt, load_prompt


@dataclass(frozen=True, kw_only=True)
class NarrateOptions(Operator):
    """The fields of the operator `narrate`, and what follows from them alone."""

    engine: Annotated[AnyEngine, Field(description="what turns captions into sections and sections into the whole")] = (
        field(default_factory=MeasureEngine)
    )
    section_s: Annotated[
        float, Field(gt=0, description="wanted length of a section in s; its edges move to cuts and windows")
    ] = 60.0
    words_per_minute: Annotated[
        float | None,
        Field(
            gt=0, description="wanted words of all sections a minute of video; null leaves it to what there is to tell"
        ),
    ] = None
    target_words: Annotated[
        int | None, Field(ge=50, description="wanted words of all sections together, whatever the video's length")
    ] = None
    opening_words: Annotated[
        int, Field(ge=10, description="wanted words of the opening, for an engine with a model")
    ] = 80
    outline: Annotated[
        bool, Field(description="let a model plan topics and words of the sections before it writes; else even shares")
    ] = True
    continuations: Annotated[
        int, Field(ge=0, le=10, description="times a section that stays short of its words is gone on with")
    ] = 2
    untold: Annotated[
        Literal["captions", "fail"],
        Field(
            description="where a model gives no good answer for a section: the captions' own sentences "
            "stand for it and integrity is false, or the video fails"
        ),
    ] = "captions"
    section_prompt: Annotated[str, Field(description="prompt of a section: a name or a path to a .j2 file")] = "section"
    video_prompt: Annotated[str, Field(description="prompt of the opening: a name or a path to a .j2 file")] = "video"
    digest_prompt: Annotated[
        str, Field(description="prompt that shortens what does not fit: a name or a path to a .j2 file")
    ] = "digest"
    outline_prompt: Annotated[str, Field(description="prompt of the outline: a name or a path to a .j2 file")] = (
        "outline"
    )
    language: Annotated[str, Field(min_length=1, description="language of the caption, as the prompts name it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="times a request is asked before the video fails")] = 3
    concurrency: Annotated[
        int, Field(ge=1, description="videos in one narrator actor at once, so that their requests meet"), SIZING
    ] = 4

    def identity_extra(self) -> dict[str, Any]:
        """The prompts' texts: a changed prompt never reuses a stale narration."""
        return {"prompts": [p.hash for p in self.prompts().values()]}

    def prompts(self) -> dict[str, Prompt]:
        names = {
            "section": self.section_prompt,
            "video": self.video_prompt,
            "digest": self.digest_prompt,
            "outline": self.outline_prompt,
        }
        return {name: load_prompt(file) for name, file in names.items()}

    def wanted_words(self, seconds: float) -> int | None:
        """Words of all sections of so many seconds of video; None where it is left to the engine."""
        if self.target_words is not None:
            return self.target_words
        return None if self.words_per_minute is None else max(50, round(self.words_per_minute * seconds / 60))

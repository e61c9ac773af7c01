"""The video level: all captions of a video become one long caption in sections, each resting on its windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.base import SIZING, Apply, ItemError, Operator, Row
from operators.engines.ask import Usage
from operators.engines.base import RunningEngine
from operators.engines.gates import gates_of
from operators.engines.measure import MeasureEngine
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.fingerprint import digest
from operators.grid import Grid
from operators.measure.facts import Facts
from operators.narrate.narrator import Narrator
from operators.narrate.sections import plan_sections, plan_sections_by_shots
from operators.narrate.whole import Cells, coverage_of, integrity_of, owned_windows
from operators.prompts import Prompt, load_prompt
from operators.provenance import provenance
from operators.windows import Windows, cuts_of


@dataclass(frozen=True, kw_only=True)
class Narrate(Operator):
    """Tells a whole video from the durable captions of its segments.

    Reads `captioned`: the rows of `rows.CAPTIONED_SEGMENT` of one video, in order, those that could not be captioned
    left out. The texts in the long caption come from the engine alone; coverage and integrity are counted, not told.

    An engine with a model plans first (an outline with words for each section), then writes section by section with the
    text so far in view; what does not fit its context is reduced to digests before. Every sentence names the windows it
    rests on, and one that rests on nothing is left out.

    `measure` has no model and can tell nothing from captions: where another engine made them, its sections quote them,
    each with its time, what overlapping windows both say once.
    """

    name: ClassVar[str] = "narrate"
    version: ClassVar[int] = 4
    pool: ClassVar[Literal["decode", "caption", "narrate"]] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset(
        {
            "video_id",
            "duration_s",
            "incomplete",
            "window_s",
            "stride_s",
            "window_rule",
            "min_shot_s",
            "captioned",
            "segments",
        }
    )
    writes: ClassVar[frozenset[str]] = frozenset(
        {
            "caption",
            "words",
            "subtitles",
            "coverage",
            "integrity",
            "sections",
            "decoded_s",
            "damaged_packets",
            "segments_captioned",
            "windows",
            "windows_captioned",
            "provenance",
            "usage",
        }
    )

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
        return {"prompts": [p.hash for p in self._prompts().values()]}

    def _prompts(self) -> dict[str, Prompt]:
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

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self._prompts()
        with shared(self.engine) as engine:
            yield lambda row: self._apply(row, engine, prompts)

    def _apply(self, row: Row, engine: RunningEngine, prompts: dict[str, Prompt]) -> Row:
        captioned: list[Row] = row["captioned"]
        grid = Grid(row["duration_s"], row["window_s"], row["stride_s"])
        windows = [w for segment in captioned for w in segment["windows"]]
        by_segment = [Facts.parse(s["facts"]) if s["facts"] else None for s in captioned]
        layout = Windows(grid=grid, rule=row["window_rule"], min_shot_s=row["min_shot_s"])
        cells = Cells.of(layout, captioned, by_segment)
        measured = [facts for facts in by_segment if facts is not None]
        facts = Facts.merge(measured) if measured else Facts(start_s=0.0, end_s=grid.duration_s, cell_s=grid.stride_s)
        frames = [f for segment in captioned for f in segment["frames"] if f["valid"]]
        seed = int(digest(row["video_id"], hex_digits=8), 16)
        narrator = Narrator(
            narrate=self,
            engine=engine,
            gates=gates_of(self.engine),
            prompts=prompts,
            grid=grid,
            cells=cells,
            facts=facts,
            seed=seed,
            usage=Usage.of(row.get("usage")),
            quoting=isinstance(self.engine, MeasureEngine)
            and any(s["provenance"]["engine"] != self.engine.kind for s in captioned),
        )
        spans = (
            plan_sections_by_shots(grid.duration_s, cells.starts_s, cuts_of(facts), self.section_s)
            if layout.rule == "shots"
            else plan_sections(grid, facts.boundaries_s(), self.section_s)
        )
        told = ([w for w in owned_windows(cells, windows, span) if w["valid"]] for span in spans)
        # of a span of which nothing could be seen no sentence may tell
        parts = [narrator.part(some, frames) for some in told if some]
        if not parts:
            raise ItemError("gate", "no window of the video has a valid caption, so there is nothing to tell")
        topics, words = narrator.plan(parts)
        sections = [
            narrator.section(part, topic, wanted, number)
            for number, (part, topic, wanted) in enumerate(zip(parts, topics, words, strict=True))
        ]
        opening = narrator.opening(sections)
        caption = "\n\n".join([opening, *(s["text"] for s in sections)])
        return {
            **row,
            "caption": caption,
            "words": len(caption.split()),
            "subtitles": facts.subtitles_status,
            "coverage": coverage_of(cells, captioned),
            "integrity": not narrator.problems
            and not row.get("incomplete")
            and integrity_of(cells, captioned, row["segments"]),
            "sections": sections,
            "decoded_s": sum(s["decode"]["decoded_s"] for s in captioned),
            "damaged_packets": sum(s["decode"]["damaged_packets"] for s in captioned),
            "segments_captioned": len(captioned),
            "windows": len(cells.starts_s),
            "windows_captioned": sum(1 for w in windows if w["valid"]),
            "provenance": provenance(self.engine, list(prompts.values()), {"tries": self.tries, "seed": seed}),
            "usage": narrator.usage.row(),
        }

"""The video level: all captions of a video become one long caption in sections, each resting on its windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.base import Apply, ItemError, Operator, Row
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import Answer, ask
from operators.engines.measure import MeasureEngine
from operators.engines.registry import AnyEngine
from operators.fingerprint import digest
from operators.grid import Grid, Span
from operators.measure.facts import Facts
from operators.narrate.sections import plan_sections
from operators.narrate.whole import coverage_of, integrity_of, owned_windows
from operators.prompts import Prompt, load_prompt
from operators.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class Narrate(Operator):
    """Tells a whole video from the durable captions of its segments.

    Reads `captioned`: the rows of `rows.CAPTIONED_SEGMENT` of one video, in order, those that could not be captioned
    left out. The texts in the long caption come from the engine alone; coverage and integrity are counted, not told.
    """

    name: ClassVar[str] = "narrate"
    version: ClassVar[int] = 1
    pool: ClassVar[Literal["decode", "caption", "narrate"]] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"video_id", "duration_s", "window_s", "stride_s", "captioned", "segments"}
    )
    writes: ClassVar[frozenset[str]] = frozenset(
        {
            "caption",
            "words",
            "coverage",
            "integrity",
            "sections",
            "decoded_s",
            "damaged_packets",
            "segments_captioned",
            "windows",
            "windows_captioned",
            "provenance",
        }
    )

    engine: Annotated[AnyEngine, Field(description="what turns captions into sections and sections into the whole")] = (
        field(default_factory=MeasureEngine)
    )
    section_s: Annotated[
        float, Field(gt=0, description="wanted length of a section in s; its edges move to cuts and windows")
    ] = 60.0
    section_words: Annotated[
        int | None, Field(ge=10, description="wanted words a section; null leaves it to what there is to tell")
    ] = None
    section_prompt: Annotated[str, Field(description="prompt of a section: a name or a path to a .j2 file")] = "section"
    video_prompt: Annotated[str, Field(description="prompt of the opening: a name or a path to a .j2 file")] = "video"
    language: Annotated[str, Field(min_length=1, description="language of the caption, as the prompts name it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="times a request is asked before the video fails")] = 3

    def identity_extra(self) -> dict[str, Any]:
        """The prompts' texts: a changed prompt never reuses a stale narration."""
        return {"prompts": [p.hash for p in self._prompts().values()]}

    def _prompts(self) -> dict[str, Prompt]:
        return {"section": load_prompt(self.section_prompt), "video": load_prompt(self.video_prompt)}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self._prompts()
        with self.engine.open() as engine:
            yield lambda row: self._apply(row, engine, prompts)

    def _apply(self, row: Row, engine: RunningEngine, prompts: dict[str, Prompt]) -> Row:
        captioned: list[Row] = row["captioned"]
        grid = Grid(row["duration_s"], row["window_s"], row["stride_s"])
        windows = [w for segment in captioned for w in segment["windows"]]
        measured = [Facts.parse(s["facts"]) for s in captioned if s["facts"]]
        facts = Facts.merge(measured) if measured else Facts(start_s=0.0, end_s=grid.duration_s, cell_s=grid.stride_s)
        frames = [f for segment in captioned for f in segment["frames"] if f["valid"]]
        seed = int(digest(row["video_id"], hex_digits=8), 16)

        sections: list[dict[str, Any]] = []
        for span in plan_sections(grid, facts.boundaries_s(), self.section_s):
            told = [w for w in owned_windows(grid, windows, span) if w["valid"]]
            if not told:  # nothing of it could be seen: no sentence may stand for it
                continue
            told_span = Span(grid.owned(told[0]["window_index"]).start_s, grid.owned(told[-1]["window_index"]).end_s)
            request = self._request(
                "section",
                told_span,
                prompts["section"],
                texts=[w["text"] for w in told],
                facts=facts,
                seed=seed + len(sections),
                details=[f["text"] for f in frames if told_span.start_s <= f["time_s"] < told_span.end_s],
            )
            answer = _must(ask(engine, request, tries=self.tries).result(), "section", told_span)
            sections.append(
                {
                    "section_index": len(sections),
                    "start_s": told_span.start_s,
                    "end_s": told_span.end_s,
                    "text": answer.text,
                    "windows": [w["window_index"] for w in told],
                }
            )
        if not sections:
            raise ItemError("gate", "no window of the video has a valid caption, so there is nothing to tell")

        whole = Span(0.0, row["duration_s"])
        paragraphs = [s["text"] for s in sections]
        request = self._request("video", whole, prompts["video"], texts=paragraphs, facts=facts, seed=seed)
        opening = _must(ask(engine, request, tries=self.tries).result(), "video", whole)
        caption = "\n\n".join([opening.text, *(s["text"] for s in sections)])
        return {
            **row,
            "caption": caption,
            "words": len(caption.split()),
            "coverage": coverage_of(grid, captioned),
            "integrity": integrity_of(grid, captioned, row["segments"]),
            "sections": sections,
            "decoded_s": sum(s["decode"]["decoded_s"] for s in captioned),
            "damaged_packets": sum(s["decode"]["damaged_packets"] for s in captioned),
            "segments_captioned": len(captioned),
            "windows": grid.window_count,
            "windows_captioned": sum(1 for w in windows if w["valid"]),
            "provenance": provenance(self.engine, list(prompts.values()), {"tries": self.tries, "seed": seed}),
        }

    def _request(
        self,
        kind: Literal["section", "video"],
        span: Span,
        prompt: Prompt,
        *,
        texts: list[str],
        facts: Facts,
        seed: int,
        details: list[str] | None = None,
    ) -> Request:
        words = self.section_words
        text = prompt.render(
            language=self.language,
            start_s=span.start_s,
            end_s=span.end_s,
            duration_s=span.end_s,
            words=words,
            texts=texts,
            details=details or [],
        )
        return Request(
            kind=kind,
            start_s=span.start_s,
            end_s=span.end_s,
            prompt=text,
            facts=facts.slice(span.start_s, span.end_s),
            texts=tuple(texts),
            words=words,
            seed=seed,
        )


def _must(answer: Answer, what: str, span: Span) -> Answer:
    if answer.failure_class is None:
        return answer
    raise ItemError(
        answer.failure_class,
        f"the {what} from {span.start_s:.0f} s to {span.end_s:.0f} s could not be told: {answer.problem}",
        attempts=answer.attempts,
    )

"""The operator `narrate`: turns all captions of a video into one long caption in sections, supported by windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from operators.analysis.facts import Facts, cuts_of
from operators.audio.heard import Heard
from operators.core.base import Apply, ItemError, Level, Row
from operators.core.fingerprint import digest
from operators.core.grid import Grid
from operators.core.windows import Windows
from operators.embedding.talk import talk_embedder
from operators.engines.ask import Usage
from operators.engines.base import EngineRefused, RunningEngine
from operators.engines.gates import gates_of
from operators.engines.provenance import provenance
from operators.engines.shared import shared
from operators.engines.template import MeasureEngine
from operators.evidence.evidence import Evidence
from operators.evidence.items import COLUMNS, KINDS
from operators.narrate.asking import Asking
from operators.narrate.fresh import duplicates
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.narrator import Narrator
from operators.narrate.options import NarrateOptions
from operators.narrate.sections import nearest_starts, plan_sections, plan_sections_by_shots
from operators.narrate.whole import Cells, coverage_of, integrity_of, owned_windows
from operators.prompts import Prompt


@dataclass(frozen=True, kw_only=True)
class Narrate(NarrateOptions):
    """Narrates a whole video from the stored captions of its segments.

    Reads `captioned`: the rows of `rows.CAPTIONED_SEGMENT` of one video, in order, without failed segments. The texts
    of the long caption come only from the engine; coverage and integrity are computed.

    An engine with a model first plans an outline with a number of words for each section, then writes section by
    section with the preceding text in the prompt. Captions that do not fit the context are condensed to digests first.
    Every sentence names the windows that support it; unsupported sentences are removed.

    If the row has `speech` (`operators.audio.lines.LINE`), the speech in a section enters its prompt and counts as
    support beside the captions. If it has `scenes` (`operators.embedding.tile.SCENE`), sections start at scenes instead
    of cuts, as far as windows allow.

    The engine `measure` has no model and cannot rewrite captions. If another engine made them, its sections quote the
    captions with their times, without what overlapping windows repeat.
    """

    name: ClassVar[str] = "narrate"
    version: ClassVar[int] = 6
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
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
    may_read: ClassVar[frozenset[str]] = frozenset({*COLUMNS, "scenes"})
    writes: ClassVar[frozenset[str]] = frozenset(
        {
            "caption",
            "words",
            "wanted_words",
            "repeated_sentences",
            "opening",
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

    def check_columns(self, columns: frozenset[str]) -> None:
        if not self.engine.generative:
            return
        text, others = self.prompts()["section"].text, sorted(columns & KINDS.keys())
        if others and "known" not in text:
            raise ValueError(
                f"the table is made from {', '.join(others)}, and the prompt {self.section_prompt} has no place for "
                "it; set narrate.section_prompt to section_evidence, or leave it out of the table's parents"
            )
        if "speech" in columns and "subtitles" not in text and "known" not in text:
            raise ValueError(
                f"the table is made from speech, and the prompt {self.section_prompt} has no place for it; set "
                "narrate.section_prompt to section_speech, or leave speech out of the table's parents"
            )

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self.prompts()
        try:
            toolkit = self.toolkit()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        talk_embedder(self.talk_classifier)
        with shared(self.engine) as engine:
            yield lambda row: self._apply(row, engine, prompts, toolkit)

    def _apply(self, row: Row, engine: RunningEngine, prompts: dict[str, Prompt], toolkit: Toolkit) -> Row:
        captioned: list[Row] = row["captioned"]
        grid = Grid(row["duration_s"], row["window_s"], row["stride_s"])
        windows = [w for segment in captioned for w in segment["windows"]]
        by_segment = [Facts.of(s) for s in captioned]
        layout = Windows(grid=grid, rule=row["window_rule"], min_shot_s=row["min_shot_s"])
        cells = Cells.of(layout, captioned, by_segment)
        measured = [facts for facts in by_segment if facts is not None]
        facts = Facts.merge(measured) if measured else Facts(start_s=0.0, end_s=grid.duration_s, cell_s=grid.stride_s)
        frames = [f for segment in captioned for f in segment["frames"] if f["valid"]]
        seed = int(digest(row["video_id"], hex_digits=8), 16)
        asking = Asking(
            narrate=self,
            engine=engine,
            gates=gates_of(self.engine),
            prompts=prompts,
            grid=grid,
            facts=facts,
            seed=seed,
            usage=Usage.of(row.get("usage")),
            evidence=Evidence.of(row),
            embed=toolkit.embed,
        )
        narrator = Narrator(
            asking=asking,
            cells=cells,
            toolkit=toolkit,
            quoting=isinstance(self.engine, MeasureEngine)
            and any(s["provenance"]["engine"] != self.engine.kind for s in captioned),
        )
        scenes = [scene["start_s"] for scene in row.get("scenes") or ()][1:]  # the first begins with the video
        heard = Heard.of(row.get("speech")) if self.keep_lines else None
        lines = [(line.start_s, line.end_s) for line in heard.lines] if heard is not None else []
        spans = (
            plan_sections(grid, scenes or facts.boundaries_s(), self.section_s, lines)
            if layout.rule == "grid"
            else plan_sections_by_shots(
                grid.duration_s,
                cells.starts_s,
                cuts_of(facts)
                if layout.rule == "shots"
                else nearest_starts(cells.starts_s, scenes or facts.boundaries_s(), grid.stride_s / 2),
                self.section_s,
                lines,
            )
        )
        narrated = ([w for w in owned_windows(cells, windows, span) if w["valid"]] for span in spans)
        # no sentence may describe a span without captions
        parts = [narrator.part(some, frames) for some in narrated if some]
        if not parts:
            raise ItemError("gate", "no window of the video has a valid caption, so there is nothing to tell")
        topics, words = narrator.plan(parts)
        sections = [
            narrator.section(part, topic, wanted, number)
            for number, (part, topic, wanted) in enumerate(zip(parts, topics, words, strict=True))
        ]
        opening = narrator.opening(sections)
        caption = "\n\n".join(text for part in (opening, *sections) if (text := part["text"]))
        wanted = [s["wanted_words"] for s in sections if s["wanted_words"] is not None]
        return {
            **row,
            "caption": caption,
            "words": len(caption.split()),
            "wanted_words": sum(wanted) if wanted else None,
            "repeated_sentences": duplicates(
                [s for narrated in narrator.narrated for s in narrated], narrator.alike, narrator.spans
            ),
            "opening": opening,
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
            "usage": asking.usage.row(),
        }

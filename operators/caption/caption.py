"""Frame captions and window captions of one segment: the first two levels of LongCaption-Agent.

Frame level: one caption of static detail for each frame of the 1 fps grid, requested simultaneously. Window level: the
prompt of each 10 s window contains the caption of the previous window. `chain: segment` restarts this chain at each
segment; one or two warm-up windows before the segment provide the first context, and their captions are dropped.
`chain: video` is the method of the paper: one chain through the whole video, so that segments are captioned in order
and each starts from the last caption of the previous one (`previous`). `chain: none` makes windows independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from operators.analysis.facts import Facts
from operators.caption.options import CaptionOptions
from operators.caption.segment import Seed, SegmentWork, columns
from operators.caption.structure import parse_window
from operators.core.base import Apply, ItemError, Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.embedding.talk import talk_embedder
from operators.engines.ask import Usage
from operators.engines.base import FrameImage, RunningEngine
from operators.engines.gates import gates_of
from operators.engines.provenance import provenance
from operators.engines.shared import shared
from operators.evidence.evidence import Evidence
from operators.evidence.items import COLUMNS, KINDS
from operators.prompts import Prompt


@dataclass(frozen=True, kw_only=True)
class Caption(CaptionOptions):
    """Captions the frames and windows of a segment with one engine.

    With `chain: video`, the row may have `previous`: text and `window_index` of the last caption. If it has `speech`
    (`operators.audio.lines.LINE`), the speech in a window enters that window's prompt in place of the subtitles, which
    a table of speech includes. Text on screen and objects (`operators.evidence.items.COLUMNS`) enter prompts with a
    blank for evidence, such as `window_evidence`.
    """

    name: ClassVar[str] = "caption"
    version: ClassVar[int] = 3
    pool: ClassVar[str] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"video_id", "segment_index", "start_s", "end_s", "duration_s", "images", "facts", "decode"}
    )
    may_read: ClassVar[frozenset[str]] = COLUMNS
    writes: ClassVar[frozenset[str]] = frozenset({"frames", "windows", "facts", "provenance", "usage"})

    def check_columns(self, columns: frozenset[str]) -> None:
        others = sorted(columns & KINDS.keys())
        if others and self.engine.generative and "known" not in self.prompts()["window"].text:
            raise ValueError(
                f"the table is made from {', '.join(others)}, and the prompt {self.window_prompt} has no place for it; "
                "set caption.window_prompt to window_evidence, or leave it out of the table's parents"
            )

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompts = self.prompts()
        talk_embedder(self.talk_classifier)
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
            windows=self.layout(row["duration_s"], row.get("speech")),
            images=[FrameImage(**p) for p in row["images"] or ()],
            facts=facts,
            evidence=Evidence.of(row),
            seed=int(digest([row["video_id"], row["segment_index"]], hex_digits=8), 16),
            before=Seed(**row["previous"]) if row.get("previous") else Seed(),
        )
        asked = work.frames() if self.frames else []
        narrated = work.tell()
        windows = narrated[-len(work.own) :]  # without the warm-up windows
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
                    "pts_s": [p.pts_s for p in answer.request.images] if answer.request else [],
                    **columns(answer),
                }
                for about, answer in windows
            ],
            "facts": found.dump() if (found := work.facts_of(work.segment)) else None,
            "provenance": provenance(self.engine, list(prompts.values()), {"tries": self.tries, "seed": work.seed}),
            "usage": sum((answer.usage for _, answer in (*frames, *narrated)), Usage()).row(),
        }

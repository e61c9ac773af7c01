"""Captioning of one segment: frames simultaneously, windows in order, each with the caption of the previous one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise

from operators.analysis.facts import Facts, cuts_of
from operators.caption.options import CaptionOptions
from operators.caption.structure import WindowFields, parse_window, window_schema
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.core.windows import Window, Windows
from operators.embedding.talk import talk_embedder
from operators.engines.ask import Answer, Smaller, ask
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import About, Gate
from operators.engines.template import MeasureEngine
from operators.engines.template.evidence import evidence
from operators.evidence.evidence import Evidence
from operators.language.shorten import last_words
from operators.prompts import Prompt, Rendered
from operators.video.duplicates import jpeg_thumbnail, structural_similarity

_SHORT_WORDS = 60  # words kept from the end of the previous caption if a prompt is too long


@dataclass(frozen=True)
class Seed:
    """The caption that starts a chain, and the `window_index` of its window; an empty text starts a new chain."""

    text: str = ""
    window_index: int | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentWork:
    """Requests the captions of one segment.

    Attributes:
        caption: the operator, for its settings.
        images: images of the segment and its surroundings, in order of time.
        facts: facts measured there; None if there are none.
        seed: the segment's base seed for sampling.
        before: the last caption of the previous segment, with `chain: video`.
        evidence: further evidence around the segment; None if the recipe has no tables of it.
    """

    caption: CaptionOptions
    engine: RunningEngine
    gates: tuple[Gate, ...]
    prompts: dict[str, Prompt]
    segment: Span
    windows: Windows
    images: list[FrameImage]
    facts: Facts | None
    seed: int
    before: Seed = field(default_factory=Seed)
    evidence: Evidence | None = None

    def frames(self) -> list[tuple[Row, Future[Answer]]]:
        """Request captions of all frames that the segment owns, simultaneously. A frame that stays on screen is
        captioned once, and so are near-duplicates if `frame_similarity` is set."""
        prompt = self.prompts["frame"].render(language=self.caption.language)
        own = [p for p in self.images if self.segment.start_s <= p.time_s < self.segment.end_s]
        cell_s = self._frame_cell_s()
        asked: list[tuple[Row, Future[Answer]]] = []
        for k, last in self._distinct(own):
            image = own[k]
            until_s = own[last].until_s or own[last].time_s + cell_s
            span = Span(image.time_s, min(until_s, self.segment.end_s))
            request = Request(
                kind="frame",
                start_s=span.start_s,
                end_s=span.end_s,
                prompt=prompt.text,
                instructions=self.prompts["frame"].instructions,
                images_at=prompt.images_at,
                images=(image,),
                facts=self.facts_of(span),
                seed=self.seed + k,
            )
            about = {"time_s": image.time_s, "pts_s": image.pts_s}
            asked.append((about, self._ask(request)))
        return asked

    def _distinct(self, own: Sequence[FrameImage]) -> Iterator[tuple[int, int]]:
        """Indices of the frames to caption, each with the index of the last near-duplicate that it represents."""
        similarity = self.caption.frame_similarity
        first = last = 0
        seen = jpeg_thumbnail(own[0].jpeg) if own and similarity is not None else None
        for k in range(1, len(own)):
            if own[k].pts_s == own[k - 1].pts_s:
                continue
            if similarity is not None and seen is not None:
                now = jpeg_thumbnail(own[k].jpeg)
                if now.shape == seen.shape and structural_similarity(seen, now) >= similarity:
                    last = k
                    continue
                seen = now
            yield first, last
            first = last = k
        if own:
            yield first, last

    @cached_property
    def own(self) -> list[Window]:
        """The windows that the segment owns."""
        return self.windows.of(self.segment, self._cuts_s)

    @property
    def _cuts_s(self) -> Sequence[float]:
        return cuts_of(self.facts)

    def tell(self) -> list[tuple[Row, Answer]]:
        """All windows that the segment owns, in order, after the warm-up windows that only start the chain."""
        before = self.before
        warm_up = self.windows.before(self.segment, self.caption.warm_up(), self._cuts_s)
        asked: list[tuple[Row, Future[Answer]]] = []
        for window in [*warm_up, *self.own]:
            smaller = self._window(window, before.text)
            request = smaller(0)
            assert request is not None
            if request.images:
                answer = self._ask(request, smaller)
            else:
                answer = Future()
                answer.set_result(Answer("", 0, "undecodable", "no frame of it decoded", request))
            about = {
                "window_index": window.index,
                "start_s": request.start_s,
                "end_s": request.end_s,
                "previous_window": before.window_index if before.text else None,
            }
            asked.append((about, answer))
            if self.caption.chained and request.images and answer.result().valid:
                before = Seed(self.text(answer.result()), window.index)
        return [(about, answer.result()) for about, answer in asked]

    def text(self, answer: Answer) -> str:
        """The caption in an answer, which may be one of its fields."""
        return parse_window(answer.text).caption.strip() if self.caption.fields and answer.valid else answer.text

    # -- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, request: Request, smaller: Callable[[int], Request | None] | None = None) -> Future[Answer]:
        about = About(
            language=self.caption.language,
            duration_s=self.windows.grid.duration_s,
            form=WindowFields if request.schema else None,
            parse=parse_window if request.schema else None,
            prose=(lambda fields: fields.caption) if request.schema else None,
            embed=talk_embedder(self.caption.talk_classifier),
        )
        tries, clean = self.caption.tries, self.caption.engine.generative
        return ask(self.engine, request, tries=tries, gates=self.gates, about=about, clean=clean, smaller=smaller)

    def facts_of(self, span: Span) -> Facts | None:
        """The facts measured in `span`, with recognised speech in place of its subtitles if there is any."""
        facts = self.facts.slice(span.start_s, span.end_s) if self.facts else None
        if facts is None or self.evidence is None:
            return facts
        return self.evidence.within(span.start_s, span.end_s).facts(facts)

    def _frame_cell_s(self) -> float:
        """Distance of the frame grid in seconds, which the decoder chose. Gaps are wider where frames are missing."""
        gaps = (b.time_s - a.time_s for a, b in pairwise(self.images))
        return min([self.caption.stride_s, *gaps])

    def _window(self, window: Window, previous: str) -> Smaller:
        """The requests for a window: first complete, then reduced step by step, down to a single frame."""
        span = window.span
        facts = self.facts_of(span)
        images = tuple(p for p in self.images if _stands_in(p, span))
        render = partial(
            window_prompt,
            self.prompts["window"],
            language=self.caption.language,
            fields=self.caption.fields,
            span=span,
            facts=facts,
            known=self.evidence.within(span.start_s, span.end_s) if self.evidence else None,
            count=self.engine.count_tokens,
        )
        with_evidence = not isinstance(self.caption.engine, MeasureEngine)

        def request(times: int) -> Request | None:
            every = 2 ** max(0, times - 2)
            last = every > 1 and len(images) <= every // 2  # not even one: without the caption before?
            if last and (not previous or len(images) <= every // 4):
                return None
            prompt = render(
                previous="" if last else previous if times < 2 else shortened(previous),
                with_evidence=with_evidence and times == 0,
            )
            return Request(
                kind="window",
                start_s=span.start_s,
                end_s=span.end_s,
                prompt=prompt.text,
                instructions=self.prompts["window"].instructions,
                images_at=prompt.images_at,
                images=images[::every],
                facts=facts,
                schema=window_schema() if self.caption.fields else None,
                seed=self.seed + window.index,
            )

        return request


def window_prompt(
    prompt: Prompt,
    *,
    language: str,
    fields: bool,
    span: Span,
    facts: Facts | None,
    previous: str,
    with_evidence: bool,
    known: Evidence | None = None,
    count: Callable[[str], int] = lambda text: len(text.split()),
) -> Rendered:
    """Render the prompt of a window.

    Args:
        fields: whether the answer is requested as JSON.
        facts: facts of `span`; None if nothing was measured.
        previous: the caption of the previous window; empty for none.
        with_evidence: whether the prompt contains measured facts.
        known: further evidence of `span`; its speech takes the place of the subtitles in `facts`.
        count: counts the tokens of a text.
    """
    shown = [line.text for line in facts.subtitles or ()] if facts else []
    return prompt.render(
        language=language,
        start_s=span.start_s,
        end_s=span.end_s,
        fields=fields,
        previous=previous,
        subtitles=shown if known is None or known.heard is None else known.spoken(),
        known=known.texts(seconds=span.seconds, count=count, about=[previous] if previous else ()) if known else [],
        evidence=evidence(replace(facts, subtitles=None), span) if facts and with_evidence else "",
    )


def shortened(previous: str) -> str:
    """The end of the previous caption, for a prompt that was too long."""
    return last_words(" ".join(previous.split()), _SHORT_WORDS)


def _stands_in(image: FrameImage, span: Span) -> bool:
    """Whether a frame is on screen in `span`: decoded in it, or the last one before it and still on screen."""
    return span.start_s <= image.time_s < span.end_s or (
        image.time_s < span.start_s < (image.until_s or image.time_s) - 1e-6
    )


def columns(answer: Answer) -> Row:
    """The fields of `structs.FRAME_CAPTION`, `structs.WINDOW_CAPTION` and `structs.SECTION` that describe an answer."""
    return {
        "valid": answer.valid,
        "prompt_hash": digest(answer.request.prompt) if answer.request else None,
        "sampling": answer.sampling,
        "attempts": answer.attempts,
        "problem": answer.problem,
        "usage": answer.usage.row(),
    }

"""One segment being captioned: frames all at once, windows one after the other in the light of the one before."""

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
from operators.engines.ask import Answer, Smaller, ask
from operators.engines.base import Picture, Request, RunningEngine
from operators.engines.gates import About, Gate
from operators.engines.template import MeasureEngine
from operators.engines.template.evidence import evidence
from operators.evidence.evidence import Evidence
from operators.prompts import Prompt, Rendered
from operators.video.duplicates import jpeg_thumbnail, structural_similarity

_SHORT_WORDS = 60  # of the caption before, where a prompt is too long: its end says where things stand


@dataclass(frozen=True)
class Seed:
    """The caption that starts a chain: `window_index` of the window it tells; an empty text starts anew."""

    text: str = ""
    window_index: int | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentWork:
    """Asks for the captions of one segment.

    Attributes:
        caption: the operator, for its settings.
        pictures: of the segment and what stands around it, in order of time.
        facts: what was measured there; None where nothing was.
        seed: the segment's first number to draw from.
        before: the last caption of the segment before, where the chain runs through the video.
        evidence: what is known around there beside the frames; None where the recipe has no tables of it.
    """

    caption: CaptionOptions
    engine: RunningEngine
    gates: tuple[Gate, ...]
    prompts: dict[str, Prompt]
    segment: Span
    windows: Windows
    pictures: list[Picture]
    facts: Facts | None
    seed: int
    before: Seed = field(default_factory=Seed)
    evidence: Evidence | None = None

    def frames(self) -> list[tuple[Row, Future[Answer]]]:
        """Every frame that the segment owns, all asked for at once; one that stays on screen is described once, and
        where `frame_similarity` says so, one that hardly changes, too."""
        prompt = self.prompts["frame"].render(language=self.caption.language)
        own = [p for p in self.pictures if self.segment.start_s <= p.time_s < self.segment.end_s]
        cell_s = self._frame_cell_s()
        asked: list[tuple[Row, Future[Answer]]] = []
        for k, last in self._distinct(own):
            picture = own[k]
            until_s = own[last].until_s or own[last].time_s + cell_s
            span = Span(picture.time_s, min(until_s, self.segment.end_s))
            request = Request(
                kind="frame",
                start_s=span.start_s,
                end_s=span.end_s,
                prompt=prompt.text,
                instructions=self.prompts["frame"].instructions,
                pictures_at=prompt.pictures_at,
                pictures=(picture,),
                facts=self.facts_of(span),
                seed=self.seed + k,
            )
            about = {"time_s": picture.time_s, "pts_s": picture.pts_s}
            asked.append((about, self._ask(request)))
        return asked

    def _distinct(self, own: Sequence[Picture]) -> Iterator[tuple[int, int]]:
        """Places of the frames that get a caption, each with that of the last near-duplicate that it stands for."""
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
        """Every window that the segment owns, in order, and before them those that only seed the chain."""
        before = self.before
        warm_up = self.windows.before(self.segment, self.caption.warm_up(), self._cuts_s)
        asked: list[tuple[Row, Future[Answer]]] = []
        for window in [*warm_up, *self.own]:
            smaller = self._window(window, before.text)
            request = smaller(0)
            assert request is not None
            if request.pictures:
                answer = self._ask(request, smaller)
            else:
                answer = Future()
                answer.set_result(Answer("", 0, "undecodable", "no picture of it decoded", request))
            about = {
                "window_index": window.index,
                "start_s": request.start_s,
                "end_s": request.end_s,
                "previous_window": before.window_index if before.text else None,
            }
            asked.append((about, answer))
            if self.caption.chained and request.pictures and answer.result().valid:
                before = Seed(self.text(answer.result()), window.index)
        return [(about, answer.result()) for about, answer in asked]

    def text(self, answer: Answer) -> str:
        """The caption in an answer, which may be one field of it."""
        return parse_window(answer.text).caption.strip() if self.caption.fields and answer.valid else answer.text

    # -- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, request: Request, smaller: Callable[[int], Request | None] | None = None) -> Future[Answer]:
        about = About(
            language=self.caption.language,
            duration_s=self.windows.grid.duration_s,
            form=WindowFields if request.schema else None,
            parse=parse_window if request.schema else None,
            prose=(lambda fields: fields.caption) if request.schema else None,
        )
        tries, clean = self.caption.tries, self.caption.engine.generative
        return ask(self.engine, request, tries=tries, gates=self.gates, about=about, clean=clean, smaller=smaller)

    def facts_of(self, span: Span) -> Facts | None:
        """What was measured in `span`, and as its subtitles what is said in it, where that is known better."""
        facts = self.facts.slice(span.start_s, span.end_s) if self.facts else None
        if facts is None or self.evidence is None:
            return facts
        return self.evidence.within(span.start_s, span.end_s).facts(facts)

    def _frame_cell_s(self) -> float:
        """Step of the pictures' grid, in s: the decoder chooses it, and where pictures are missing gaps are wider."""
        gaps = (b.time_s - a.time_s for a, b in pairwise(self.pictures))
        return min([self.caption.stride_s, *gaps])

    def _window(self, window: Window, previous: str) -> Smaller:
        """How to ask for a window: first with all there is, then with less and less, down to one picture alone."""
        span = window.span
        facts = self.facts_of(span)
        pictures = tuple(p for p in self.pictures if _stands_in(p, span))
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
            last = every > 1 and len(pictures) <= every // 2  # not even one: without the caption before?
            if last and (not previous or len(pictures) <= every // 4):
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
                pictures_at=prompt.pictures_at,
                pictures=pictures[::every],
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
    """What a model is asked of a window.

    Args:
        fields: whether the answer is asked for as JSON.
        facts: of `span`; None where nothing was measured.
        previous: the caption of the window before; empty: none.
        with_evidence: whether what was measured stands in it.
        known: what is known of `span` beside its frames; its speech stands in place of the subtitles in `facts`.
        count: tokens of a text.
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
    """The end of the caption before, for a prompt that was too long."""
    return " ".join(previous.split()[-_SHORT_WORDS:])


def _stands_in(picture: Picture, span: Span) -> bool:
    """Whether a picture is of `span`: taken in it, or the last new one before it and still on screen."""
    return span.start_s <= picture.time_s < span.end_s or (
        picture.time_s < span.start_s < (picture.until_s or picture.time_s) - 1e-6
    )


def columns(answer: Answer) -> Row:
    """What `structs.FRAME_CAPTION`, `structs.WINDOW_CAPTION` and `structs.SECTION` say of how an answer came about."""
    return {
        "valid": answer.valid,
        "prompt_hash": digest(answer.request.prompt) if answer.request else None,
        "sampling": answer.sampling,
        "attempts": answer.attempts,
        "problem": answer.problem,
        "usage": answer.usage.row(),
    }

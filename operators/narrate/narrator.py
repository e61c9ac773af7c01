"""Tells one video: sections from their windows and frames, planned first, then written one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any, Literal

from operators.base import ItemError, Row
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import About, Gate
from operators.fingerprint import digest
from operators.grid import Grid, Span
from operators.language.sentences import split_sentences
from operators.measure.facts import Facts
from operators.narrate.notes import Note, fit, merge_alike, once, quoted, tail
from operators.narrate.options import NarrateOptions
from operators.narrate.outline import Outline, outline_schema, parse_outline, share_words, topics_of
from operators.narrate.sentences import Ground, Sentence, count_words, fresh
from operators.narrate.whole import Cells
from operators.prompts import Prompt

_MARGIN = 48  # tokens: what a chat template adds, and what counting parts apart misses
_TOLD_TOKENS = 220  # of the text so far that a section's prompt holds: about two paragraphs
_SHRINK = 0.7  # of its budget that a prompt gets which was too long in spite of counting
_SHRINKS = 6
_SHORT = 0.6  # of the wanted words: below, the section is gone on with
_LITTLE = 8  # words: a continuation that adds less is the end
_BRIEF_WORDS = 40  # of what a section has to tell, for the outline
_DETAIL_SHARE = 0.4  # of the budget for captions that frames may take


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one section is told from.

    Attributes:
        span: of the windows it tells.
        windows: their rows, in order, all valid.
        notes: their captions; details: captions of the frames there.
    """

    span: Span
    windows: list[Row]
    notes: list[Note]
    details: list[Note]


@dataclass(kw_only=True)
class Narrator:
    """One video being told.

    Attributes:
        told: the sentences of each section so far; usage: of all requests;
            problems: what the model could not tell, and the captions' own sentences stand for.
        quoting: the captions are another engine's, and this one can only measure: sections say what the captions say.
    """

    narrate: NarrateOptions
    engine: RunningEngine
    gates: tuple[Gate, ...]
    prompts: dict[str, Prompt]
    grid: Grid
    cells: Cells
    facts: Facts
    seed: int
    told: list[list[str]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    problems: list[str] = field(default_factory=list)
    quoting: bool = False
    _last: Note | None = field(default=None, init=False)

    @property
    def _generative(self) -> bool:
        return self.narrate.engine.generative

    # -- the steps -------------------------------------------------------------------------------------------------

    def part(self, told: list[Row], frames: Sequence[Row]) -> Part:
        """The part that valid windows `told` make, with the frame captions that stand in their cells."""
        cells = [self.cells.own[w["window_index"]] for w in told]
        span = Span(cells[0].start_s, cells[-1].end_s)
        notes = [
            Note(text=w["text"], start_s=w["start_s"], end_s=w["end_s"], windows=(w["window_index"],)) for w in told
        ]
        details = [
            Note(text=f["text"], start_s=f["time_s"], end_s=f["time_s"], windows=(w["window_index"],))
            for w, cell in zip(told, cells, strict=True)
            for f in frames
            if cell.start_s <= f["time_s"] < cell.end_s
        ]
        if self._generative:
            notes, details = merge_alike(once(notes)), merge_alike(details)
        return Part(span=span, windows=told, notes=notes, details=details)

    def plan(self, parts: Sequence[Part]) -> tuple[list[str | None], list[int | None]]:
        """Topic and words of each section. Without an outline, or a good one, time shares the words out."""
        total = self.narrate.wanted_words(sum(p.span.seconds for p in parts))
        if total is None:
            return [None] * len(parts), [None] * len(parts)
        even = share_words(total, [p.span.seconds for p in parts])
        if not (self.narrate.outline and self._generative and len(parts) > 1):
            return [None] * len(parts), list(even)
        briefs = [_brief(p.notes) for p in parts]
        whole = Span(0.0, self.grid.duration_s)
        parse = partial(parse_outline, sections=len(parts))

        def build(share: float) -> Request:
            texts = [" ".join(b.split()[: max(3, int(_BRIEF_WORDS * share))]) for b in briefs]
            prompt = self._render("outline", whole, texts=texts, words=total)
            schema = outline_schema(len(parts))
            return self._request("outline", whole, prompt, texts=texts, words=total, schema=schema)

        about = About(language=self.narrate.language, form=Outline, parse=parse, prose=topics_of)
        answer = self._ask_fitting(build, about)
        if not answer.valid:
            return [None] * len(parts), list(even)
        planned = parse(answer.text).sections
        return [s.topic for s in planned], list(share_words(total, [s.words for s in planned]))

    def section(self, part: Part, topic: str | None, words: int | None, number: int) -> Row:
        """The section as `rows.SECTION`; raises `ItemError` where it cannot be told."""
        ground = Ground(_captions(part), {w["window_index"]: Span(w["start_s"], w["end_s"]) for w in part.windows})
        if self.quoting:
            answer = Answer("", 0)
            sentences = quoted(self._not_yet(part.notes))
        else:
            answer = self._write(part, ground, topic=topic, words=words, number=number, have=[])
            if answer.valid:
                sentences = self._kept(ground, answer.text, [])
            else:
                self._may_stand_in(answer, "section", part.span)
                sentences = self._new(quoted(part.notes), [])
        for _ in range(self.narrate.continuations if answer.valid and self._generative and words else 0):
            have = _words(sentences)
            if have >= _SHORT * (words or 0):
                break
            more = self._write(part, ground, topic=topic, words=(words or 0) - have, number=number, have=sentences)
            added = self._kept(ground, more.text, sentences) if more.valid else []
            if _words(added) < _LITTLE:
                break
            sentences += added
        if not self._generative:  # what measures itself needs no proof word by word: it rests on all it measured
            all_windows = tuple(w["window_index"] for w in part.windows)
            sentences = [Sentence(s.text, s.windows or all_windows) for s in sentences]
        self.told.append([s.text for s in sentences])
        return {
            "section_index": number,
            "start_s": part.span.start_s,
            "end_s": part.span.end_s,
            "text": answer.text if answer.text and not self._generative else " ".join(s.text for s in sentences),
            "windows": [w["window_index"] for w in part.windows],
            "sentences": [{"text": s.text, "windows": list(s.windows)} for s in sentences],
            "topic": topic,
            "prompt_hash": digest(answer.request.prompt) if answer.request else None,
            "sampling": answer.sampling,
            "attempts": answer.attempts,
            "problem": answer.problem,
            "usage": answer.usage.row(),
        }

    def _not_yet(self, notes: list[Note]) -> list[Note]:
        """The notes without what the ones before them say, those of the section before included."""
        before, self._last = self._last, notes[-1]
        if before is None:
            return once(notes)
        first, *rest = once([before, *notes])[1:]
        said = first.start_s < before.end_s and len(merge_alike([before, first])) == 1
        return rest if said and rest else [first, *rest]

    def opening(self, sections: Sequence[Row]) -> str:
        """The first paragraph of the caption, told from the sections."""
        whole = Span(0.0, self.grid.duration_s)
        notes = [
            Note(text=s["text"], start_s=s["start_s"], end_s=s["end_s"], windows=tuple(s["windows"])) for s in sections
        ]
        wanted = self.narrate.opening_words if self._generative else None

        def build(share: float) -> Request:
            empty = self._render("video", whole, texts=[], words=wanted)
            texts = [n.text for n in self._fit(notes, self._room("video", empty, wanted, share))]
            return self._request("video", whole, self._render("video", whole, texts=texts, words=wanted), texts, wanted)

        if self.facts.measured or not self.quoting:
            answer = self._ask_fitting(build, self._about())
            if answer.valid:
                return answer.text
            self._may_stand_in(answer, "video", whole)
        brief = [sentences[0] for n in notes if (sentences := split_sentences(n.text))]
        fits = accumulate(count_words(s) for s in brief)
        return " ".join(
            s for k, (s, words) in enumerate(zip(brief, fits, strict=True)) if not k or words <= (wanted or 80)
        )

    def _may_stand_in(self, answer: Answer, what: str, span: Span) -> None:
        """Raise where no good answer came and the captions' own sentences must not stand in for it."""
        if answer.failure_class == "gate" and self.narrate.untold == "captions":
            self.problems.append(f"{what} {span.start_s:.0f} s to {span.end_s:.0f} s: {answer.problem}")
            return
        raise ItemError(
            answer.failure_class or "internal",
            f"the {what} from {span.start_s:.0f} s to {span.end_s:.0f} s could not be told: {answer.problem}",
            attempts=answer.attempts,
        )

    # -- asking ----------------------------------------------------------------------------------------------------

    def _write(
        self, part: Part, ground: Ground, *, topic: str | None, words: int | None, number: int, have: list[Sentence]
    ) -> Answer:
        more = " ".join(s.text for s in have)

        def build(share: float) -> Request:
            so_far = " ".join(text for section in self.told[-2:] for text in section)
            told = tail(so_far, int(_TOLD_TOKENS * share), self.engine.count_tokens)
            render = partial(
                self._render,
                "section",
                part.span,
                topic=topic,
                told=told if self._generative else "",
                more=more,
                words=words,
            )
            room = self._room("section", render(notes=[], details=[]), words, share)
            takes = sum(self.engine.count_tokens(n.text) for n in part.details)
            of_details = None if room is None else min(takes + 4 * len(part.details), int(room * _DETAIL_SHARE))
            notes = self._fit(part.notes, None if room is None or of_details is None else room - of_details)
            details = self._fit(part.details, of_details)
            prompt = render(notes=notes, details=[n.text for n in details])
            return self._request(
                "section", part.span, prompt, [n.text for n in notes], words, seed=number + 1000 * bool(have)
            )

        def covers(text: str) -> str | None:
            if self._kept(ground, text, have):
                return None
            return "no sentence of the section rests on its captions"

        return self._ask_fitting(build, self._about(covers))

    def _kept(self, ground: Ground, text: str, have: list[Sentence]) -> list[Sentence]:
        """The sentences of an answer that may stand: of a model's those that rest on something and are new."""
        sentences = ground.sentences(text)
        if not self._generative:
            return sentences
        return self._new([s for s in sentences if s.windows], have)

    def _new(self, sentences: list[Sentence], have: list[Sentence]) -> list[Sentence]:
        # where nothing changes from one section to the next, the same again is all there is to tell
        return fresh(sentences, have, self.told[-1] if self.told else []) or fresh(sentences, have, [])

    def _about(self, covers: Callable[[str], str | None] | None = None) -> About:
        # a section may cite the notes that it is written from
        cites = covers is not None
        return About(language=self.narrate.language, duration_s=self.grid.duration_s, cites=cites, covers=covers)

    def _ask_fitting(self, build: Callable[[float], Request], about: About) -> Answer:
        """Ask; where the prompt is too long in spite of counting, with ever less in it."""
        share = 1.0
        for _ in range(_SHRINKS):
            answer = self._ask(build(share), about)
            if not answer.too_long:
                break
            share *= _SHRINK
        return answer

    def _ask(self, request: Request, about: About) -> Answer:
        tries, clean = self.narrate.tries, self._generative
        answer = ask(self.engine, request, tries=tries, gates=self.gates, about=about, clean=clean).result()
        self.usage += answer.usage
        return answer

    def _room(
        self, kind: Literal["section", "video", "digest"], prompt: str, words: int | None, share: float
    ) -> int | None:
        """Tokens that texts may take in a prompt beside `prompt`; None: as many as there are."""
        if self.engine.context_tokens is None:
            return None
        request = self._request(kind, Span(0.0, 0.0), prompt, words=words)
        left = self.engine.context_tokens - self.engine.answer_tokens(request) - self.engine.count_tokens(prompt)
        return max(16, int((left - _MARGIN) * share))

    def _fit(self, notes: list[Note], budget: int | None) -> list[Note]:
        if budget is None or not notes:
            return notes
        empty = self._render("digest", Span(0.0, 0.0), texts=[], words=100)
        room = self._room("digest", empty, 100, 1.0) or budget
        return fit(notes, budget, room=room, count=self.engine.count_tokens, digest=self._digest)

    def _digest(self, notes: Sequence[Note], words: int) -> str | None:
        span = Span(notes[0].start_s, notes[-1].end_s)
        texts = [n.text for n in notes]
        prompt = self._render("digest", span, texts=texts, words=words)
        answer = self._ask(self._request("digest", span, prompt, texts, words), self._about())
        shorter = answer.valid and count_words(answer.text) < sum(map(count_words, texts))
        return answer.text if shorter else None

    def _render(self, name: str, span: Span, **values: Any) -> str:
        defaults: dict[str, Any] = {"topic": None, "told": "", "details": [], "more": ""}
        return (
            self.prompts[name]
            .render(
                language=self.narrate.language,
                start_s=span.start_s,
                end_s=span.end_s,
                duration_s=self.grid.duration_s,
                **{**defaults, **values},
            )
            .text
        )

    def _request(
        self,
        kind: Literal["digest", "outline", "section", "video"],
        span: Span,
        prompt: str,
        texts: Sequence[str] = (),
        words: int | None = None,
        *,
        schema: str | None = None,
        seed: int = 0,
    ) -> Request:
        return Request(
            kind=kind,
            start_s=span.start_s,
            end_s=span.end_s,
            prompt=prompt,
            instructions=self.prompts[kind].instructions,
            facts=self.facts.slice(span.start_s, span.end_s),
            texts=tuple(texts),
            words=words,
            schema=schema,
            seed=self.seed + seed,
        )


def _captions(part: Part) -> dict[int, str]:
    """window_index -> all that was captioned of it."""
    told: dict[int, list[str]] = {w["window_index"]: [w["text"]] for w in part.windows}
    for detail in part.details:
        for window in detail.windows:
            told[window].append(detail.text)
    return {window: " ".join(texts) for window, texts in told.items()}


def _brief(notes: Sequence[Note]) -> str:
    """The first sentence of each note: enough to see what a section is about."""
    return " ".join(sentences[0] for n in notes if (sentences := split_sentences(n.text)))


def _words(sentences: Sequence[Sentence]) -> int:
    return sum(count_words(s.text) for s in sentences)

"""Narration of one video: sections are planned first, then written in order from the captions of their windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

from operators.cleaning.quotes import uncited
from operators.core.base import ItemError, Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.engines.ask import Answer
from operators.engines.base import Request
from operators.engines.gates import About
from operators.language.sentences import split_sentences
from operators.language.words import count_words
from operators.narrate.asking import Asking, could_not
from operators.narrate.draft import Draft, mended, standing
from operators.narrate.fresh import fresh
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Cut, Ground, Sentence
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.length import LEAST, LITTLE, Habit, shortfall, trimmed, words_of
from operators.narrate.notes import Note, merge_alike, once, quoted, tail, untimed
from operators.narrate.opening import Opening
from operators.narrate.outline import Outline, brief, outline_schema, parse_outline, share_words, topics_of
from operators.narrate.rows import cut_rows, numbered, sentence_row
from operators.narrate.seams import in_order, lead, without_seam
from operators.narrate.whole import Cells

_CONTEXT_TOKENS = 220  # tokens of preceding text in a section's prompt: about two paragraphs
_BRIEFS: tuple[int | None, ...] = (None, 20, 14, 10, 7, 5, 4, 3)  # words per sentence in the outline's prompt
PLAN_WORDS = 20  # words per topic in the plan that a section's prompt contains
_STANDING_IN = "the model gave no good answer, and the captions' own sentences stand for it"


@dataclass(frozen=True, kw_only=True)
class Part:
    """The material of one section.

    Attributes:
        span: the span of its windows.
        windows: rows of its windows, in order, all valid.
        notes: captions of the windows; details: captions of the frames in them.
    """

    span: Span
    windows: list[Row]
    notes: list[Note]
    details: list[Note]


@dataclass(kw_only=True)
class Narrator:
    """The state of the narration of one video.

    Attributes:
        narrated: the sentences of each section so far; spans: spans of all their windows.
        problems: parts that the model could not write and for which sentences of the captions are used.
        quoting: whether sections quote captions of another engine, because this one has no model.
    """

    asking: Asking
    cells: Cells
    toolkit: Toolkit
    narrated: list[list[Sentence]] = field(default_factory=list)
    spans: dict[int, Span] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    quoting: bool = False
    habit: Habit = field(default_factory=Habit)
    alike: Alike = field(init=False)
    _last: Note | None = field(default=None, init=False)
    _plan: list[Row] = field(default_factory=list, init=False)
    _leads: set[str] = field(default_factory=set, init=False)  # introductory words of earlier sections

    def __post_init__(self) -> None:
        self.alike = Alike(self.toolkit)

    @property
    def _generative(self) -> bool:
        return self.asking.narrate.engine.generative

    # -- the steps -------------------------------------------------------------------------------------------------

    def part(self, narrated: list[Row], frames: Sequence[Row]) -> Part:
        """The material of a section from its valid windows, with the captions of the frames in their cells."""
        cells = [self.cells.own[w["window_index"]] for w in narrated]
        span = Span(cells[0].start_s, cells[-1].end_s)
        notes = [
            Note(text=w["text"], start_s=w["start_s"], end_s=w["end_s"], windows=(w["window_index"],)) for w in narrated
        ]
        details = [
            Note(text=f["text"], start_s=f["time_s"], end_s=f["time_s"], windows=(w["window_index"],))
            for w, cell in zip(narrated, cells, strict=True)
            for f in frames
            if cell.start_s <= f["time_s"] < cell.end_s
        ]
        if self._generative:
            words = Alike()  # by words, because there are many details and each would have to be embedded
            notes, details = merge_alike(once(notes, self.alike), self.alike), merge_alike(details, words)
        self.spans |= {w["window_index"]: Span(w["start_s"], w["end_s"]) for w in narrated}
        return Part(span=span, windows=narrated, notes=notes, details=details)

    def plan(self, parts: Sequence[Part]) -> tuple[list[str | None], list[int | None]]:
        """Topic and words of each section. Without a valid outline, words are distributed by duration."""
        narrate, asking = self.asking.narrate, self.asking
        total = narrate.wanted_words(sum(p.span.seconds for p in parts))
        if total is None:
            return [None] * len(parts), [None] * len(parts)
        even = share_words(total, [p.span.seconds for p in parts])
        if not (narrate.outline and self._generative and len(parts) > 1):
            return [None] * len(parts), list(even)
        parse = partial(parse_outline, sections=len(parts))
        every = [[n.text for n in p.notes] for p in parts]

        def build(share: float) -> Request:
            render = partial(asking.render, "outline", asking.whole, words=total)
            room = asking.room("outline", render(texts=[""] * len(parts)), total, share, [""] * len(parts))
            for words in _BRIEFS:  # every window is included, with a shorter sentence if there is no room
                texts = [brief(texts, words) for texts in every]
                if room is None or sum(map(asking.engine.count_tokens, texts)) <= room:
                    break
            return asking.request(
                "outline", asking.whole, render(texts=texts), texts, total, schema=outline_schema(len(parts))
            )

        answer = asking.ask_fitting(build, About(language=narrate.language, form=Outline, parse=parse, prose=topics_of))
        if not answer.valid:
            return [None] * len(parts), list(even)
        planned = parse(answer.text).sections
        self._plan = [
            {"start_s": p.span.start_s, "end_s": p.span.end_s, "topic": " ".join(s.topic.split()[:PLAN_WORDS])}
            for p, s in zip(parts, planned, strict=True)
        ]
        return [s.topic for s in planned], list(share_words(total, [s.words for s in planned]))

    def section(self, part: Part, topic: str | None, words: int | None, number: int) -> Row:
        """Write a section as `structs.SECTION`; raise `ItemError` if it cannot be written."""
        ground = Ground(self._texts(part.windows), self.spans, self.toolkit, _details(part))
        length = None
        if self.quoting:
            answer, draft = Answer("", 0), Draft(sentences=quoted(self._not_yet(part.notes), self.alike))
        else:
            answer, draft = self._write(part, ground, topic=topic, words=words, number=number, have=[])
            if not answer.valid:
                self._may_stand_in(answer, "section", part.span)
                draft = Draft(sentences=self._new(quoted(part.notes, self.alike), []))
                length = shortfall(draft.sentences, words, _STANDING_IN, over=_STANDING_IN) if words else None
        if answer.valid and self._generative:
            draft = self._repaired(part, ground, answer.text, draft)
            if words:
                why = self._continue(part, ground, draft, topic=topic, words=words, number=number)
                draft.sentences = trimmed(self._ordered(draft), words)
                length = shortfall(draft.sentences, words, why)
            else:
                draft.sentences = self._ordered(draft)
        sentences = draft.sentences
        if not self._generative:  # an engine without a model needs no grounding: all its sentences are measured
            all_windows = tuple(w["window_index"] for w in part.windows)
            sentences = [Sentence(s.text, s.windows or all_windows, s.scores) for s in sentences]
        self.narrated.append(sentences)
        self._leads |= {said for s in sentences[:1] if (said := lead(s.text)) is not None}
        return {
            "section_index": number,
            "start_s": part.span.start_s,
            "end_s": part.span.end_s,
            "text": answer.text if answer.text and not self._generative else " ".join(s.text for s in sentences),
            "windows": [w["window_index"] for w in part.windows],
            "sentences": [sentence_row(s) for s in sentences],
            "topic": topic,
            "wanted_words": words,
            "length": length,
            "cut": cut_rows(draft.cut) if self._generative else None,
            "prompt_hash": digest(answer.request.prompt) if answer.request else None,
            "sampling": answer.sampling,
            "attempts": answer.attempts,
            "problem": answer.problem,
            "usage": answer.usage.row(),
        }

    def _texts(self, windows: Sequence[Row]) -> dict[int, list[str]]:
        """The texts by window that may support a sentence: its caption and further evidence."""
        evidence = self.asking.evidence
        return {
            w["window_index"]: [
                w["text"],
                *(evidence.within(w["start_s"], w["end_s"]).supports() if evidence else ()),
            ]
            for w in windows
        }

    def _not_yet(self, notes: list[Note]) -> list[Note]:
        """The notes without repetitions of earlier ones, including those of the previous section."""
        before, self._last = self._last, notes[-1]
        if before is None:
            return once(notes, self.alike)
        first, *rest = once([before, *notes], self.alike)[1:]
        said = first.start_s < before.end_s and len(merge_alike([before, first], self.alike)) == 1
        return rest if said and rest else [first, *rest]

    def opening(self, sections: Sequence[Row]) -> Row:
        """Write the first paragraph of the caption from the sections, as `structs.OPENING`."""
        wanted = self.asking.narrate.opening_words if self._generative else None
        if self.asking.facts.measured or not self.quoting:
            opening = Opening(
                asking=self.asking, toolkit=self.toolkit, narrated=[s for narrated in self.narrated for s in narrated]
            )
            answer, row = opening.write(sections, wanted, self.habit)
            if row is not None:
                return row
            self._may_stand_in(answer, "video", self.asking.whole)
        first = [untimed(sentences[0]) for s in sections if (sentences := split_sentences(s["text"]))]
        fits = accumulate(count_words(s) for s in first)
        text = " ".join(
            s for k, (s, words) in enumerate(zip(first, fits, strict=True)) if not k or words <= (wanted or 80)
        )
        return {"text": text, "sentences": None, "cut": None, "wanted_words": wanted}

    def _may_stand_in(self, answer: Answer, what: str, span: Span) -> None:
        """Raise if there is no valid answer and the config does not allow sentences of the captions in its place."""
        if self.asking.narrate.fallback == "captions":
            self.problems.append(f"{what} {span.start_s:.0f} s to {span.end_s:.0f} s: {answer.problem}")
            return
        why = f"{could_not(what, span.start_s, span.end_s)}: {answer.problem}"
        raise ItemError("gate", why, attempts=answer.attempts)

    # -- writing ---------------------------------------------------------------------------------------------------

    def _write(
        self, part: Part, ground: Ground, *, topic: str | None, words: int | None, number: int, have: list[Sentence]
    ) -> tuple[Answer, Draft]:
        """Request the section, or a continuation, and keep the sentences that the captions support."""
        asking = self.asking
        asked = self.habit.ask(words) if words and self._generative else words
        marks: dict[int, tuple[int, ...]] = {}

        def build(share: float) -> Request:
            so_far = " ".join(s.text for section in self.narrated[-2:] for s in section)
            narrated = tail(so_far, int(_CONTEXT_TOKENS * share), asking.engine.count_tokens)
            render = partial(
                asking.render,
                "section",
                part.span,
                topic=topic,
                plan=self._plan,
                number=number + 1,
                told=narrated if self._generative else "",
                more=" ".join(s.text for s in have),
                words=asked,
            )
            room = asking.room("section", render(notes=[], details=[]), asked, share)
            notes, details = asking.fit_both(part.notes, part.details, room)
            marks.clear()
            marks.update({k: n.windows for k, n in enumerate(notes, 1)})
            prompt = render(notes=numbered(notes, details), details=[n.text for n in details])
            seed = number + 1000 * (1 + len(have)) if have else number
            return asking.request("section", part.span, prompt, [n.text for n in notes], asked, seed=seed)

        def covers(text: str) -> str | None:
            if not self._generative or self._kept(ground, text, have, marks).sentences:
                return None
            return "no sentence of the section rests on its captions"

        answer = asking.ask_fitting(build, asking.about(covers, cites=True))
        if not answer.valid:
            return answer, Draft()
        if asked:
            self.habit.note(asked, count_words(uncited(answer.text)))
        return answer, self._kept(ground, answer.text, have, marks)

    def _continue(self, part: Part, ground: Ground, draft: Draft, *, topic: str | None, words: int, number: int) -> str:
        """Continue a section that is too short; return the reason why it ended."""
        for _ in range(self.asking.narrate.continuations):
            have = words_of(draft.sentences)
            if have >= LEAST * words:
                return ""
            _, more = self._write(part, ground, topic=topic, words=words - have, number=number, have=draft.sentences)
            draft.cut += more.cut
            if words_of(more.sentences) < LITTLE:
                return "a continuation added nothing new that the captions support"
            draft.sentences = [*draft.sentences, *more.sentences]
        return f"it was continued {self.asking.narrate.continuations} times"

    def _repaired(self, part: Part, ground: Ground, text: str, draft: Draft) -> Draft:
        marks = {k: n.windows for k, n in enumerate(part.notes, 1)}
        return mended(
            self.asking,
            part.span,
            [n.text for n in part.notes],
            text,
            faults=draft.cut,
            draft=draft,
            keep=lambda better: self._kept(ground, better, [], marks),
        )

    def _kept(self, ground: Ground, text: str, have: list[Sentence], marks: dict[int, tuple[int, ...]]) -> Draft:
        """The valid sentences of an answer; those of a model must be supported by captions and new."""
        if not self._generative:
            return Draft(sentences=ground.cited(text))
        draft = standing(ground, without_seam(text, self._leads), marks)
        return Draft(sentences=self._new(draft.sentences, have), cut=draft.cut)

    def _new(self, sentences: list[Sentence], have: list[Sentence]) -> list[Sentence]:
        before = self.narrated[-1] if self.narrated else []
        new = partial(fresh, sentences, have, alike=self.alike, spans=self.spans)
        # if nothing changes from one section to the next, repetition is all there is to narrate
        return new(before=before) or new(before=[])

    def _ordered(self, draft: Draft) -> list[Sentence]:
        sentences, gone = in_order(draft.sentences, self.spans)
        draft.cut += [Cut(text=s.text, why="order") for s in gone]
        return sentences


def _details(part: Part) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for detail in part.details:
        for window in detail.windows:
            found.setdefault(window, []).append(detail.text)
    return found

"""Requests of one video's narration: prompts, what fits into them, and what all of it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from operators.analysis.facts import Facts
from operators.core.grid import Grid, Span
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import About, Gate
from operators.evidence.evidence import Embed, Evidence
from operators.language.words import count_words
from operators.narrate.notes import Note, fit, tokens_of
from operators.narrate.options import NarrateOptions
from operators.prompts import Prompt

Kind = Literal["digest", "outline", "repair", "section", "video"]

_MARGIN = 48  # tokens: what a chat template adds, and what counting parts apart misses
_SHRINK = 0.7  # of its budget that a prompt gets which was too long in spite of counting
_SHRINKS = 6
_DETAIL_SHARE = 0.4  # of the budget for captions that frames may take where not all fits


@dataclass(kw_only=True)
class Asking:
    """Renders prompts, fits captions into them and asks the engine, with gates and bounded retries.

    Attributes:
        usage: of all requests so far.
        evidence: what is known of the video beside its frames; None where the recipe has no tables of it.
        embed: how its relevance is measured: by meaning; None: by words.
    """

    narrate: NarrateOptions
    engine: RunningEngine
    gates: tuple[Gate, ...]
    prompts: dict[str, Prompt]
    grid: Grid
    facts: Facts
    seed: int
    usage: Usage = field(default_factory=Usage)
    evidence: Evidence | None = None
    embed: Embed | None = None

    @property
    def whole(self) -> Span:
        return Span(0.0, self.grid.duration_s)

    def about(self, covers: Callable[[str], str | None] | None = None, *, cites: bool = False) -> About:
        """What answers are about. `cites`: they may hold marks such as `[3]`, which grounding reads and takes out."""
        return About(language=self.narrate.language, duration_s=self.grid.duration_s, cites=cites, covers=covers)

    def ask(self, request: Request, about: About, tries: int | None = None) -> Answer:
        answer = ask(
            self.engine,
            request,
            tries=tries or self.narrate.tries,
            gates=self.gates,
            about=about,
            clean=self.narrate.engine.generative,
        ).result()
        self.usage += answer.usage
        return answer

    def ask_fitting(self, build: Callable[[float], Request], about: About) -> Answer:
        """Ask; where the prompt is too long in spite of counting, with ever less in it."""
        share = 1.0
        for _ in range(_SHRINKS):
            answer = self.ask(build(share), about)
            if not answer.too_long:
                break
            share *= _SHRINK
        return answer

    def room(
        self, kind: Kind, prompt: str, words: int | None, share: float = 1.0, texts: Sequence[str] = ()
    ) -> int | None:
        """Tokens that texts may take in a prompt beside `prompt`; None: as many as there are."""
        if self.engine.context_tokens is None:
            return None
        request = self.request(kind, Span(0.0, 0.0), prompt, texts, words)
        left = self.engine.context_tokens - self.engine.answer_tokens(request) - self.engine.count_tokens(prompt)
        return max(16, int((left - _MARGIN) * share))

    def fit(self, notes: list[Note], budget: int | None) -> list[Note]:
        if budget is None or not notes or tokens_of(notes, self.engine.count_tokens) <= budget:
            return notes
        empty = self.render("digest", Span(0.0, 0.0), texts=[], words=100)
        room = self.room("digest", empty, 100) or budget
        return fit(notes, budget, room=room, count=self.engine.count_tokens, digest=self._digest)

    def fit_both(self, notes: list[Note], details: list[Note], room: int | None) -> tuple[list[Note], list[Note]]:
        """Captions of windows and of frames in `room` tokens; what fits together is left as it is."""
        if room is None:
            return notes, details
        of_notes, of_details = (tokens_of(some, self.engine.count_tokens) for some in (notes, details))
        if of_notes + of_details <= room:
            return notes, details
        least = min(of_details, max(int(room * _DETAIL_SHARE), room - of_notes))
        return self.fit(notes, room - least), self.fit(details, least)

    def _digest(self, notes: Sequence[Note], words: int) -> str | None:
        span = Span(notes[0].start_s, notes[-1].end_s)
        texts = [n.text for n in notes]
        prompt = self.render("digest", span, texts=texts, words=words)
        answer = self.ask(self.request("digest", span, prompt, texts, words), self.about())
        shorter = answer.valid and count_words(answer.text) < sum(map(count_words, texts))
        return answer.text if shorter else None

    def render(self, name: str, span: Span, **values: Any) -> str:
        defaults: dict[str, Any] = {
            "topic": None,
            "plan": [],
            "number": 0,
            "told": "",
            "details": [],
            "more": "",
            "known": [],
        }
        defaults["subtitles"] = self.said(span)
        if name == "section":
            defaults["known"] = self.known(span, [note["text"] for note in values.get("notes", ())])
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

    def said(self, span: Span) -> list[str]:
        """What is said in `span`, a text a line for a prompt."""
        return self.evidence.within(span.start_s, span.end_s).spoken() if self.evidence else []

    def known(self, span: Span, about: Sequence[str]) -> list[str]:
        """What is known of `span` beside its frames, a text a line for a prompt; chosen by `about` where it is much."""
        if self.evidence is None:
            return []
        return self.evidence.within(span.start_s, span.end_s).texts(
            seconds=span.seconds, count=self.engine.count_tokens, about=about, embed=self.embed
        )

    def facts_of(self, span: Span) -> Facts:
        """What was measured in `span`, and as its subtitles what is said in it, where that is known better."""
        facts = self.facts.slice(span.start_s, span.end_s)
        return self.evidence.within(span.start_s, span.end_s).facts(facts) if self.evidence else facts

    def request(
        self,
        kind: Kind,
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
            facts=self.facts_of(span),
            texts=tuple(texts),
            words=words,
            schema=schema,
            seed=self.seed + seed,
        )

"""Requests for the narration of one video: prompts, their token budgets, and their total cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from operators.analysis.facts import Facts
from operators.core.grid import Grid, Span
from operators.embedding.talk import talk_embedder
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import About, Gate
from operators.evidence.evidence import Embed, Evidence
from operators.language.words import count_words
from operators.narrate.notes import Note, fit, tokens_of
from operators.narrate.options import NarrateOptions
from operators.prompts import Prompt

Kind = Literal["digest", "outline", "repair", "section", "video"]

_MARGIN = 48  # tokens reserved for the chat template and for errors of counting parts separately
_SHRINK = 0.7  # factor by which the budget of a prompt that was still too long is reduced
_SHRINKS = 6
_DETAIL_SHARE = 0.4  # share of the caption budget for frame captions if not all fit


def could_not(what: str, start_s: float, end_s: float) -> str:
    """The beginning of the message of a part that could not be made."""
    return f"the {what} from {start_s:.0f} s to {end_s:.0f} s could not be narrated"


@dataclass(kw_only=True)
class Asking:
    """Renders prompts, fits captions into them and submits them, with gates and bounded retries.

    Attributes:
        usage: cost of all requests so far.
        evidence: further evidence of the video; None if the recipe has no tables of it.
        embed: embeds texts to rank evidence by meaning; with None it is ranked by words.
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
        """The context for gates. With `cites`, answers may contain marks such as `[3]`, which grounding removes.

        Sentences of captions or sections replace an answer that does not cover what it should, so it may be empty.
        """
        return About(
            language=self.narrate.language,
            duration_s=self.grid.duration_s,
            cites=cites,
            covers=covers,
            embed=talk_embedder(self.narrate.talk_classifier),
            may_empty=covers is not None,
        )

    def ask(self, request: Request, about: About, answers: int | None = None) -> Answer:
        """Submit a request and wait for its answer.

        Args:
            answers: maximum number of answers that gates may reject; None for as many as the config allows.

        Raises:
            ItemError: the engine failed. What a video's caption says must not depend on that.
        """
        answer = ask(
            self.engine,
            request,
            tries=self.narrate.tries,
            answers=answers,
            gates=self.gates,
            about=about,
            clean=self.narrate.engine.generative,
        ).result()
        self.usage += answer.usage
        return answer.given(could_not(request.kind, request.start_s, request.end_s))

    def ask_fitting(self, build: Callable[[float], Request], about: About) -> Answer:
        """Submit a request; if the prompt is still too long, reduce it step by step. No prompt is submitted twice."""
        share = 1.0
        answer = self.ask(build(share), about)
        for _ in range(1, _SHRINKS):
            if not answer.too_long:
                break
            share *= _SHRINK
            request = build(share)
            if answer.request is None or request.prompt != answer.request.prompt:
                answer = self.ask(request, about)
        return answer

    def room(
        self, kind: Kind, prompt: str, words: int | None, share: float = 1.0, texts: Sequence[str] = ()
    ) -> int | None:
        """Token budget for texts in addition to `prompt`; None for no limit."""
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
        """Fit captions of windows and frames into `room` tokens; they are not changed if all fit."""
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
        """The speech in `span`, one line of text per item."""
        return self.evidence.within(span.start_s, span.end_s).spoken() if self.evidence else []

    def known(self, span: Span, about: Sequence[str]) -> list[str]:
        """Further evidence of `span`, one line of text per item; if it is too much, items are chosen by `about`."""
        if self.evidence is None:
            return []
        return self.evidence.within(span.start_s, span.end_s).texts(
            seconds=span.seconds, count=self.engine.count_tokens, about=about, embed=self.embed
        )

    def facts_of(self, span: Span) -> Facts:
        """The facts measured in `span`, with recognised speech in place of its subtitles if there is any."""
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

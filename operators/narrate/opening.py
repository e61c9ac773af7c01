"""The opening of a long caption, written from its sections and grounded in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operators.core.base import Row
from operators.engines.ask import Answer
from operators.engines.base import Request
from operators.narrate.asking import Asking
from operators.narrate.draft import Draft, mended, standing
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Cut, Ground, Sentence
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.length import Habit, trimmed
from operators.narrate.notes import Note
from operators.narrate.rows import cut_rows, sentence_row
from operators.narrate.seams import without_seam


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Writes one opening.

    Attributes:
        narrated: the sentences of all sections, in order.
    """

    asking: Asking
    toolkit: Toolkit
    narrated: Sequence[Sentence]

    def write(self, sections: Sequence[Row], wanted: int | None, habit: Habit) -> tuple[Answer, Row | None]:
        """Return the answer, and the opening as `structs.OPENING` or None if there is no valid answer.

        The text is empty if all supported sentences repeat sentences of sections.

        Args:
            sections: values of `structs.SECTION`.
            wanted: number of words; None leaves it to the engine.
        """
        asking = self.asking
        generative = asking.narrate.engine.generative
        ground = Ground({k: [s.text] for k, s in enumerate(self.narrated)}, None, self.toolkit)
        notes = [
            Note(text=s["text"], start_s=s["start_s"], end_s=s["end_s"], windows=tuple(s["windows"])) for s in sections
        ]
        asked = habit.ask(wanted) if wanted else None
        texts: list[str] = []

        def build(share: float) -> Request:
            empty = asking.render("video", asking.whole, texts=[], words=asked)
            texts[:] = [n.text for n in asking.fit(notes, asking.room("video", empty, asked, share))]
            prompt = asking.render("video", asking.whole, texts=texts, words=asked)
            return asking.request("video", asking.whole, prompt, texts, asked)

        def covers(text: str) -> str | None:
            if not generative or self._stands(ground, text).sentences:
                return None
            return "no sentence of the opening is supported by the sections"

        answer = asking.ask_fitting(build, asking.about(covers))
        if not answer.valid:
            return answer, None
        if not generative:
            return answer, {"text": answer.text, "sentences": None, "cut": None, "wanted_words": None}
        draft = self._stands(ground, answer.text)
        again = [Cut(text=s.text, why="told in a section") for s in draft.sentences if self._repeats(s)]
        draft = mended(
            asking,
            asking.whole,
            texts,
            answer.text,
            faults=[*draft.cut, *again],
            draft=draft,
            keep=lambda better: self._stands(ground, better),
        )
        repeated = [s for s in draft.sentences if self._repeats(s)]
        chosen = trimmed([s for s in draft.sentences if s not in repeated], wanted or asking.narrate.opening_words)
        return answer, {
            "text": " ".join(s.text for s in chosen),
            "sentences": [sentence_row(self._by_windows(s)) for s in chosen],
            "cut": cut_rows([*draft.cut, *(Cut(text=s.text, why="repeated") for s in repeated)]),
            "wanted_words": wanted,
        }

    def _stands(self, ground: Ground, text: str) -> Draft:
        return standing(ground, without_seam(text))

    def _repeats(self, sentence: Sentence) -> bool:
        alike = Alike(self.toolkit)
        return any(alike.same(self.narrated[k].text, sentence.text) for k in sentence.windows)

    def _by_windows(self, sentence: Sentence) -> Sentence:
        """The sentence with the windows of the sections' sentences that support it."""
        windows = {w for k in sentence.windows for w in self.narrated[k].windows}
        return Sentence(sentence.text, tuple(sorted(windows)), sentence.scores, sentence.cut)

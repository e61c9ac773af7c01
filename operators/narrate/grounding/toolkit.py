"""The loaded scorers of a config, with their fitted parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operators.narrate.grounding.fitted import Fitted, fitted
from operators.narrate.grounding.scorers import Clauses, Embed, Embedding, Lexical, Scorer, Scores

Entail = Callable[[Sequence[tuple[str, str]]], Scores]
"""(premise, hypothesis) pairs -> n x 2: probabilities of entailment and of contradiction."""


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """The models and thresholds with which `Ground` and `Alike` compare texts.

    Attributes:
        embed: texts -> embeddings; None to compare by words only.
        entail: an entailment model, or None.
        contradicted: probability of contradiction from which a caption contradicts a text.
        false_pass_rate: share of sentences about another video that pass; a larger one also keeps more true sentences.
    """

    embed: Embed | None = None
    entail: Entail | None = None
    contradicted: float = 0.9
    false_pass_rate: float = 0.03
    fitted: Fitted = field(init=False)

    def __post_init__(self) -> None:
        scorers = "lexical" if self.embed is None else "embedding"
        object.__setattr__(self, "fitted", fitted(scorers, self.false_pass_rate))

    def scorers(self, sentences: Sequence[str]) -> list[Scorer]:
        """The scorers of one set of caption sentences."""
        made: list[Scorer] = [Lexical(sentences)]
        if self.embed is not None:
            made += [Clauses(sentences, self.embed), Embedding(sentences, self.embed)]
        return made

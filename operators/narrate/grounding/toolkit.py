"""The scorers that a config chooses, loaded, with what was fitted for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operators.narrate.grounding.fitted import Fitted, fitted
from operators.narrate.grounding.scorers import Clauses, Embed, Embedding, Lexical, Scorer, Scores

Entail = Callable[[Sequence[tuple[str, str]]], Scores]
"""(premise, hypothesis) pairs -> n x 2: probabilities of entailment and of contradiction."""


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """What `Ground` and `alike` compare texts with.

    Attributes:
        embed: texts -> embeddings; None: words alone.
        entail: an entailment model; None: none is asked.
        contradicted: probability of contradiction from which on a caption excludes a text.
        false_pass_rate: share of sentences about another video that pass; a larger one keeps more true sentences, too.
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

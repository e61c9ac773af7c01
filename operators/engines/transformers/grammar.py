"""Answers that follow a JSON Schema: tokens that would violate the schema are masked (xgrammar)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

_CLOSING = ("]", "}")
_LETTER = "a"  # allowed wherever free text is allowed, that is inside a string


class Grammars:
    """Compiles schemas for one model, each once. Not thread-safe.

    Args:
        ends: ids of the tokens that end an answer.
        size: number of scores of the model, which may be larger than the tokenizer's vocabulary.
    """

    def __init__(self, tokenizer: Any, ends: Collection[int], size: int) -> None:
        import xgrammar

        about = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size, stop_token_ids=sorted(ends))
        compiler = xgrammar.GrammarCompiler(about)
        # white space between two tokens of JSON is where a small model falls into endless line breaks
        self._compiled: Callable[[str], Any] = lru_cache(maxsize=64)(
            lambda schema: compiler.compile_json_schema(schema, any_whitespace=False)
        )
        self._ends = sorted(ends)
        single = {token: tokenizer.encode(token, add_special_tokens=False) for token in ('"', *_CLOSING, _LETTER)}
        self._ids = {token: ids[0] for token, ids in single.items() if len(ids) == 1}

    def following(self, schema: str) -> Following:
        """A processor of scores for one call of `generate()`.

        Raises:
            RuntimeError: xgrammar does not understand the schema.
        """
        return Following(self._compiled(schema), self._ends, self._ids)


class Following:
    """Masks the scores of one answer.

    If a model wants to end its answer where the schema does not allow it, such as inside a string, the score of the end
    token is given to the quote or bracket that is allowed there. With masking alone, the next token would be arbitrary.
    """

    def __init__(self, compiled: Any, ends: list[int], ids: dict[str, int]) -> None:
        import xgrammar

        self._apply = xgrammar.apply_token_bitmask_inplace
        self._matcher = xgrammar.GrammarMatcher(compiled)
        self._mask = xgrammar.allocate_token_bitmask(1, compiled.tokenizer_info.vocab_size)
        self._ends, self._ids = ends, ids
        self._began = False

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self._began and not self._matcher.is_terminated():
            self._matcher.accept_token(int(input_ids[0, -1]))
        self._began = True
        if self._matcher.is_terminated():
            return scores
        self._matcher.fill_next_token_bitmask(self._mask)
        end = scores[0, self._ends].max().item()
        masked = scores.clone()
        self._apply(masked, self._mask.to(scores.device))
        if masked[0, self._ends].max().item() == -float("inf"):
            for token in self._closers(masked):
                masked[0, token] = max(masked[0, token].item(), end)
        return masked

    def _closers(self, masked: Any) -> list[int]:
        def may(token: str) -> bool:
            return token in self._ids and masked[0, self._ids[token]].item() != -float("inf")

        if may(_LETTER):
            return [self._ids['"']] if may('"') else []
        return [self._ids[token] for token in _CLOSING if may(token)]

"""Separation of the reasoning of a model from its answer, by vLLM's parser of the model family."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


class Reasoning:
    """Separates the answer from the reasoning before it.

    Args:
        parser: vLLM's name of the parser ("qwen3", "deepseek_r1", …).
        tokenizer: the tokenizer of the model, whose special tokens delimit the reasoning.
        template: options of the chat template, which switch reasoning on or off.
    """

    def __init__(self, parser: str, tokenizer: Any, template: Mapping[str, Any]) -> None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.reasoning import ReasoningParserManager

        self._class = ReasoningParserManager.get_reasoning_parser(parser)
        self._tokenizer, self._template = tokenizer, dict(template)
        self._request = self._parser().adjust_request(ChatCompletionRequest(model="", messages=[]))

    @property
    def skip_special_tokens(self) -> bool:
        """Whether the parser works on text without special tokens."""
        return bool(self._request.skip_special_tokens)

    def answer(self, text: str) -> str:
        """The answer in `text`; empty if the reasoning does not end."""
        _, content = self._parser().extract_reasoning(text, self._request)
        return content or ""

    def arguments(self, generate: Any) -> dict[str, Any]:
        """Arguments of the engine's `generate` by which a grammar applies only after the reasoning."""
        known = "reasoning_parser_kwargs" in inspect.signature(generate).parameters
        return {"reasoning_parser_kwargs": {"chat_template_kwargs": self._template}} if known else {}

    def _parser(self) -> Any:
        # a new one for each answer, because some parsers keep state
        return self._class(self._tokenizer, chat_template_kwargs=self._template)

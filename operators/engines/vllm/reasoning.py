"""Thoughts of reasoning models, told from the answer by vLLM's own parser of the model's family."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


class Reasoning:
    """Tells the answer from the thoughts before it.

    Args:
        parser: vLLM's name of it ("qwen3", "deepseek_r1", …).
        tokenizer: of the model; its special tokens delimit the thoughts.
        template: options of the chat template, which switch thinking on or off.
    """

    def __init__(self, parser: str, tokenizer: Any, template: Mapping[str, Any]) -> None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.reasoning import ReasoningParserManager

        self._class = ReasoningParserManager.get_reasoning_parser(parser)
        self._tokenizer, self._template = tokenizer, dict(template)
        self._request = self._parser().adjust_request(ChatCompletionRequest(model="", messages=[]))

    @property
    def skip_special_tokens(self) -> bool:
        """Whether the parser can do without the special tokens in the text."""
        return bool(self._request.skip_special_tokens)

    def answer(self, text: str) -> str:
        """What of `text` is the answer; empty where the thoughts have no end."""
        _, content = self._parser().extract_reasoning(text, self._request)
        return content or ""

    def arguments(self, generate: Any) -> dict[str, Any]:
        """Arguments of the engine's `generate`, so that a grammar waits for the end of the thoughts."""
        known = "reasoning_parser_kwargs" in inspect.signature(generate).parameters
        return {"reasoning_parser_kwargs": {"chat_template_kwargs": self._template}} if known else {}

    def _parser(self) -> Any:
        # a new one for each answer: some remember what they have read
        return self._class(self._tokenizer, chat_template_kwargs=self._template)

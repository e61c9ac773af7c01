from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.video.duplicates import structural_similarity


def _frame(seed: int, shape: tuple[int, int] = (36, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 40), st.integers(1, 70))
def test_it_is_symmetric_bounded_and_one_for_equal_frames(a: int, b: int, height: int, width: int) -> None:
    x, y = _frame(a, (height, width)), _frame(b + 100, (height, width))
    assert structural_similarity(x, x) == pytest.approx(1.0)
    assert structural_similarity(x, y) == pytest.approx(structural_similarity(y, x))
    assert -1.0 <= structural_similarity(x, y) <= 1.0


def test_noise_is_alike_and_another_frame_is_not() -> None:
    ramp = np.linspace(20, 230, 36 * 64).reshape(36, 64)
    grainy = np.clip(ramp + np.random.default_rng(0).normal(0, 1, ramp.shape), 0, 255)
    assert structural_similarity(ramp.astype(np.uint8), grainy.astype(np.uint8)) > 0.95
    assert structural_similarity(_frame(1), _frame(2)) < 0.3

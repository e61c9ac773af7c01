from __future__ import annotations

import numpy as np
import pytest

from operators.analysis.flow import _median
from operators.analysis.signals import pixel_grid, quantile_reaches


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.98, 1.0])
def test_a_quantile_that_is_counted_is_the_one_that_is_sorted(share: float) -> None:
    draw = np.random.default_rng(5)
    for size in (1, 2, 7, 50, 51):
        values = draw.integers(0, 30, size).astype(np.uint8)
        for limit in (0.0, 9.5, 10.0, 29.0, 31.0):
            assert quantile_reaches(values, share, limit) == (float(np.quantile(values, share)) >= limit)


@pytest.mark.parametrize("size", [1, 2, 9, 10, 2304])
def test_the_median_is_numpys_to_the_bit(size: int) -> None:
    values = np.random.default_rng(size).normal(size=(1, size)).astype(np.float32)
    assert _median(values) == np.median(values)


def test_a_grid_names_each_pixel() -> None:
    across, down = pixel_grid(4, 6, 2)
    assert across.tolist() == [[0, 2, 4], [0, 2, 4]]
    assert down.tolist() == [[0, 0, 0], [2, 2, 2]]

"""Where scenes part, by depth scores of the similarity of neighbouring frames: SceneTiling (VideoLLaMB)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.embedding.vectors import Vectors


def neighbour_similarities(vectors: Vectors) -> NDArray[np.float32]:
    """Cosine of each row with the next; shape (n - 1,), empty for fewer than two."""
    if len(vectors) < 2:
        return np.zeros(0, np.float32)
    found: NDArray[np.float32] = (vectors[1:] * vectors[:-1]).sum(1)
    return found


def depth_scores(similarities: NDArray[Any]) -> NDArray[np.float64]:
    """How far each similarity lies below the nearest peak on either side: left + right - 2 x itself; never negative."""
    values = np.asarray(similarities, np.float64)
    left, right = _peaks(values), _peaks(values[::-1])[::-1]
    found: NDArray[np.float64] = left + right - 2 * values
    return found


def boundaries(
    starts_s: Sequence[float],
    end_s: float,
    similarities: NDArray[Any],
    *,
    threshold: float,
    min_depth: float,
    min_scene_s: float,
    most: int,
) -> list[tuple[float, float]]:
    """Where scenes begin, as (time in s, depth), ascending; the first scene, which begins with the video, is left out.

    Args:
        starts_s: of the frames, ascending; frame k + 1 begins a scene where similarity k is deep.
        end_s: of the video.
        threshold: standard deviations above the mean that a depth must reach; 0.5 in the paper's code.
        min_depth: that it must reach in any case.
        min_scene_s: no scene is shorter; of two places too near each other the deeper one counts.
        most: scenes at most; 15 in the paper's code.
    """
    depths = depth_scores(similarities)
    if not len(depths):
        return []
    bound = max(float(depths.mean() + threshold * depths.std()), min_depth)
    deep = [k for k in np.argsort(-depths, kind="stable").tolist() if depths[k] > bound + 1e-9]
    edges = [float(starts_s[0]), float(end_s)]
    found: list[tuple[float, float]] = []
    for k in deep:
        time_s = float(starts_s[k + 1])
        if len(found) + 1 < most and all(abs(time_s - edge) >= min_scene_s for edge in edges):
            edges.append(time_s)
            found.append((time_s, float(depths[k])))
    return sorted(found)


def _peaks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each value the nearest peak before it: the height reached by going back as long as it does not fall."""
    found = np.empty_like(values)
    for k, value in enumerate(values):
        found[k] = found[k - 1] if k and values[k - 1] >= value else value
    return found

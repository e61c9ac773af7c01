"""Find scene boundaries by depth scores of the similarity of neighbouring frames: SceneTiling (VideoLLaMB)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.embedding.vectors import Vectors


def neighbour_similarities(vectors: Vectors) -> NDArray[np.float32]:
    """Return the cosine of each row with the next; shape (n - 1,), empty for fewer than two rows."""
    if len(vectors) < 2:
        return np.zeros(0, np.float32)
    found: NDArray[np.float32] = (vectors[1:] * vectors[:-1]).sum(1)
    return found


def depth_scores(similarities: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each similarity is below the nearest peaks: left + right - 2 x itself, at least 0."""
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
    """Return the starts of scenes as (time in s, depth), ascending, without the first scene.

    Args:
        starts_s: start times of the frames, ascending; frame k + 1 begins a scene if similarity k is deep.
        end_s: end of the video.
        threshold: a boundary is this many standard deviations above the mean depth; 0.5 in the paper's code.
        min_depth: least depth of a boundary.
        min_scene_s: least duration of a scene; of two boundaries that are too close, the deeper one is used.
        most: maximum number of scenes; 15 in the paper's code.
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
    """Return for each value the nearest peak before it: go back while values do not fall."""
    found = np.empty_like(values)
    for k, value in enumerate(values):
        found[k] = found[k - 1] if k and values[k - 1] >= value else value
    return found

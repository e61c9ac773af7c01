"""Measure motion between successive thumbnails: the movement of the whole frame, and motion relative to it.

Dense optical flow (DIS, Kroeger et al. 2016, as in OpenCV) is computed on thumbnails enlarged twice. A similarity
transform (shift, zoom, rotation) is fitted to it by reweighted least squares with each point weighted by its texture,
because flow is unreliable without texture in both directions. A fit counts as evidence only if textured points in all
parts of the frame agree with it, so that a subject that crosses a plain background is not mistaken for a pan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.analysis.signals import BoolArray, FloatArray, Thumbs, pixel_grid, quantile_reaches

_SCALE = 2  # DIS matches 8x8 patches: on a 64 px thumbnail they would be an eighth of the frame
_STEP = 4  # every fourth flow vector is fitted: neighbours are redundant
_INLIER_PX = 1.0  # in the enlarged thumbnail: half a thumbnail pixel
_BLOCKS = 4  # evidence is counted in 4x4 blocks
_TEXTURE = 12.0  # root of the structure tensor's smaller eigenvalue: above what compression leaves in plain areas
_BACK_S = 1.5  # a pan slower than a pixel in this time is not visible to people either
_FINE = 0.8  # grey levels, root mean square: a fit needs more structure; here it only has to stay in place
_SAME = 0.9
_CHANGED = 10  # grey levels: above the change at a key frame
STOOD = 0.35
"""Share at which the camera stands still: moving and hand-held cameras stay below 0.1 (one that trembles
around one place exceeds it briefly); static ones are above 0.5, unless a subject fills half of the frame."""


@dataclass(frozen=True)
class Pairs:
    """One value for each pair of successive thumbnails i, i + 1, shape (n - 1,), float32 unless stated otherwise.

    Attributes:
        warped: mean absolute luma difference after warping by the dense flow: the residual of movement.
        plain: mean absolute luma difference without warping.
        step: change of mean luma.
        relative: `warped` over the standard deviation of luma.
        alike: correlation of the warped frame with the next one, -1 to 1.
        shift: (n - 1, 2), movement of the frame at its centre, in widths; right and down are positive.
        zoom: natural logarithm of its growth.
        evidence: share of the 4x4 blocks that are textured and agree with the fit.
        stood: share of the textured frame that is equal, in place, to 1.5 s before; nan for the
                first pairs and with too little texture. High only if the camera stands still, whatever crosses
            the frame.
        changed: share of the frame that differs, in place, from 1.5 s before; nan for the first pairs.
        back: number of thumbnails that `stood` looks back.
        moving: (n - 1, 3, 3), share of each ninth of the frame that moves relative to the fit; rows from the top.
        drift: (n - 1, 2), mean movement of the moving parts, in widths; right and down are positive.
    """

    warped: FloatArray
    plain: FloatArray
    step: FloatArray
    relative: FloatArray
    alike: FloatArray
    shift: FloatArray
    zoom: FloatArray
    evidence: FloatArray
    stood: FloatArray
    changed: FloatArray
    back: int
    moving: FloatArray
    drift: FloatArray


def track(thumbs: Thumbs) -> Pairs:
    """Measure every pair; see `Pairs`. Deterministic. `thumbs` holds n >= 2 frames of at least 8x8."""
    import cv2

    opencv: Any = cv2  # its stubs lack the DIS class
    big = [cv2.resize(x, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC) for x in thumbs.luma]
    height, width = big[0].shape
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32)
    dis = opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)
    n = len(big) - 1
    scalars = np.zeros((5, n), np.float32)
    points = (slice(_STEP // 2, None, _STEP), slice(_STEP // 2, None, _STEP))
    flows = np.zeros((n, *grid_x[points].shape, 2), np.float32)
    texture = np.zeros((n, *grid_x[points].shape), np.float32)
    coarse = (
        slice(None, None, _SCALE),
        slice(None, None, _SCALE),
    )  # enlarged only for the flow; compared at the original size
    own_x, own_y = grid_x[coarse], grid_y[coarse]
    seen = [_Seen.of(frame[coarse]) for frame in big]
    dense = np.zeros((n, *own_x.shape, 2), np.float32)
    for i in range(n):
        before, after = big[i], big[i + 1]
        flow = dis.calc(after, before, None)  # after(x) is before(x + flow(x)): the content at x moved by -flow
        dense[i] = -flow[coarse]
        at_x, at_y = own_x - dense[i, ..., 0], own_y - dense[i, ..., 1]
        warped = cv2.remap(before, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        scalars[:, i] = _differences(seen[i], seen[i + 1], warped)
        flows[i] = -flow[points]
        texture[i] = cv2.blur(cv2.cornerMinEigenVal(after, 5, ksize=3), (_STEP, _STEP))[points]
    # cornerMinEigenVal scales by its kernels (1/(255*blockSize*2^(k-1))): convert it back to grey levels squared
    weight = np.clip(np.sqrt(np.maximum(texture, 0)) * 255.0 / _TEXTURE, 0, 1)
    x = (grid_x[points] - (width - 1) / 2).ravel()
    y = (grid_y[points] - (height - 1) / 2).ravel()
    fit, inlier = _fit(x, y, flows.reshape(n, -1, 2), weight.reshape(n, -1))
    evidence = _evidence(inlier.reshape(weight.shape), weight)
    stood, changed, back = _stood(thumbs)
    fit[_steady(stood, back)] = 0.0  # objects that cross a still frame must not count as camera movement
    moving = np.zeros((n, 3, 3), np.float32)
    drift = np.zeros((n, 2), np.float32)
    for i in range(n):
        moving[i], drift[i] = _residual(big[i], seen[i + 1].luma, fit[i], dense[i])
    return Pairs(
        warped=scalars[0],
        plain=scalars[1],
        step=scalars[2],
        relative=scalars[3],
        alike=scalars[4],
        shift=(fit[:, 2:4] / width).astype(np.float32),
        zoom=np.log(np.maximum(np.hypot(1 + fit[:, 0], fit[:, 1]), 1e-3)).astype(np.float32),
        evidence=evidence,
        stood=stood,
        changed=changed,
        back=back,
        moving=moving,
        drift=drift / width,
    )


@dataclass(frozen=True)
class _Seen:
    """One frame of two pairs, with values that both pairs need: luma as float32, its mean and deviation, and its
    difference from the mean with the sum of squares."""

    luma: Any
    mean: Any
    deviation: float
    centred: Any
    power: Any

    @staticmethod
    def of(frame: Any) -> _Seen:
        luma = frame.astype(np.float32)
        mean = luma.mean()
        centred = luma - mean
        return _Seen(luma, mean, float(luma.std()), centred, (centred * centred).sum())


def _differences(before: _Seen, after: _Seen, warped: Any) -> tuple[float, float, float, float, float]:
    w = warped.astype(np.float32)
    left = float(np.abs(after.luma - w).mean())
    deviation = max(before.deviation, after.deviation, 4.0)  # noise of a plain frame is not contrast
    x = w - w.mean()
    power = float((x * x).sum() * after.power)
    alike = float((x * after.centred).sum()) / np.sqrt(power) if power > 1e4 else 1.0
    plain, step = float(np.abs(after.luma - before.luma).mean()), float(after.mean - before.mean)
    return left, plain, step, left / deviation, alike


def _fit(x: Any, y: Any, flow: Any, weight: Any) -> tuple[npt.NDArray[np.float64], BoolArray]:
    """Fit similarities to n flow fields at P points: (n, 4) as (zoom, turn, right, down), u = zoom*x - turn*y + right,
    v = turn*x + zoom*y + down, and return which points agree, (n, P).

    Geman-McClure weights start from the weighted median shift, so that points with other motion lose their weight.
    """
    n = len(flow)
    fit = np.zeros((n, 4))
    for axis in (0, 1):
        fit[:, 2 + axis] = _weighted_median(flow[..., axis], weight)
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    rows_u = np.stack([x, -y, ones, zeros], -1)
    rows_v = np.stack([y, x, zeros, ones], -1)
    moment = np.einsum("pi,pj->pij", rows_u, rows_u) + np.einsum("pi,pj->pij", rows_v, rows_v)
    prior = np.diag([1e-1, 1e-1, 1e-4, 1e-4]) * len(x)  # without texture: no movement, and no zoom before any shift
    for scale in (4.0, 2.0, 1.0, 1.0, 0.7):
        error = _error(fit, rows_u, rows_v, flow)
        w = weight / (1 + error / scale**2) ** 2
        normal = np.einsum("np,pij->nij", w, moment) + prior
        right = np.einsum("np,pi->ni", w * flow[..., 0], rows_u) + np.einsum("np,pi->ni", w * flow[..., 1], rows_v)
        fit = np.linalg.solve(normal, right[..., None])[..., 0]
    agree = _error(fit, rows_u, rows_v, flow) < _INLIER_PX**2
    # A large subject can outvote the background. If the fit is a clear movement, yet much of the textured frame has
    # not moved at all, the camera stood still.
    still = (flow**2).sum(-1) < 0.5**2
    total = np.maximum(weight.sum(1), 1e-6)
    stood = ((weight * still).sum(1) / total > 0.35) & (np.hypot(fit[:, 2], fit[:, 3]) > _INLIER_PX)
    fit[stood] = 0.0
    agree[stood] = still[stood]
    return fit, agree


def _error(fit: Any, rows_u: Any, rows_v: Any, flow: Any) -> Any:
    return (fit @ rows_u.T - flow[..., 0]) ** 2 + (fit @ rows_v.T - flow[..., 1]) ** 2


def _weighted_median(values: Any, weight: Any) -> Any:
    order = np.argsort(values, axis=1)
    sums = np.cumsum(np.take_along_axis(weight, order, 1) + 1e-9, axis=1)
    middle = (sums >= sums[:, -1:] / 2).argmax(1)
    return np.take_along_axis(np.take_along_axis(values, order, 1), middle[:, None], 1)[:, 0]


def _evidence(agree: Any, weight: Any) -> FloatArray:
    """Return the share of 4x4 blocks in which textured points that agree with the fit outweigh the others."""
    n, height, width = weight.shape
    good = np.zeros((n, _BLOCKS, _BLOCKS))
    every = np.zeros((n, _BLOCKS, _BLOCKS))
    for r, c, ys, xs in _tiles(height, width, _BLOCKS):
        good[:, r, c] = (weight * agree)[:, ys, xs].mean((1, 2))
        every[:, r, c] = weight[:, ys, xs].mean((1, 2))
    return np.asarray(((good > 0.1) & (good > every / 2)).mean((1, 2)), np.float32)


def _stood(thumbs: Thumbs) -> tuple[FloatArray, FloatArray, int]:
    """Return the share of textured pixels whose neighbourhood correlates with the same place `_BACK_S` earlier, the
    share of all pixels that got lighter or darker since, and the number of thumbnails in between."""
    import cv2

    n = len(thumbs) - 1
    back = max(1, round(_BACK_S / thumbs.interval_s)) if thumbs.interval_s > 0 else 1
    found, changed = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    luma = thumbs.luma.astype(np.float32)
    centred = [x - x.mean() for x in luma]
    squares = [float((x * x).sum()) for x in centred]
    fine = [x - cv2.blur(x, (9, 9)) for x in luma]
    power = [cv2.blur(x * x, (7, 7)) for x in fine]
    for i in range(back - 1, n):
        a, b = i + 1 - back, i + 1
        before, after = centred[a], centred[b]
        gain = float((before * after).sum()) / max(squares[a], 1.0)  # the light may have changed
        changed[i] = _share(np.abs(after - np.clip(gain, 0.5, 2.0) * before) > _CHANGED)
        textured = np.minimum(power[a], power[b]) > _FINE**2
        if _share(textured) < 0.1:
            continue
        alike = cv2.blur(fine[a] * fine[b], (7, 7)) / np.sqrt(power[a] * power[b] + 1e-6)
        found[i] = _share(alike[textured] > _SAME)
    return found, changed, back


def _share(flags: BoolArray) -> float:
    return int(np.count_nonzero(flags)) / flags.size


def still_share(stood: FloatArray) -> bool:
    """Return whether these values of `Pairs.stood` show a still camera: mostly high, and never low for long."""
    known = stood[np.isfinite(stood)]
    return len(known) > 0 and float(known.mean()) >= STOOD and quantile_reaches(known, 0.2, STOOD / 2)


def _steady(stood: FloatArray, back: int) -> BoolArray:
    """Return the pairs around which the frame stayed in place for `back` pairs on both sides."""
    return np.array([still_share(stood[max(0, i - back) : i + back + 1]) for i in range(len(stood))], bool)


def _median(values: FloatArray) -> np.float32:
    """Return `np.median` of values without nan, in a third of the time."""
    middle = values.size // 2
    if values.size % 2:
        return np.float32(np.partition(values.ravel(), middle)[middle])
    low, high = np.partition(values.ravel(), (middle - 1, middle))[middle - 1 : middle + 1]
    return np.float32((low + high) / 2)


def _tiles(height: int, width: int, count: int) -> list[tuple[int, int, slice, slice]]:
    ys = [round(height * k / count) for k in range(count + 1)]
    xs = [round(width * k / count) for k in range(count + 1)]
    return [(r, c, slice(ys[r], ys[r + 1]), slice(xs[c], xs[c + 1])) for r in range(count) for c in range(count)]


def _residual(before: Any, after: Any, fit: Any, flow: Any) -> tuple[FloatArray, FloatArray]:
    """Return where `after` differs from `before` moved by `fit`: share by ninths (3, 3), mean movement there (2,) px.

    `before` is enlarged, (2h, 2w); `after` is every second pixel of the enlarged one, (h, w) float32; `flow` (h, w, 2)
    and `fit` are in pixels of the enlarged one.
    """
    import cv2

    height, width = before.shape
    grid_x, grid_y = pixel_grid(height, width, _SCALE)
    x, y = grid_x - (width - 1) / 2, grid_y - (height - 1) / 2
    u, v = fit[0] * x - fit[1] * y + fit[2], fit[1] * x + fit[0] * y + fit[3]
    source_x, source_y = (grid_x - u).astype(np.float32), (grid_y - v).astype(np.float32)
    seen = (source_x >= 0) & (source_x <= width - 1) & (source_y >= 0) & (source_y <= height - 1)
    moved = cv2.remap(before, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    now = after
    change = now - moved
    change -= _median(change)  # the light of the whole frame may change
    across = np.abs(cv2.Sobel(now, cv2.CV_32F, 1, 0, scale=1 / 8))
    down = np.abs(cv2.Sobel(now, cv2.CV_32F, 0, 1, scale=1 / 8))
    # a quarter of a thumbnail pixel of misfit changes luma by a quarter of the gradient: not a movement
    noise = min(max(4 * float(_median(np.abs(change))), 5.0), 10.0)
    mask = (np.abs(change) > noise + 0.25 * (across + down)) & seen
    mask &= cv2.blur(mask.astype(np.float32), (3, 3)) > 0.3  # moving pixels have moving neighbours, noise has none
    ninths = cv2.resize(mask.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA)
    drift = np.zeros(2, np.float32)
    if mask.any():
        drift = (flow[mask] - np.stack([u[mask], v[mask]], -1)).mean(0).astype(np.float32)
    return np.asarray(ninths, np.float32), drift

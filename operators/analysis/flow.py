"""What changes from each thumbnail to the next: the movement of the whole picture, and what moves against it.

Dense optical flow (DIS, Kroeger et al. 2016, as in OpenCV) on thumbnails enlarged twice, then a similarity (shift,
zoom, turn) fitted to it by reweighted least squares, each point weighed by its texture: where there is no texture in
both directions the flow is a guess and has no vote. A fit counts as evidence only if textured points all over the
picture agree with it, so that a subject that crosses a plain background is not taken for a camera that pans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.analysis.signals import BoolArray, FloatArray, Thumbs, pixel_grid, quantile_reaches

_SCALE = 2  # DIS matches 8x8 patches: on a 64 px thumbnail they would be an eighth of the picture
_STEP = 4  # every fourth flow vector is fitted: neighbours say the same
_INLIER_PX = 1.0  # of the enlarged thumbnail: half a thumbnail pixel
_BLOCKS = 4  # evidence is counted in 4x4 blocks
_TEXTURE = 12.0  # root of the structure tensor's smaller eigenvalue: above what compression leaves in plain areas
_BACK_S = 1.5  # a pan slower than a pixel in this time is not seen by people either
_FINE = 0.8  # grey levels, root mean square: weaker structure than a fit needs, since here it only has to stay
_SAME = 0.9
_CHANGED = 10  # grey levels: above what a coder's next key picture changes
STOOD = 0.35
"""Share from which the camera stands still: moving and hand-held cameras were seen to stay below 0.1 (one that trembles
around one place rises above for moments), standing ones above 0.5 but for subjects that fill half of the picture."""


@dataclass(frozen=True)
class Pairs:
    """One value for each pair of neighbouring thumbnails i, i + 1: n - 1 of them. float32 unless said otherwise.

    Attributes:
        warped: mean absolute luma difference after warping by the dense flow: what no movement explains.
        plain: mean absolute luma difference without any warping.
        step: change of mean luma.
        relative: `warped` over the standard deviation of luma.
        alike: correlation of the warped picture with the one after it, -1 to 1.
        shift: (n - 1, 2), movement of the picture at its centre, widths, right and down positive.
        zoom: natural logarithm of its growth.
        evidence: share of the 4x4 blocks that are textured and agree with the fit.
        stood: share of the textured picture that is the same, in place, as a second and a half before; nan for the
            first pairs and where there is too little texture. High only where the camera stands still, whatever crosses
            the picture.
        changed: share of the picture that is another than then, in place; nan for the first pairs.
        back: how many thumbnails `stood` looks back.
        moving: (n - 1, 3, 3), share of each ninth of the picture that moves against the fit; rows from the top.
        drift: (n - 1, 2), mean movement of what moves, widths; right and down positive.
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
    """Measure every pair; see `Pairs`. Deterministic. `thumbs` holds n >= 2 pictures of at least 8x8."""
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
    )  # enlarged for the flow alone; compared as they came
    own_x, own_y = grid_x[coarse], grid_y[coarse]
    seen = [_Seen.of(picture[coarse]) for picture in big]
    dense = np.zeros((n, *own_x.shape, 2), np.float32)
    for i in range(n):
        before, after = big[i], big[i + 1]
        flow = dis.calc(after, before, None)  # after(x) is before(x + flow(x)): what is seen at x moved by -flow
        dense[i] = -flow[coarse]
        at_x, at_y = own_x - dense[i, ..., 0], own_y - dense[i, ..., 1]
        warped = cv2.remap(before, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        scalars[:, i] = _differences(seen[i], seen[i + 1], warped)
        flows[i] = -flow[points]
        texture[i] = cv2.blur(cv2.cornerMinEigenVal(after, 5, ksize=3), (_STEP, _STEP))[points]
    # cornerMinEigenVal scales by its kernels (1/(255*blockSize*2^(k-1))): bring it back to grey levels squared
    weight = np.clip(np.sqrt(np.maximum(texture, 0)) * 255.0 / _TEXTURE, 0, 1)
    x = (grid_x[points] - (width - 1) / 2).ravel()
    y = (grid_y[points] - (height - 1) / 2).ravel()
    fit, inlier = _fit(x, y, flows.reshape(n, -1, 2), weight.reshape(n, -1))
    evidence = _evidence(inlier.reshape(weight.shape), weight)
    stood, changed, back = _stood(thumbs)
    fit[_steady(stood, back)] = 0.0  # what crosses a picture that stays must not pull the camera along
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
    """One picture of two pairs, what both need of it computed once: luma as float32, its mean and deviation, and its
    distance from the mean with the sum of the squares."""

    luma: Any
    mean: Any
    deviation: float
    centred: Any
    power: Any

    @staticmethod
    def of(picture: Any) -> _Seen:
        luma = picture.astype(np.float32)
        mean = luma.mean()
        centred = luma - mean
        return _Seen(luma, mean, float(luma.std()), centred, (centred * centred).sum())


def _differences(before: _Seen, after: _Seen, warped: Any) -> tuple[float, float, float, float, float]:
    w = warped.astype(np.float32)
    left = float(np.abs(after.luma - w).mean())
    deviation = max(before.deviation, after.deviation, 4.0)  # a plain picture's noise must not look like contrast
    x = w - w.mean()
    power = float((x * x).sum() * after.power)
    alike = float((x * after.centred).sum()) / np.sqrt(power) if power > 1e4 else 1.0
    plain, step = float(np.abs(after.luma - before.luma).mean()), float(after.mean - before.mean)
    return left, plain, step, left / deviation, alike


def _fit(x: Any, y: Any, flow: Any, weight: Any) -> tuple[npt.NDArray[np.float64], BoolArray]:
    """Similarities for n flow fields at P points: (n, 4) as (zoom, turn, right, down), u = zoom*x - turn*y + right and
    v = turn*x + zoom*y + down, and which points agree, (n, P).

    Geman-McClure weights from the weighted median shift: what moves otherwise loses its vote.
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
    # A big subject can outvote the background. Where the fit is a clear movement, yet much of the textured picture has
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
    """Share of the 4x4 blocks in which textured points agree with the fit and outweigh those that do not."""
    n, height, width = weight.shape
    good = np.zeros((n, _BLOCKS, _BLOCKS))
    every = np.zeros((n, _BLOCKS, _BLOCKS))
    for r, c, ys, xs in _tiles(height, width, _BLOCKS):
        good[:, r, c] = (weight * agree)[:, ys, xs].mean((1, 2))
        every[:, r, c] = weight[:, ys, xs].mean((1, 2))
    return np.asarray(((good > 0.1) & (good > every / 2)).mean((1, 2)), np.float32)


def _stood(thumbs: Thumbs) -> tuple[FloatArray, FloatArray, int]:
    """Share of textured pixels whose neighbourhood correlates with the same place `_BACK_S` earlier, share of all
    pixels that are lighter or darker than then, and how many thumbnails that is."""
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
    """Whether these values of `Pairs.stood` say that the camera stands still: mostly, and never long not."""
    known = stood[np.isfinite(stood)]
    return len(known) > 0 and float(known.mean()) >= STOOD and quantile_reaches(known, 0.2, STOOD / 2)


def _steady(stood: FloatArray, back: int) -> BoolArray:
    """Pairs around which, for `back` pairs to both sides, the picture stayed in place."""
    return np.array([still_share(stood[max(0, i - back) : i + back + 1]) for i in range(len(stood))], bool)


def _median(values: FloatArray) -> np.float32:
    """As `np.median` of what holds no nan, at a third of the time."""
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
    """Where `after` differs from `before` moved by `fit`: share by ninths (3, 3), mean movement there (2,) px.

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
    change -= _median(change)  # the light of the whole picture may change
    across = np.abs(cv2.Sobel(now, cv2.CV_32F, 1, 0, scale=1 / 8))
    down = np.abs(cv2.Sobel(now, cv2.CV_32F, 0, 1, scale=1 / 8))
    # a quarter of a thumbnail pixel of misfit changes luma by a quarter of the gradient: not a movement
    noise = min(max(4 * float(_median(np.abs(change))), 5.0), 10.0)
    mask = (np.abs(change) > noise + 0.25 * (across + down)) & seen
    mask &= cv2.blur(mask.astype(np.float32), (3, 3)) > 0.3  # what moves has neighbours that move: specks are noise
    ninths = cv2.resize(mask.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA)
    drift = np.zeros(2, np.float32)
    if mask.any():
        drift = (flow[mask] - np.stack([u[mask], v[mask]], -1)).mean(0).astype(np.float32)
    return np.asarray(ninths, np.float32), drift

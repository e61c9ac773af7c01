"""Classify camera movement and motion in a piece of video, from pairs of thumbnails."""

from __future__ import annotations

from typing import Literal

import numpy as np

from operators.analysis.facts import Camera, Motion, MotionLevel, MoveName
from operators.analysis.flow import Pairs, still_share
from operators.analysis.signals import BoolArray, FloatArray

_EVIDENCE = 0.5  # least share of the blocks; fewer may be one subject
_CROSSED = 0.2  # share of the textured frame in place: too much for a moving camera, too little for a still one
_ENOUGH = 0.6  # share of the pairs that must be evidence to classify a piece
_BRIEF_S = 2.5  # shorter movements must be twice as large, since a trembling hand moves briefly
_LEAST_S = 0.7  # shorter movements are not classified
_PAN = 0.02  # widths per second: slower movement is not a pan
_PAN_TOTAL = 0.04  # widths over the piece
_ZOOM = 0.025  # logarithm of growth per second
_ZOOM_TOTAL = 0.05
_STEADY = 0.75  # share of the time in which a movement has its direction
_STILL = 0.006  # widths per second, slow part
_STILL_SHAKE = 0.0015  # widths per pair, fast part: a tenth of a pixel of a 64 px thumbnail
_SHAKE = 0.0035


def camera(pairs: Pairs, index: BoolArray, interval_s: float) -> Camera:
    """Classify the camera movement over the pairs `index`, a bool per pair, of a piece without cuts and fades."""
    stayed = _looked_back(pairs.stood, pairs, index)
    if still_share(stayed):
        return Camera(state="still")
    use = index & (pairs.evidence >= _EVIDENCE)
    count, good = int(index.sum()), int(use.sum())
    if count == 0 or good < _ENOUGH * count or good * interval_s < _LEAST_S:
        return Camera(state="unsure")
    shift, zoom = pairs.shift[use] / interval_s, pairs.zoom[use] / interval_s
    seconds = good * interval_s
    slow = _smooth(shift, max(1, round(0.6 / interval_s)))
    slow_zoom = _smooth(zoom[:, None], max(1, round(0.6 / interval_s)))[:, 0]
    mean, growth = shift.mean(axis=0), float(zoom.mean())
    shake = float(np.sqrt(((shift - slow) ** 2).sum(axis=1).mean())) * interval_s
    moves: list[MoveName] = []
    crossed = len(stayed) > 0 and float(stayed.mean()) >= _CROSSED
    if crossed and shake < _SHAKE:
        return Camera(state="unsure", speed=float(np.hypot(*mean)), zoom=growth, shake=shake)
    if _goes(slow[:, 0], _PAN, _PAN_TOTAL, seconds) and abs(mean[0]) > 0.4 * abs(mean[1]):
        moves.append("pan right" if mean[0] < 0 else "pan left")  # the frame moves opposite to the camera
    if _goes(slow[:, 1], _PAN, _PAN_TOTAL, seconds) and abs(mean[1]) > 0.4 * abs(mean[0]):
        moves.append("tilt down" if mean[1] < 0 else "tilt up")
    if _goes(slow_zoom, _ZOOM, _ZOOM_TOTAL, seconds):
        moves.append("zoom in" if growth > 0 else "zoom out")
    speed = float(np.hypot(*mean))
    if moves:
        return Camera(state="moves", moves=tuple(moves), speed=speed, zoom=growth, shake=shake)
    drift = float(np.sqrt((slow**2).sum(axis=1).mean()))
    state: Literal["still", "moves", "shakes", "unsure"] = "unsure"
    if drift < _STILL and shake < _STILL_SHAKE and abs(growth) < _ZOOM / 3:
        state = "still"
    elif shake > _SHAKE:
        state = "shakes"
    elif drift > 2 * _PAN and seconds >= _BRIEF_S:
        state = "moves"
    return Camera(state=state, speed=speed, zoom=growth, shake=shake)


def _looked_back(values: FloatArray, pairs: Pairs, index: BoolArray) -> FloatArray:
    """Return values of the pairs that were compared with an earlier frame inside the piece."""
    inside = index.copy()
    for k in range(1, pairs.back):
        inside[k:] &= index[:-k]
    kept: FloatArray = values[inside & np.isfinite(values)]
    return kept


def _goes(values: FloatArray, least: float, total: float, seconds: float) -> bool:
    """Return whether a movement has one direction and a visible speed nearly all the time."""
    mean = float(values.mean())
    along = values * np.sign(mean)
    total *= 2 if seconds < _BRIEF_S else 1
    return abs(mean) >= least and abs(mean) * seconds >= total and float((along > 0.25 * abs(mean)).mean()) >= _STEADY


def _smooth(values: FloatArray, width: int) -> FloatArray:
    """Return the running mean along axis 0, with a shorter window at the ends."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    n = len(values)
    low = np.maximum(np.arange(n) - width // 2, 0)
    high = np.minimum(np.arange(n) + width // 2 + 1, n)
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None], np.float32)


_NONE, _LITTLE, _SOME = 0.002, 0.02, 0.08  # mean share of the frame that moves from one thumbnail to the next
_ABRUPT = 2  # pairs
_SLOW = 0.004  # mean share of the frame that differs from 1.5 s before
_FLASH = 8.0  # simultaneous change of the whole frame in grey levels: light, not movement
_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")


def motion(pairs: Pairs, index: BoolArray, seen: Camera, interval_s: float) -> Motion | None:
    """Classify motion in the scene; None if the camera is not known to be static.

    With a moving camera, parallax of near objects cannot be distinguished from motion.
    """
    index = index & (np.abs(pairs.step) < _FLASH)
    if not index.any() or seen.state != "still":
        return None
    shares = pairs.moving[index].mean(axis=(1, 2))
    busy = shares > _NONE
    if 0 < busy.sum() <= _ABRUPT and float(shares[~busy].sum()) < _NONE:
        return None  # a single step between still frames: a new page, not a movement
    ninths = pairs.moving[index].mean(axis=0)
    share = float(ninths.mean())
    level = motion_level(share)
    slow = _looked_back(pairs.changed, pairs, index)
    if level == "none" and len(slow) and float(slow.mean()) > _SLOW:
        level = "little"  # slow motion: hardly visible between thumbnails, visible over 1.5 s
    if level == "none":
        return Motion(level=level, share=share)
    where = _where(ninths) if share >= _NONE / 4 else None
    return Motion(level=level, share=share, where=where, direction=_direction(pairs, index, interval_s))


def motion_level(share: float) -> MotionLevel:
    """Return a word for the mean share of the frame that moves between thumbnails."""
    return "none" if share < _NONE else "little" if share < _LITTLE else "some" if share < _SOME else "much"


def _where(ninths: FloatArray) -> str | None:
    part = ninths / max(float(ninths.sum()), 1e-9)
    columns, rows = part.sum(axis=0), part.sum(axis=1)
    column = int(columns.argmax()) if columns.max() > 0.65 else None
    row = int(rows.argmax()) if rows.max() > 0.65 else None
    if column is None and row is None:
        return None
    if row is None or row == 1:
        return _COLUMNS[column] if column is not None else "middle"
    if column is None or column == 1:
        return ("top", "", "bottom")[row]
    return f"{_ROWS[row]} {_COLUMNS[column]}"


def _direction(pairs: Pairs, index: BoolArray, interval_s: float) -> Literal["left", "right", "up", "down"] | None:
    """Return the direction of motion, if it is nearly always the same."""
    share = pairs.moving[index].mean(axis=(1, 2))
    busy = share > _NONE
    if busy.sum() * interval_s < _LEAST_S or busy.mean() < 0.5:
        return None
    drift = pairs.drift[index][busy] / interval_s
    mean = drift.mean(axis=0)
    axis = int(np.abs(mean).argmax())
    along = drift[:, axis] * np.sign(mean[axis])
    if abs(mean[axis]) < 0.03 or abs(mean[axis]) < 2.5 * abs(mean[1 - axis]) or (along > 0).mean() < 0.85:
        return None
    return ("right" if mean[0] > 0 else "left") if axis == 0 else ("down" if mean[1] > 0 else "up")

"""Find hard cuts, exact to the frame, among the jumps of the signals (`operators.video.thumbnails`).

A jump is the largest step between consecutive frames between two thumbnails that differ much. Most jumps are movement,
flashes, or objects that pass close to the camera. A cut gives a frame that movement does not explain, is larger than
the neighbouring steps, and the old frame does not return. All thresholds are grey levels (0 to 255) of
thumbnails about 64 px wide; they were set only on rendered cuts, fades, dissolves, flashes and pans (bench/shots.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.analysis.signals import FloatArray, Jump, Thumbs, pixel_grid, quantile_reaches

_SCALE = 2  # as in `operators.analysis.flow`
_CUT = 8.0  # residual of a new frame that movement does not explain
_RELATIVE = 0.5  # the residual as a share of the frame's deviation
_ALIKE = 0.55  # correlation with the warped old frame
_LEAP = 1.8  # times the neighbouring steps
_CALM_LEAP = 5.0  # at this factor, similar shots are also separated
_LEAP_RELATIVE = 0.3
_LEAP_ALIKE = 0.55
_REST = 2.5  # a change of slides: small in luma, but from a completely still frame
_REST_LEAP = 8.0
_SEEN = 6  # least change of a changed pixel in grey levels
_REST_AREA = 0.06
_PATCH = 0.25  # share of the frame's area: a title panel, a caption or an inset changes a smaller box
_PATCH_FULL = 0.6  # and changes most of the box; replaced lines of text leave gaps
_BOTH_WAYS = 0.006  # least share of the frame that gets lighter, and darker: a line added to a slide only does one
_REPLACED = 0.35  # or share of the old frame's structure that is gone and of the new frame's that is new
_FINE_POWER = 9.0  # grey levels squared: weaker structure is a compression artefact
_COLOUR = 12.0  # change of colour that luma does not show
_COLOUR_LEAP = 6.0
_FLASH_S = 0.4  # longest flash or object in front of the lens
_LIKE = 0.75  # least correlation of a frame that returns
_RETURNED = 0.3  # or share of the jump that is reversed: a flash does not move edges
_PLAIN = 4.0  # below this deviation, frames are compared only by luma
_BLACK = 20.0  # 98th percentile of luma: compression lifts black, and some files have it at 16
_AROUND = 6  # thumbnails on each side


def find_cuts(thumbs: Thumbs) -> list[float]:
    """Return the times of the first frame of each new shot, in order; existing results are reused."""
    if thumbs.cuts_s is not None:
        return list(thumbs.cuts_s)
    if len(thumbs) < 2:
        return []
    import cv2

    changes = np.abs(np.diff(thumbs.luma.astype(np.int16), axis=0)).mean(axis=(1, 2)).astype(np.float32)
    opencv: Any = cv2  # its stubs lack the DIS class
    dis = opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)
    cuts: list[float] = []
    for number, jump in enumerate(thumbs.jumps):
        if is_black(jump.before) or is_black(jump.after):
            continue  # the end of a fade or of a black span, which is reported as such
        after = int(np.searchsorted(thumbs.times_s, jump.time_s - 1e-6))
        beside = max(jump.beside, _usual(changes, after))
        explained = _explained(jump.before, jump.after, dis)
        new = _is_new_shot(explained, jump, dis) or _out_of_rest(jump, changes, after)
        new = new or (_is_new_colour(jump, beside) and not _colour_returns(thumbs.jumps, number))
        if new and not _comes_back(thumbs, jump, after):
            cuts.append(jump.time_s)
    return cuts


def _is_new_shot(explained: tuple[float, float, float], jump: Jump, dis: Any) -> bool:
    """Return whether movement explains a jump badly, and far worse than the neighbouring steps.

    Args:
        explained: result of `_explained` for the jump.
    """
    left, relative, alike = explained
    torn = left >= _CUT and relative >= _RELATIVE and alike <= _ALIKE
    leapt = left >= _CUT and relative >= _LEAP_RELATIVE and alike <= _LEAP_ALIKE
    if not (torn or leapt):
        return False  # most are not, and their neighbours need no check
    moving = max(_left(jump.earlier, jump.before, dis), _left(jump.after, jump.later, dis))
    return (torn and left >= _LEAP * moving) or (leapt and left >= _CALM_LEAP * moving)


def _is_new_colour(jump: Jump, beside: float) -> bool:
    """Return whether a jump is a new shot with equal luma but other colours."""
    return jump.step < _CUT and jump.colour_step >= _COLOUR and jump.colour_step >= _COLOUR_LEAP * max(beside, 0.5)


def _usual(changes: FloatArray, after: int) -> float:
    """Return the usual step between frames around a jump, estimated from the thumbnails on both sides of it.

    Thumbnails are several frames apart, and movement adds up, so the estimate is conservative.
    """
    at = after - 1  # the pair of thumbnails around the jump
    around = np.concatenate([changes[max(0, at - _AROUND) : max(0, at)], changes[at + 1 : at + 1 + _AROUND]])
    real = around[around > 0.05]  # without repeated frames of a source that is slower than the thumbnails
    return float(np.median(real)) / 2 if len(real) >= 3 else 0.0


def _explained(before: Any, after: Any, dis: Any) -> tuple[float, float, float]:
    """Return the residual of a step after optical flow: mean luma difference, share of the deviation, correlation."""
    import cv2

    old, new = (cv2.resize(x, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC) for x in (before, after))
    height, width = old.shape
    flow = dis.calc(new, old, None)[::_SCALE, ::_SCALE]
    grid_x, grid_y = pixel_grid(height, width, _SCALE)
    warped = cv2.remap(
        old, grid_x + flow[..., 0], grid_y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    a, b = warped.astype(np.float32), after.astype(np.float32)
    left = float(np.abs(b - a).mean())
    deviation = max(float(before.std()), float(b.std()), 4.0)
    return left, left / deviation, alike(a, b)


def _left(before: Any, after: Any, dis: Any) -> float:
    """Return the first value of `_explained`; 0 if a frame is missing."""
    return 0.0 if before is None or after is None else _explained(before, after, dis)[0]


def _out_of_rest(jump: Jump, changes: FloatArray, after: int) -> bool:
    """Return whether a still frame is replaced by another still frame in one step."""
    if jump.step < _REST or jump.step < _REST_LEAP * max(jump.beside, 0.25):
        return False
    near = np.concatenate([changes[max(0, after - 1 - _AROUND) : max(0, after - 1)], changes[after : after + _AROUND]])
    if len(near) < 3 or float(np.percentile(near, 80)) > jump.step / _REST_LEAP:
        return False
    step = jump.after.astype(np.int16) - jump.before
    if _is_patch(np.abs(step) > _SEEN):
        return False
    lighter, darker = float((step > _SEEN).mean()), float((step < -_SEEN).mean())
    return lighter + darker > _REST_AREA and (min(lighter, darker) >= _BOTH_WAYS or _replaced(jump) >= _REPLACED)


def _is_patch(changed: Any) -> bool:
    """Return whether the change is a patch drawn on or removed from an otherwise unchanged frame."""
    rows, columns = np.nonzero(changed)
    if not len(rows):
        return False
    # a few noisy pixels elsewhere do not enlarge the box
    height, width = (float(np.subtract(*np.percentile(at, (98, 2)))) + 1 for at in (rows, columns))
    return height * width < _PATCH * changed.size and len(rows) > _PATCH_FULL * height * width


def _replaced(jump: Jump) -> float:
    """Return the smaller of: the share of the old structure that is gone, and the share of the new one that is new."""
    import cv2

    x, y = (_fine(side) for side in jump.sides)
    both = cv2.blur(x * y, (5, 5))
    power_x, power_y = cv2.blur(x * x, (5, 5)), cv2.blur(y * y, (5, 5))
    same = both / np.sqrt(power_x * power_y + 1e-6)
    shares = [
        float((same[power > _FINE_POWER] < 0.6).mean()) if (power > _FINE_POWER).mean() > 0.02 else 1.0
        for power in (power_x, power_y)
    ]
    return min(shares)


def _fine(side: Any) -> Any:
    import cv2

    x = side.astype(np.float32)
    return x - cv2.blur(x, (9, 9))


def _comes_back(thumbs: Thumbs, jump: Jump, after: int) -> bool:
    """Return whether the frame before a jump returns soon after: a flash, a passing object, a damaged frame."""
    times = thumbs.times_s
    later = [thumbs.luma[k] for k in range(after, len(thumbs)) if times[k] <= jump.time_s + _FLASH_S]
    if _seen_again(jump.before, later, jump):
        return True
    # the end of a flash: the frame after the jump equals the frame before the flash
    earlier = [thumbs.luma[k] for k in range(after) if times[k] >= jump.time_s - _FLASH_S]
    return _seen_again(jump.after, earlier, jump)


def _seen_again(frame: Any, others: list[Any], jump: Jump) -> bool:
    """Return whether one of `others` is far more similar to `frame` than the sides of the jump are to each other."""
    step = alike(*jump.sides)
    plain = float(frame.std()) < _PLAIN
    for other in others:
        like = alike_moved(frame, other)
        near = float(np.abs(frame.astype(np.float32) - other).mean()) <= jump.step * _RETURNED
        if like > _LIKE and (near or (like > step + 0.2 and not plain)):
            return True
    return False


def _colour_returns(jumps: tuple[Jump, ...], number: int) -> bool:
    """Return whether a jump of colour soon follows or precedes a similar one: flashing coloured light."""
    this = jumps[number]
    near = [*jumps[max(0, number - 2) : number], *jumps[number + 1 : number + 3]]
    return any(abs(j.time_s - this.time_s) <= _FLASH_S and j.colour_step >= this.colour_step / 2 for j in near)


def is_black(frame: Any) -> bool:
    """Return whether a thumbnail is completely black."""
    return not quantile_reaches(frame, 0.98, _BLACK)


def alike(a: Any, b: Any) -> float:
    """Return the correlation of two thumbnails, -1 to 1; for plain ones 1 if their luma is similar, else 0."""
    return _alike(_centred(a), _centred(b))


def _centred(frame: Any) -> tuple[Any, Any, Any]:
    """Return a thumbnail, its deviation from its mean, and the sum of squares of that."""
    x = frame.astype(np.float32)
    x = x - x.mean()
    return frame, x, (x * x).sum()


def _alike(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> float:
    (a, x, of_x), (b, y, of_y) = one, other
    power = float(of_x * of_y)
    if power < 1e4:
        return 1.0 if abs(float(a.mean()) - float(b.mean())) < 8 else 0.0
    return float((x * y).sum()) / float(np.sqrt(power))


def alike_moved(a: Any, b: Any) -> float:
    """Return the largest `alike` over small shifts of one against the other."""
    height, width = a.shape
    my, mx = height // 8, width // 8
    core = _centred(a[my : height - my, mx : width - mx])
    shifts = [(dy, dx) for dy in (-my, -my // 2, 0, my // 2, my) for dx in (-mx, -mx // 2, 0, mx // 2, mx)]
    return max(_alike(core, _centred(b[my + dy : height - my + dy, mx + dx : width - mx + dx])) for dy, dx in shifts)

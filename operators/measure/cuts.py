"""Hard cuts, to the picture: the jumps of the signals (`operators.video.thumbnails`), judged one by one.

A jump is the largest step from one picture to the next between two thumbnails that differ much. Most are movement,
flashes, or something that passes close by; a cut leaves a picture that no movement makes of the one before it, stands
out of the steps beside it, and does not bring the old picture back. All thresholds are grey levels (0 to 255) of
thumbnails about 64 px wide; they were set on rendered cuts, fades, dissolves, flashes and pans alone (bench/shots.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.measure.signals import FloatArray, Jump, Thumbs

_SCALE = 2  # as in `operators.measure.flow`
_CUT = 8.0  # what no movement explains of a new picture
_RELATIVE = 0.5  # the same as a share of the picture's deviation
_ALIKE = 0.62  # correlation with the best that movement can make of the old picture
_LEAP = 1.8  # times the steps beside it
_CALM_LEAP = 6.0  # so far above them, shots that resemble each other are told apart as well
_LEAP_RELATIVE = 0.3
_LEAP_ALIKE = 0.85
_REST = 2.5  # a change of slides: small in luma, but out of complete rest
_REST_LEAP = 8.0
_REST_AREA = 0.08
_REPLACED = 0.35  # of the old picture's structure is gone and of the new one's is new: a line that is added leaves all
_FINE_POWER = 9.0  # grey levels squared: weaker structure is a coder's
_COLOUR = 12.0  # a change that luma alone does not show
_COLOUR_LEAP = 6.0
_FLASH_S = 0.4  # how long a flash or a hand before the lens may last
_AROUND = 6  # thumbnails to each side


def find_cuts(thumbs: Thumbs) -> list[float]:
    """Times of the first picture of each new shot, in order."""
    import cv2

    if len(thumbs) < 2:
        return []
    changes = np.abs(np.diff(thumbs.luma.astype(np.int16), axis=0)).mean(axis=(1, 2)).astype(np.float32)
    opencv: Any = cv2  # its stubs lack the DIS class
    dis = opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)
    cuts: list[float] = []
    for number, jump in enumerate(thumbs.jumps):
        after = int(np.searchsorted(thumbs.times_s, jump.time_s - 1e-6))
        beside = max(jump.beside, _usual(changes, after))
        new = _is_new_shot(jump, beside, _explained(jump, dis)) or _out_of_rest(jump, changes, after)
        if not new or _comes_back(thumbs, jump, after):
            continue
        if jump.colour_step > jump.step and _colour_returns(thumbs.jumps, number):
            continue
        cuts.append(jump.time_s)
    return cuts


def _is_new_shot(jump: Jump, beside: float, explained: tuple[float, float, float]) -> bool:
    unexplained, relative, alike = explained
    torn = unexplained >= _CUT and relative >= _RELATIVE and alike <= _ALIKE and jump.step >= _LEAP * beside
    leapt = (
        unexplained >= _CUT
        and relative >= _LEAP_RELATIVE
        and alike <= _LEAP_ALIKE
        and jump.step >= _CALM_LEAP * max(beside, 0.5)
    )
    coloured = jump.colour_step >= _COLOUR and jump.colour_step >= _COLOUR_LEAP * max(beside, 0.5)
    return torn or leapt or coloured


def _usual(changes: FloatArray, after: int) -> float:
    """The usual step from picture to picture around a jump, guessed from the thumbnails on both sides of it.

    They lie several pictures apart, and movement adds up: the guess is on the careful side.
    """
    at = after - 1  # the pair of thumbnails that the jump lies in
    around = np.concatenate([changes[max(0, at - _AROUND) : max(0, at)], changes[at + 1 : at + 1 + _AROUND]])
    real = around[around > 0.05]  # repeated pictures left out: a slow source under faster thumbnails moves in jumps
    return float(np.median(real)) / 2 if len(real) >= 3 else 0.0


def _explained(jump: Jump, dis: Any) -> tuple[float, float, float]:
    """What optical flow leaves of a jump: mean luma difference, its share of the deviation, and the correlation."""
    import cv2

    before, after = (cv2.resize(x, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC) for x in jump.sides)
    height, width = before.shape
    flow = dis.calc(after, before, None)[::_SCALE, ::_SCALE]
    grid_y, grid_x = np.mgrid[0:height:_SCALE, 0:width:_SCALE].astype(np.float32)
    warped = cv2.remap(
        before, grid_x + flow[..., 0], grid_y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    a, b = warped.astype(np.float32), jump.after.astype(np.float32)
    left = float(np.abs(b - a).mean())
    deviation = max(float(jump.before.std()), float(b.std()), 4.0)
    return left, left / deviation, alike(a, b)


def _out_of_rest(jump: Jump, changes: FloatArray, after: int) -> bool:
    """A picture at rest gives way to another one at rest in one step."""
    if jump.step < _REST or jump.step < _REST_LEAP * max(jump.beside, 0.25):
        return False
    near = np.concatenate([changes[max(0, after - 1 - _AROUND) : max(0, after - 1)], changes[after : after + _AROUND]])
    if len(near) < 3 or float(np.percentile(near, 90)) > jump.step / _REST_LEAP:
        return False
    step = np.abs(jump.after.astype(np.float32) - jump.before.astype(np.float32))
    return float((step > 6).mean()) > _REST_AREA and _replaced(jump) >= _REPLACED


def _replaced(jump: Jump) -> float:
    """The smaller of two shares: of the old picture's structure that is gone, and of the new one's that is new."""
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
    """Whether the picture before a jump is seen again right after: a flash, a passing object, a damaged picture."""
    step = alike(*jump.sides)
    times = thumbs.times_s
    later = [thumbs.luma[k] for k in range(after, len(thumbs)) if times[k] <= jump.time_s + _FLASH_S]
    if _best(jump.before, later) > max(0.75, step + 0.2):
        return True
    # the end of the flash: what follows the jump is what stood before the flash
    earlier = [thumbs.luma[k] for k in range(after) if times[k] >= jump.time_s - _FLASH_S]
    return _best(jump.after, earlier) > max(0.75, step + 0.2)


def _best(picture: Any, others: list[Any]) -> float:
    return max((alike_moved(picture, other) for other in others), default=-1.0)


def _colour_returns(jumps: tuple[Jump, ...], number: int) -> bool:
    """A jump of colour alone that is followed, or was preceded, by another one at once: coloured light that flashes."""
    time_s = jumps[number].time_s
    near = [*jumps[max(0, number - 1) : number], *jumps[number + 1 : number + 2]]
    return any(abs(other.time_s - time_s) <= _FLASH_S and other.colour_step > other.step for other in near)


def alike(a: Any, b: Any) -> float:
    """Correlation of two thumbnails, -1 to 1; for plain ones 1 where they are of like luma, else 0."""
    x, y = a.astype(np.float32), b.astype(np.float32)
    x, y = x - x.mean(), y - y.mean()
    power = float((x * x).sum() * (y * y).sum())
    if power < 1e4:
        return 1.0 if abs(float(a.mean()) - float(b.mean())) < 8 else 0.0
    return float((x * y).sum()) / float(np.sqrt(power))


def alike_moved(a: Any, b: Any) -> float:
    """As `alike`, the best over small shifts of one against the other."""
    height, width = a.shape
    my, mx = height // 8, width // 8
    core = a[my : height - my, mx : width - mx]
    shifts = [(dy, dx) for dy in (-my, -my // 2, 0, my // 2, my) for dx in (-mx, -mx // 2, 0, mx // 2, mx)]
    return max(alike(core, b[my + dy : height - my + dy, mx + dx : width - mx + dx]) for dy, dx in shifts)

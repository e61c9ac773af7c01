"""Hard cuts, to the picture: the jumps of the signals (`operators.video.thumbnails`), judged one by one.

A jump is the largest step from one picture to the next between two thumbnails that differ much. Most are movement,
flashes, or something that passes close by; a cut leaves a picture that no movement makes of the one before it, stands
out of the steps beside it, and does not bring the old picture back. All thresholds are grey levels (0 to 255) of
thumbnails about 64 px wide; they were set on rendered cuts, fades, dissolves, flashes and pans alone (bench/shots.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.analysis.signals import FloatArray, Jump, Thumbs, pixel_grid, quantile_reaches

_SCALE = 2  # as in `operators.analysis.flow`
_CUT = 8.0  # what no movement explains of a new picture
_RELATIVE = 0.5  # the same as a share of the picture's deviation
_ALIKE = 0.55  # correlation with the best that movement can make of the old picture
_LEAP = 1.8  # times the steps beside it
_CALM_LEAP = 5.0  # so far above them, shots that resemble each other are told apart as well
_LEAP_RELATIVE = 0.3
_LEAP_ALIKE = 0.55
_REST = 2.5  # a change of slides: small in luma, but out of complete rest
_REST_LEAP = 8.0
_SEEN = 6  # grey levels that a pixel changes by, at least
_REST_AREA = 0.06
_PATCH = 0.25  # share of the picture's area: a title on its panel, a caption or an inset changes a box that is smaller
_PATCH_FULL = 0.6  # and changes most of it; lines of text that give way to other lines leave gaps
_BOTH_WAYS = (
    0.006  # of the picture at least grows lighter, and as much darker: a line that is added to a slide does one
)
_REPLACED = 0.35  # or so much of the old picture's structure is gone and of the new one's is new
_FINE_POWER = 9.0  # grey levels squared: weaker structure is a coder's
_COLOUR = 12.0  # a change that luma alone does not show
_COLOUR_LEAP = 6.0
_FLASH_S = 0.4  # how long a flash or a hand before the lens may last
_LIKE = 0.75  # correlation from which a picture counts as seen again
_RETURNED = 0.3  # or so much of the jump is taken back: a flash leaves the edges where they are
_PLAIN = 4.0  # deviation below which nothing is alike but in luma
_BLACK = 20.0  # 98th percentile of luma: compression lifts black, and some files have it at 16
_AROUND = 6  # thumbnails to each side


def find_cuts(thumbs: Thumbs) -> list[float]:
    """Times of the first picture of each new shot, in order; those that were found already, if they were."""
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
            continue  # a fade's end, or a black stretch's: told as such
        after = int(np.searchsorted(thumbs.times_s, jump.time_s - 1e-6))
        beside = max(jump.beside, _usual(changes, after))
        explained = _explained(jump.before, jump.after, dis)
        new = _is_new_shot(explained, jump, dis) or _out_of_rest(jump, changes, after)
        new = new or (_is_new_colour(jump, beside) and not _colour_returns(thumbs.jumps, number))
        if new and not _comes_back(thumbs, jump, after):
            cuts.append(jump.time_s)
    return cuts


def _is_new_shot(explained: tuple[float, float, float], jump: Jump, dis: Any) -> bool:
    """Whether movement explains a jump badly, and far worse than the steps beside it.

    Args:
        explained: what `_explained` says of the jump.
    """
    left, relative, alike = explained
    torn = left >= _CUT and relative >= _RELATIVE and alike <= _ALIKE
    leapt = left >= _CUT and relative >= _LEAP_RELATIVE and alike <= _LEAP_ALIKE
    if not (torn or leapt):
        return False  # most are not, and the steps beside them need no look
    moving = max(_left(jump.earlier, jump.before, dis), _left(jump.after, jump.later, dis))
    return (torn and left >= _LEAP * moving) or (leapt and left >= _CALM_LEAP * moving)


def _is_new_colour(jump: Jump, beside: float) -> bool:
    """A new shot of the old one's luma."""
    return jump.step < _CUT and jump.colour_step >= _COLOUR and jump.colour_step >= _COLOUR_LEAP * max(beside, 0.5)


def _usual(changes: FloatArray, after: int) -> float:
    """The usual step from picture to picture around a jump, guessed from the thumbnails on both sides of it.

    They lie several pictures apart, and movement adds up: the guess is on the careful side.
    """
    at = after - 1  # the pair of thumbnails that the jump lies in
    around = np.concatenate([changes[max(0, at - _AROUND) : max(0, at)], changes[at + 1 : at + 1 + _AROUND]])
    real = around[around > 0.05]  # repeated pictures left out: a slow source under faster thumbnails moves in jumps
    return float(np.median(real)) / 2 if len(real) >= 3 else 0.0


def _explained(before: Any, after: Any, dis: Any) -> tuple[float, float, float]:
    """What optical flow leaves of a step: mean luma difference, its share of the deviation, and the correlation."""
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
    """The first of `_explained`; 0 where a picture is not there."""
    return 0.0 if before is None or after is None else _explained(before, after, dis)[0]


def _out_of_rest(jump: Jump, changes: FloatArray, after: int) -> bool:
    """A picture at rest gives way to another one at rest in one step."""
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
    """Whether what changed is painted over a picture, or wiped off it, and leaves the rest of it as it was."""
    rows, columns = np.nonzero(changed)
    if not len(rows):
        return False
    # a few specks of noise elsewhere do not make the box larger
    height, width = (float(np.subtract(*np.percentile(at, (98, 2)))) + 1 for at in (rows, columns))
    return height * width < _PATCH * changed.size and len(rows) > _PATCH_FULL * height * width


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
    times = thumbs.times_s
    later = [thumbs.luma[k] for k in range(after, len(thumbs)) if times[k] <= jump.time_s + _FLASH_S]
    if _seen_again(jump.before, later, jump):
        return True
    # the end of the flash: what follows the jump is what stood before the flash
    earlier = [thumbs.luma[k] for k in range(after) if times[k] >= jump.time_s - _FLASH_S]
    return _seen_again(jump.after, earlier, jump)


def _seen_again(picture: Any, others: list[Any], jump: Jump) -> bool:
    """Whether one of `others` is far more like `picture` than the two sides of the jump are like each other."""
    step = alike(*jump.sides)
    plain = float(picture.std()) < _PLAIN
    for other in others:
        like = alike_moved(picture, other)
        near = float(np.abs(picture.astype(np.float32) - other).mean()) <= jump.step * _RETURNED
        if like > _LIKE and (near or (like > step + 0.2 and not plain)):
            return True
    return False


def _colour_returns(jumps: tuple[Jump, ...], number: int) -> bool:
    """A jump of colour that is followed, or was preceded, by a like one at once: coloured light that flashes."""
    this = jumps[number]
    near = [*jumps[max(0, number - 2) : number], *jumps[number + 1 : number + 3]]
    return any(abs(j.time_s - this.time_s) <= _FLASH_S and j.colour_step >= this.colour_step / 2 for j in near)


def is_black(picture: Any) -> bool:
    """Whether a thumbnail is black throughout."""
    return not quantile_reaches(picture, 0.98, _BLACK)


def alike(a: Any, b: Any) -> float:
    """Correlation of two thumbnails, -1 to 1; for plain ones 1 where they are of like luma, else 0."""
    return _alike(_centred(a), _centred(b))


def _centred(picture: Any) -> tuple[Any, Any, Any]:
    """A thumbnail, its distance from its mean, and the sum of the squares of that."""
    x = picture.astype(np.float32)
    x = x - x.mean()
    return picture, x, (x * x).sum()


def _alike(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> float:
    (a, x, of_x), (b, y, of_y) = one, other
    power = float(of_x * of_y)
    if power < 1e4:
        return 1.0 if abs(float(a.mean()) - float(b.mean())) < 8 else 0.0
    return float((x * y).sum()) / float(np.sqrt(power))


def alike_moved(a: Any, b: Any) -> float:
    """As `alike`, the best over small shifts of one against the other."""
    height, width = a.shape
    my, mx = height // 8, width // 8
    core = _centred(a[my : height - my, mx : width - mx])
    shifts = [(dy, dx) for dy in (-my, -my // 2, 0, my // 2, my) for dx in (-mx, -mx // 2, 0, mx // 2, mx)]
    return max(_alike(core, _centred(b[my + dy : height - my + dy, mx + dx : width - mx + dx])) for dy, dx in shifts)

"""TransNet V2, the shot detector of Souček and Lokoč (arXiv 2008.04838), on every frame of a pass.

The network gets frames of 48x27 in windows of 100 and scores the middle 50. Its weights are loaded from a path, in the
layout of the authors' PyTorch version; no weights are packaged. PyTorch is imported at first use.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.images import turn_deg

_WIDTH_PX, _HEIGHT_PX = 48, 27
_WINDOW = 100  # frames that the network sees at once
_STEP = 50  # of which it judges those in the middle
_MARGIN = (_WINDOW - _STEP) // 2
_LOOK = 50  # frames to each side that one is compared with
_DILATIONS = (1, 2, 4, 8)
_BLOCKS = (16, 32, 64)  # filters of each convolution; four side by side
_NORM_EPSILON = 1e-3


class ShotNet:
    """Processes every frame of a pass, in order, and finds the starts of shots.

    Args:
        weights: path of a state dict, see `load`.
        threshold: score of the head that marks one frame a change, from which a change counts; 0.5 is the authors'.

    Raises:
        ItemError: class `internal`, as `load`.
    """

    def __init__(self, weights: str, threshold: float) -> None:
        from av.video.reformatter import VideoReformatter

        self._weights = load(weights)
        self._threshold = threshold
        self._scale = VideoReformatter()  # keeps its tables from frame to frame
        self._times_s: list[float] = []
        self._waiting: list[Any] = []  # frames that a window still needs
        self._scores: list[Any] = []

    def see(self, time_s: float, frame: Any) -> None:
        """Process the next frame; the network runs whenever a window is full."""
        turn = turn_deg(frame)
        width, height = (_WIDTH_PX, _HEIGHT_PX) if turn % 180 == 0 else (_HEIGHT_PX, _WIDTH_PX)
        small = self._scale.reformat(frame, width, height, "rgb24", interpolation="BICUBIC").to_ndarray()
        image = np.rot90(small, -turn // 90)
        if not self._times_s:
            self._waiting = [image] * _MARGIN
        self._times_s.append(time_s)
        self._waiting.append(image)
        if len(self._waiting) == _WINDOW:
            self._judge()

    def cuts_s(self) -> list[float]:
        """Times of the first frame of each new shot; that of a dissolve is in its middle. Call it once, at the end."""
        while len(self._times_s) > len(self._scores) * _STEP:
            self._waiting += [self._waiting[-1]] * (_WINDOW - len(self._waiting))
            self._judge()
        scores = np.concatenate(self._scores)[: len(self._times_s)] if self._scores else np.zeros(0)
        over = np.flatnonzero(np.diff(np.r_[False, scores > self._threshold, False].astype(np.int8)))
        # the frame with the highest score of each run is the last one before the change
        last = [a + int(np.argmax(scores[a:b])) for a, b in zip(over[::2].tolist(), over[1::2].tolist(), strict=True)]
        return [self._times_s[k + 1] for k in last if k + 1 < len(self._times_s)]

    def _judge(self) -> None:
        self._scores.append(scores(self._weights, np.stack(self._waiting))[_MARGIN : _MARGIN + _STEP])
        self._waiting = self._waiting[_STEP:]


@cache
def load(path: str) -> dict[str, Any]:
    """The weights in a file that holds the state dict of the authors' PyTorch version, as tensors by name.

    Raises:
        ItemError: class `internal`, in one line: PyTorch is not installed, or the file holds something else.
    """
    try:
        import torch
    except ModuleNotFoundError as problem:
        raise ItemError(
            "internal",
            "decode.shots is transnetv2, but PyTorch is not installed: pip install 'longcap[transnetv2]' "
            "(or set decode.shots: thumbnails)",
        ) from problem
    torch.set_num_threads(1)  # one actor, one core: the scheduler counts on it
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (
        Exception
    ) as problem:  # pickle, zip and torch each have errors of their own for a file that is something else
        why = " ".join(str(problem).split())[:120]
        raise ItemError("internal", f"decode.shots_weights: {path} is no PyTorch state dict ({why})") from problem
    found = found if isinstance(found, dict) else {}
    wanted = layout()
    for name, shape in wanted.items():
        have = getattr(found.get(name), "shape", None)
        if have is None or tuple(have) != shape:
            lies = "is not there" if have is None else f"has the shape {tuple(have)}"
            raise ItemError(
                "internal",
                f"decode.shots_weights: {path} is not TransNetV2's state dict: {name}, of shape {shape}, {lies}",
            )
    return {name: found[name].float() for name in wanted}


def layout() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the state dict that the network uses."""
    shapes: dict[str, tuple[int, ...]] = {}
    sides = len(_DILATIONS)
    for k, (before, filters) in enumerate(pairwise((3, *_BLOCKS))):
        for j, inputs in enumerate((before if k == 0 else before * sides, filters * sides)):
            cell = f"SDDCNN.{k}.DDCNN.{j}"
            for dilation in _DILATIONS:
                shapes[f"{cell}.Conv3D_{dilation}.layers.0.weight"] = (2 * filters, inputs, 1, 3, 3)
                shapes[f"{cell}.Conv3D_{dilation}.layers.1.weight"] = (filters, 2 * filters, 3, 1, 1)
            for name in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{cell}.bn.{name}"] = (filters * sides,)
    features = _BLOCKS[-1] * sides * (_HEIGHT_PX // 8) * (_WIDTH_PX // 8)
    layers = {
        "frame_sim_layer.projection": (128, sum(_BLOCKS) * sides),
        "frame_sim_layer.fc": (128, 2 * _LOOK + 1),
        "color_hist_layer.fc": (128, 2 * _LOOK + 1),
        "fc1": (1024, features + 2 * 128),
        "cls_layer1": (1, 1024),
    }
    for name, shape in layers.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    return shapes


def scores(weights: dict[str, Any], frames: Any) -> Any:
    """How likely each frame is the last one before a change, 0 to 1: the head that marks one frame a change.

    Args:
        weights: of `load`.
        frames: uint8, shape (n, 27, 48, 3), RGB.

    Returns:
        float32, shape (n,).
    """
    import torch
    from torch.nn import functional

    def linear(name: str, x: Any) -> Any:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def near(name: str, x: Any) -> Any:
        """How like each frame those around it are, by the cosine of what is known of them."""
        unit = functional.normalize(x, dim=1)
        padded = functional.pad(unit @ unit.T, (_LOOK, _LOOK))
        around = torch.arange(len(x))[:, None] + torch.arange(2 * _LOOK + 1)
        return functional.relu(linear(name, padded.gather(1, around)))

    with torch.inference_mode():
        seen = torch.from_numpy(np.ascontiguousarray(frames))
        x = seen.permute(3, 0, 1, 2)[None].float() / 255
        means = []
        for k in range(len(_BLOCKS)):
            first = functional.relu(_dilated(weights, f"SDDCNN.{k}.DDCNN.0", x))
            x = functional.relu(_dilated(weights, f"SDDCNN.{k}.DDCNN.1", first)) + first
            x = functional.avg_pool3d(x, (1, 2, 2))
            means.append(x.mean(dim=(3, 4))[0].T)
        flat = x[0].permute(1, 2, 3, 0).reshape(len(seen), -1)
        alike = near("frame_sim_layer.fc", linear("frame_sim_layer.projection", torch.cat(means, dim=1)))
        colours = near("color_hist_layer.fc", _histograms(seen))
        hidden = functional.relu(linear("fc1", torch.cat([colours, alike, flat], dim=1)))
        return torch.sigmoid(linear("cls_layer1", hidden))[:, 0].numpy()


def _dilated(weights: dict[str, Any], cell: str, x: Any) -> Any:
    """Convolutions over space, then over time with four strides side by side, normalised."""
    import torch
    from torch.nn import functional

    sides = []
    for dilation in _DILATIONS:
        name = f"{cell}.Conv3D_{dilation}.layers"
        space = functional.conv3d(x, weights[f"{name}.0.weight"], padding=(0, 1, 1))
        time = functional.conv3d(
            space, weights[f"{name}.1.weight"], padding=(dilation, 0, 0), dilation=(dilation, 1, 1)
        )
        sides.append(time)
    mean, variance, scale, shift = (
        weights[f"{cell}.bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(torch.cat(sides, dim=1), mean, variance, scale, shift, eps=_NORM_EPSILON)


def _histograms(frames: Any) -> Any:
    """Of each frame, colours in 8 steps a channel: float32, shape (n, 512)."""
    import torch

    steps = frames.long() >> 5
    bins = (steps[..., 0] << 6) + (steps[..., 1] << 3) + steps[..., 2]
    bins = bins.flatten(1) + 512 * torch.arange(len(frames))[:, None]
    return torch.bincount(bins.flatten(), minlength=512 * len(frames)).view(-1, 512).float()


def check(path: str) -> None:
    """A job of the decoding process: raises what `load` raises."""
    load(path)

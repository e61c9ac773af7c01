"""Evidence lines from detections, and detectors with weights by path."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longcap.testing import check_operator
from operators.detection.detect import Detect
from operators.detection.detectors import torchvision as torchvision_module
from operators.detection.detectors.base import DetectorSpec, Found, RunningDetector
from operators.detection.detectors.onnx import Onnx, read_outputs, suppressed
from operators.detection.detectors.registry import REGISTRY
from operators.detection.detectors.torchvision import Torchvision
from operators.detection.lines import describe, lines_of
from operators.engines.base import EngineRefused
from tests.support.painted import segment

PERSON = Found("person", 0.9, (0.4, 0.2, 0.6, 0.9))
DOG = Found("dog", 0.8, (0.05, 0.7, 0.3, 0.95))
BALL = Found("ball", 0.7, (0.45, 0.5, 0.5, 0.55))


def test_a_line_says_how_many_where_and_beside_what() -> None:
    assert describe([PERSON, DOG]) == (
        "a dog, a person; a person in the centre; a dog at the lower left; a dog left of a person"
    )
    assert describe([PERSON, PERSON, BALL]).startswith("2 people, a ball; ")
    assert describe([PERSON, BALL]).endswith("a ball within the outline of a person")
    assert describe([Found("umbrella", 0.6)]) == "an umbrella", "a label of the whole frame has no place"


def test_a_line_stands_as_long_as_the_same_things_are_seen() -> None:
    seen = [[PERSON], [PERSON], [PERSON, DOG], [PERSON], [DOG], [DOG], []]
    found = lines_of([(float(k), k + 1.0, things) for k, things in enumerate(seen)])
    assert [(i["start_s"], i["end_s"], i["text"].partition(";")[0]) for i in found] == [
        (0, 4, "a person"),
        (4, 6, "a dog"),
    ], "the dog of one frame flickers"


@given(st.lists(st.lists(st.sampled_from([PERSON, DOG, BALL]), max_size=4), max_size=10))
@example([[], [PERSON], [], [PERSON], []])
def test_lines_never_overlap_and_stand_where_something_is_seen(seen: list[list[Found]]) -> None:
    found = lines_of([(float(k), k + 1.0, things) for k, things in enumerate(seen)])
    assert all(a["end_s"] <= b["start_s"] for a, b in pairwise(found))
    assert all(0 <= i["confidence"] <= 1 and i["text"] and i["end_s"] > i["start_s"] for i in found)


@dataclass(frozen=True, kw_only=True)
class Bright(DetectorSpec):
    """Sees a lamp where a frame is not black."""

    version: ClassVar[int] = 1

    @property
    def model_id(self) -> str:
        return "bright"

    @contextmanager
    def open(self) -> Iterator[RunningDetector]:
        yield _Bright()


class _Bright(RunningDetector):
    def detect(self, image: Any) -> Sequence[Found]:
        return [Found("lamp", float(image.max()) / 255, (0.0, 0.0, 0.2, 0.2)), Found("shade", 0.1)]


def test_the_operator_writes_lines_and_boxes() -> None:
    (made,) = check_operator(Detect(detector=Bright(), min_score=0.3), [segment([], 3.0)], other={"min_score": 0.4})
    assert made["objects"] == [] or made["objects"][0]["text"].startswith("a lamp; a lamp at the upper left")
    assert len(made["boxes"]) == 3 and {b["label"] for b in made["boxes"]} == {"lamp"}
    assert made["detector"] == "bright"


def test_outputs_of_all_forms_are_read() -> None:
    corners = np.array([[[10, 20, 30, 60, 0.9, 1], [0, 0, 5, 5, 0.2, 0]]], np.float32)
    boxes, labels, scores = read_outputs({"output0": corners})
    assert boxes[0].tolist() == [10, 20, 30, 60] and labels[0] == 1 and scores[0] == pytest.approx(0.9)
    centres = np.zeros((1, 6, 3), np.float32)
    centres[0, :, 0] = [20, 40, 20, 40, 0.1, 0.9]
    boxes, labels, scores = read_outputs({"output0": centres})
    assert boxes[0].tolist() == [10, 20, 30, 60] and labels[0] == 1 and scores[0] == pytest.approx(0.9)
    named = {"boxes": boxes[None], "labels": labels[None], "scores": scores[None]}
    assert read_outputs(named)[0].shape == boxes.shape
    with pytest.raises(ValueError, match=r"has the shape \(3,\)"):
        read_outputs({"x": np.zeros(3)})


def test_of_boxes_of_one_label_that_cover_each_other_the_best_is_left() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]], np.float64)
    assert suppressed(boxes, np.array([0, 0, 1, 0]), np.array([0.8, 0.9, 0.7, 0.01])) == [1, 2]


def test_weights_by_path_are_checked_and_part_of_the_key(tmp_path: Path) -> None:
    for spec in (Torchvision(weights=str(tmp_path / "no.pth")), Onnx(weights=str(tmp_path / "no.onnx"))):
        with pytest.raises(ValueError, match="there are no weights at"):
            spec.check()
    (tmp_path / "a.onnx").write_bytes(b"one")
    (tmp_path / "b.onnx").write_bytes(b"two")
    one, other = (Onnx(weights=str(tmp_path / name)) for name in ("a.onnx", "b.onnx"))
    assert one.identity_extra() != other.identity_extra()
    with pytest.raises(EngineRefused, match="does not load: ") as caught, one.open():
        pass
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="did you mean onnx"):
        REGISTRY.parse("onx")


def test_a_model_of_torchvision_loads_its_state_and_detects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    detection = pytest.importorskip("torchvision.models.detection")
    if not importlib.import_module("torchvision.extension")._has_ops():  # built for another PyTorch than this one
        boxes = importlib.import_module("torchvision.models.detection.ssd").box_ops
        monkeypatch.setattr(boxes, "batched_nms", lambda boxes, scores, labels, most: scores.argsort(descending=True))
    torch.manual_seed(0)
    name = "ssdlite320_mobilenet_v3_large"
    labels = tmp_path / "labels.txt"
    labels.write_text("background\ncat\ndog\n")
    made = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=3)
    torch.save(made.state_dict(), tmp_path / "w.pth")
    spec = Torchvision(model=name, weights=str(tmp_path / "w.pth"), labels=str(labels), device="cpu")
    image = np.random.default_rng(0).integers(0, 255, (120, 200, 3), np.uint8)
    with spec.open() as running:
        first, second = running.detect(image), running.detect(image)
    assert first == second and all(f.label in ("cat", "dog") for f in first)
    torch.set_default_dtype(torch.bfloat16)  # as another thread does while it loads such a model
    try:
        built = torchvision_module._Running(spec)
    finally:
        torch.set_default_dtype(torch.float32)
    assert built.detect(image) == first
    assert all(f.box is not None and min(f.box) >= -1e-6 and max(f.box) <= 1 + 1e-6 for f in first)
    with pytest.raises(EngineRefused, match=r"it is not a detection model; known are .*ssdlite320"):
        with Torchvision(model="yolo", weights=str(tmp_path / "w.pth"), labels=str(labels)).open():
            pass

"""Detectors of torchvision, with weights by path: a state dict of any of its detection models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import SIZING, ItemError
from operators.detection.detectors.base import (
    DetectorSpec,
    Found,
    RunningDetector,
    check_files,
    names_in,
    weights_digest,
)
from operators.engines.base import EngineRefused

INSTALL = "pip install 'longcap[transformers]'"


@dataclass(frozen=True, kw_only=True)
class Torchvision(DetectorSpec):
    """For example Faster R-CNN or SSDLite, trained on COCO or on your own classes."""

    version: ClassVar[int] = 1

    kind: Literal["torchvision"] = "torchvision"
    model: Annotated[
        str,
        Field(description="name of a detection model, such as ssdlite320_mobilenet_v3_large"),
    ] = "fasterrcnn_resnet50_fpn_v2"
    weights: Annotated[str, Field(min_length=1, description="path of its state dict, the same on every machine")]
    labels: Annotated[
        str | None,
        Field(description="file of class names, one per line, the first for the background; null: COCO's"),
    ] = None
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="device"), SIZING] = "auto"
    cpu_threads: Annotated[int, Field(ge=1, description="threads on a CPU"), SIZING] = 1

    @property
    def model_id(self) -> str:
        return f"torchvision {self.model} {Path(self.weights).name}"

    @property
    def gpus(self) -> float:
        return 0.0 if self.device == "cpu" else 1.0

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), "weights_digest": weights_digest(self.weights)}

    def check(self, *, elsewhere: bool = False) -> None:
        missing = [p for p in ("torch", "torchvision") if find_spec(p) is None]
        if missing and not elsewhere:
            raise ValueError(f"detector torchvision needs {', '.join(missing)}; {INSTALL}")
        if not elsewhere:
            check_files("detector torchvision", self.weights, self.labels)

    @contextmanager
    def open(self) -> Iterator[RunningDetector]:
        try:
            self.check()
            running = _Running(self)
            running.detect(np.zeros((32, 32, 3), np.uint8))  # a torchvision of another PyTorch fails only here
        except (ValueError, OSError, RuntimeError, KeyError, TypeError, AttributeError, ItemError) as error:
            line = " ".join(str(error).split())[:300]
            raise EngineRefused(f"detector torchvision: {self.model} does not load: {line}") from error
        yield running


class _Running(RunningDetector):
    def __init__(self, spec: Torchvision) -> None:
        import torch
        from torchvision.models import detection, get_model_weights

        self._torch = torch
        makers = detection.__dict__
        if not callable(makers.get(spec.model)):
            known = sorted(n for n in makers if n.startswith(("fasterrcnn_", "fcos_", "retinanet_", "ssd")))
            raise ValueError(f"it is not a detection model; known are {', '.join(n for n in known if '_' in n)}")
        if spec.labels is not None:
            self._names = names_in(spec.labels)
        else:
            self._names = list(get_model_weights(spec.model).DEFAULT.meta["categories"])
        cuda = spec.device == "cuda" or (spec.device == "auto" and torch.cuda.is_available())
        self._device = "cuda" if cuda else "cpu"
        if not cuda:
            torch.set_num_threads(spec.cpu_threads)
        model = makers[spec.model](weights=None, weights_backbone=None, num_classes=len(self._names))
        state = torch.load(Path(spec.weights).expanduser(), map_location="cpu", weights_only=True)
        model.float().load_state_dict(state)  # float: loading a model in another thread changes the default dtype
        self._model: Any = model.to(self._device).eval()

    def detect(self, frame: Any) -> Sequence[Found]:
        torch = self._torch
        height, width = frame.shape[:2]
        tensor = torch.from_numpy(frame.transpose(2, 0, 1).copy()).to(self._device).float() / 255
        try:
            with torch.inference_mode():
                (found,) = self._model([tensor])
        except RuntimeError as error:
            raise ItemError("engine", f"torchvision: {' '.join(str(error).split())[:300]}") from error
        boxes, labels, scores = (found[name].cpu().tolist() for name in ("boxes", "labels", "scores"))
        return [
            Found(self._names[label], score, (a / width, b / height, c / width, d / height))
            for (a, b, c, d), label, score in zip(boxes, labels, scores, strict=True)
            if 0 < label < len(self._names)
        ]

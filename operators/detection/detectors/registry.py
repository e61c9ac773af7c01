"""Names of detectors in a config: `detector: efficientnet`, or `{kind: torchvision, weights: …}` with fields."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from operators.core import entry_points
from operators.core.named import Registry
from operators.detection.detectors.base import DetectorSpec

_HERE = "operators.detection.detectors"
DETECTORS: dict[str, str] = {
    "efficientnet": f"{_HERE}.efficientnet:EfficientNet",
    "onnx": f"{_HERE}.onnx:Onnx",
    "torchvision": f"{_HERE}.torchvision:Torchvision",
}
"""kind -> "module:Class" of the specs that ship with Longcap."""

REGISTRY: Registry[DetectorSpec] = Registry(
    noun="detector",
    base=DetectorSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=DETECTORS,
    group=entry_points.DETECTORS,
)

AnyDetector: TypeAlias = Annotated[DetectorSpec, *REGISTRY.annotations()]
"""The type of a field `detector`."""

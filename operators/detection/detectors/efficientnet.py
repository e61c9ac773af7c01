"""Tag whole frames with EfficientNet-Lite0 and the weights of a package: 1,000 classes of ImageNet, no boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from operators.analysis.efficientnet import Network, check_installed
from operators.analysis.labels import class_names
from operators.detection.detectors.base import DetectorSpec, Found, RunningDetector
from operators.engines.base import EngineRefused

_BEST = 3


@dataclass(frozen=True, kw_only=True)
class EfficientNet(DetectorSpec):
    """The class of a whole frame; below a score of 0.5 most labels are wrong."""

    version: ClassVar[int] = 1

    kind: Literal["efficientnet"] = "efficientnet"

    @property
    def model_id(self) -> str:
        return "efficientnet lite0-imagenet"

    def check(self, *, elsewhere: bool = False) -> None:
        if not elsewhere:
            check_installed("detector efficientnet")

    @contextmanager
    def open(self) -> Iterator[RunningDetector]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        yield _Running(Network(), class_names())


class _Running(RunningDetector):
    def __init__(self, network: Network, names: list[str]) -> None:
        self._network, self._names = network, names

    def detect(self, frame: Any) -> Sequence[Found]:
        scores = self._network.scores(frame)
        best = (-scores).argsort(kind="stable")[:_BEST]
        return [Found(self._names[k], float(scores[k])) for k in best]

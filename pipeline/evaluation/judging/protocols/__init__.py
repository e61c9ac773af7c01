"""What judges are asked: a protocol a family of published metrics, each a small class with `name`, `metrics`, `applies`
and `judge`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol as Shape

from pipeline.evaluation.judging.case import Asking, Case, Found
from pipeline.evaluation.judging.protocols.events import AtomicEvents
from pipeline.evaluation.judging.protocols.keypoints import KeyPointF1, KeyPoints
from pipeline.evaluation.judging.protocols.quality import Quality
from pipeline.evaluation.judging.protocols.questions import Binary, Memory, MemoryWithNotes, Vdc, YesNo
from pipeline.evaluation.scores.metrics import Metric

VERSION = 1
"""Raised whenever the same answers would give other values."""


class Protocol(Shape):
    """A family of metrics.

    Attributes:
        name: by which `--protocol` knows it.
        metrics: name -> what its column says.
    """

    name: str
    metrics: Mapping[str, Metric]

    def applies(self, case: Case) -> bool:
        """Whether the references of a caption have what it needs."""
        ...

    def judge(self, case: Case, ask: Asking) -> Found:
        """Values and units of one caption."""
        ...


PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        KeyPoints(), KeyPointF1(), AtomicEvents(), YesNo(), Vdc(), Memory(), MemoryWithNotes(), Binary(), Quality()
    )
}  # fmt: skip

EXTRA = frozenset({"memory_notes"})
"""Protocols that are asked only by name: they cost a request for each question."""

METRICS: dict[str, Metric] = {name: metric for one in PROTOCOLS.values() for name, metric in one.metrics.items()}

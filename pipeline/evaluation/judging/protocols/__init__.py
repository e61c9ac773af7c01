"""Protocols: what judges are asked. Each is a small class for one family of published metrics, with `name`, `metrics`,
`applies` and `judge`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol as Shape

from pipeline.evaluation.judging.case import Asking, Case, Found
from pipeline.evaluation.judging.protocols.events import AtomicEvents
from pipeline.evaluation.judging.protocols.keypoints import KeyPointF1, KeyPoints
from pipeline.evaluation.judging.protocols.quality import Quality
from pipeline.evaluation.judging.protocols.questions import Binary, Memory, MemoryWithNotes, Vdc, YesNo
from pipeline.evaluation.scores.metrics import Metric

VERSION = 3
"""Raised when the same answers give different values or units."""


class Protocol(Shape):
    """A family of metrics.

    Attributes:
        name: its name for `--protocol`.
        metrics: name -> description of its column.
    """

    name: str
    metrics: Mapping[str, Metric]

    def applies(self, case: Case) -> bool:
        """Whether the references of a caption have what the protocol needs."""
        ...

    def judge(self, case: Case, ask: Asking) -> Found:
        """Return values and units of one caption."""
        ...


PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        KeyPoints(), KeyPointF1(), AtomicEvents(), YesNo(), Vdc(), Memory(), MemoryWithNotes(), Binary(), Quality()
    )
}  # fmt: skip

EXTRA = frozenset({"memory_notes"})
"""Protocols that run only if named, since they cost a request per question."""

METRICS: dict[str, Metric] = {name: metric for one in PROTOCOLS.values() for name, metric in one.metrics.items()}
